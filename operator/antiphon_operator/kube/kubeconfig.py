"""A kubeconfig as it is written, turned into access to a cluster."""

from __future__ import annotations

import base64
import binascii
import ssl
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from antiphon_operator.kube.credentials import Access, TokenFile
from antiphon_operator.kube.errors import AccessError
from antiphon_operator.kube.exec_credentials import ExecProgram

_REFUSED = {
    "auth-provider": "asks a provider plugin for credentials",
    "as": "impersonates",
}


def access_of_file(path: Path, context: str | None = None) -> Access:
    """AccessError says which file, which context, and what there is."""
    config = _read(path)
    name = context or config.get("current-context") or ""
    if not name:
        raise AccessError(f"{path}: no current context; choose one of {_names(config, 'context')} with --context NAME")
    entry = _Entry(path, config)
    chosen = entry.named("context", name)
    cluster = entry.named("cluster", chosen.get("cluster") or "")
    user = entry.named("user", chosen["user"]) if chosen.get("user") else {}
    return entry.access(name, cluster, user, chosen.get("namespace") or "default")


def _read(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AccessError(f"{path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AccessError(f"{path} is no kubeconfig: {error}") from error
    if not isinstance(config, dict):
        raise AccessError(f"{path} is no kubeconfig: it holds no object")
    return config


def _names(config: Mapping[str, Any], kind: str) -> str:
    found = [str(entry.get("name")) for entry in config.get(f"{kind}s") or [] if isinstance(entry, dict)]
    return ", ".join(sorted(found)) or "(none)"


class _Entry:
    """One kubeconfig. Paths in it are relative to its folder."""

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self._path = path
        self._config = config

    def named(self, kind: str, name: str) -> Mapping[str, Any]:
        for entry in self._config.get(f"{kind}s") or []:
            if isinstance(entry, dict) and entry.get("name") == name:
                return entry.get(kind) or {}
        raise AccessError(f"{self._path}: no {kind} {name!r}; there is {_names(self._config, kind)}")

    def access(self, context: str, cluster: Mapping[str, Any], user: Mapping[str, Any], namespace: str) -> Access:
        origin = f"{self._path}, context {context}"
        server = str(cluster.get("server") or "").rstrip("/")
        if not server.startswith(("http://", "https://")):
            raise AccessError(f"{origin}: its cluster has no server that begins with http:// or https://")
        self._refuse(origin, cluster, user)
        program = self._program(origin, cluster, user)
        try:
            return Access(
                server=server,
                default_namespace=namespace,
                origin=origin,
                tls=self._tls(cluster, user, program) if server.startswith("https:") else None,
                authorization=program or self._authorization(user),
                proxy_url=str(cluster.get("proxy-url") or ""),
            )
        except (OSError, ssl.SSLError, binascii.Error, UnicodeDecodeError) as error:
            raise AccessError(f"{origin}: its credentials can't be used: {error}") from error

    def _refuse(self, origin: str, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> None:
        for key, does in _REFUSED.items():
            if user.get(key):
                raise AccessError(
                    f"{origin}: its user {does} ({key}), which is not supported. Use a context with a token or a "
                    "client certificate, such as a service account's (kubectl create token)"
                )
        if cluster.get("tls-server-name"):
            raise AccessError(f"{origin}: its cluster sets tls-server-name, which is not supported")

    def _program(self, origin: str, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ExecProgram | None:
        if not user.get("exec"):
            return None
        try:
            return ExecProgram(user["exec"], cluster, self._path.parent)
        except AccessError as error:
            raise AccessError(f"{origin}: {error}") from error

    def _authorization(self, user: Mapping[str, Any]) -> Callable[[], str]:
        if user.get("tokenFile"):
            return TokenFile(self._absolute(user["tokenFile"]))
        value = ""
        if user.get("token"):
            value = f"Bearer {user['token']}"
        elif user.get("username"):
            pair = f"{user['username']}:{user.get('password') or ''}"
            value = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return lambda: value

    def _tls(self, cluster: Mapping[str, Any], user: Mapping[str, Any], program: ExecProgram | None) -> ssl.SSLContext:
        authority = self._content(cluster, "certificate-authority")
        context = ssl.create_default_context(cadata=authority.decode() if authority else None)
        if cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        certificate, key = self._content(user, "client-certificate"), self._content(user, "client-key")
        if program and program.credential.certificate:
            certificate, key = program.credential.certificate, program.credential.key
        if certificate and key:
            _present(context, certificate, key)
        return context

    def _content(self, entry: Mapping[str, Any], name: str) -> bytes | None:
        """What a field holds, in the kubeconfig itself or in the file that it names."""
        if data := entry.get(f"{name}-data"):
            return base64.b64decode(data, validate=True)
        return self._absolute(entry[name]).read_bytes() if entry.get(name) else None

    def _absolute(self, path: str) -> Path:
        return self._path.parent / Path(path).expanduser()


def _present(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    with tempfile.NamedTemporaryFile() as both:  # ssl reads certificates from files only
        both.write(certificate + b"\n" + key)
        both.flush()
        context.load_cert_chain(both.name)
