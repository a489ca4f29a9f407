"""Where the API server is and how to speak to it: from a kubeconfig, or from the pod's service account."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from antiphon_operator.kube.credentials import Access, TokenFile
from antiphon_operator.kube.errors import AccessError
from antiphon_operator.kube.kubeconfig import access_of_file

__all__ = ["Access", "load_access"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def load_access(
    kubeconfig: Path | None = None,
    context: str | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    home: Path | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> Access:
    """The given file, else that of $KUBECONFIG, else the pod's service account, else ~/.kube/config.

    A context is looked for in kubeconfigs only. AccessError where nothing is found, or where it makes no sense.
    """
    path = kubeconfig or _named_by_environment(environment)
    if path:
        return access_of_file(path, context)
    if not context and (inside := _in_cluster(environment, service_account)):
        return inside
    path = (home or Path.home()) / ".kube" / "config"
    if path.exists():
        return access_of_file(path, context)
    raise AccessError(
        f"no cluster: $KUBECONFIG is not set, {path} does not exist, and this is no pod with a service account. "
        "Name a kubeconfig with --kubeconfig FILE"
    )


def _named_by_environment(environment: Mapping[str, str]) -> Path | None:
    """The first file of the list that exists."""
    paths = [Path(part) for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    if not paths:
        return None
    for path in paths:
        if path.exists():
            return path
    raise AccessError(f"$KUBECONFIG names {os.pathsep.join(map(str, paths))}: there is no such file")


def _in_cluster(environment: Mapping[str, str], folder: Path) -> Access | None:
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "443")
    token = folder / "token"
    if not host or not token.exists():
        return None
    authority, namespace = folder / "ca.crt", folder / "namespace"
    try:
        return Access(
            server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            default_namespace=namespace.read_text(encoding="utf-8").strip() if namespace.exists() else "default",
            origin=f"the service account in {folder}",
            tls=ssl.create_default_context(cafile=authority if authority.exists() else None),
            authorization=TokenFile(token),
        )
    except (OSError, ssl.SSLError) as error:
        raise AccessError(f"the service account in {folder} can't be used: {error}") from error
