"""`antiphon operator`: the process in the operator's pods."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from antiphon_operator.images import RUNTIME_IMAGE
from antiphon_operator.kube.errors import KubeError
from antiphon_operator.operate.garbage import look_seldom
from antiphon_operator.operate.settings import OperatorSettings
from antiphon_operator.rendering.plan import RenderSettings

_DEFAULT_NAMESPACE = "antiphon-system"


def operator(
    kubeconfig: Annotated[Path | None, typer.Option(help="Default: $KUBECONFIG, in a pod its service account.")] = None,
    context: Annotated[str | None, typer.Option(help="Context of the kubeconfig.")] = None,
    namespace: Annotated[
        list[str] | None, typer.Option(help="Care for the agents of this namespace only; may be given again.")
    ] = None,
    runtime_image: Annotated[str, typer.Option(help="Image of voice pods, where an agent names none.")] = RUNTIME_IMAGE,
    image_pull_policy: Annotated[str | None, typer.Option(help="Its pull policy. Default: Kubernetes'.")] = None,
    operator_namespace: Annotated[
        str | None, typer.Option(help="Namespace of the Lease. Default: $POD_NAMESPACE.")
    ] = None,
    prometheus_namespace: Annotated[
        str | None, typer.Option(help="Namespace whose pods may scrape the metrics of voice pods.")
    ] = None,
    prometheus_url: Annotated[
        str | None, typer.Option(help="Where the control loop asks Prometheus. Default: it scrapes voice pods itself.")
    ] = None,
    prometheus_token_file: Annotated[Path | None, typer.Option(help="File with the bearer token for it.")] = None,
    enforce: Annotated[
        bool, typer.Option(help="Act. --no-enforce: look, decide and tell, whatever the policies say; change nothing.")
    ] = True,
    cluster_domain: Annotated[
        str | None, typer.Option(help="Such as cluster.local. Default: names end in .svc.")
    ] = None,
    health_host: Annotated[str, typer.Option(help="Address of /healthz, /readyz and /metrics.")] = "0.0.0.0",  # noqa: S104
    health_port: Annotated[int, typer.Option(help="Port of the same; 0 for a free one.", min=0, max=65535)] = 8081,
    identity: Annotated[
        str | None, typer.Option(help="Name in the Lease. Default: $POD_NAME, else host and process.")
    ] = None,
    lease: Annotated[
        str, typer.Option(help="Name of the Lease; operators with the same one elect a leader.")
    ] = "antiphon-operator",
    election: Annotated[bool, typer.Option(help="Elect a leader. --no-election: this is the only operator.")] = True,
    workers: Annotated[int, typer.Option(help="Agents visited at once.", min=1, max=256)] = 16,
    resync: Annotated[str, typer.Option(help="Time after which every agent is looked at again.")] = "10m",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Run the operator in the foreground, until SIGTERM.

    Exit codes: 0 ended as told; 1 it could not begin, and why is told; 2 wrong usage.
    """
    from antiphon_operator.operate.running import operate  # what it imports takes a second that --help need not

    settings = OperatorSettings(
        render=RenderSettings(
            runtime_image=runtime_image,
            image_pull_policy=image_pull_policy,
            operator_namespace=operator_namespace or os.environ.get("POD_NAMESPACE") or _DEFAULT_NAMESPACE,
            prometheus_namespace=prometheus_namespace,
            cluster_domain=cluster_domain,
        ),
        kubeconfig=kubeconfig,
        context=context,
        namespaces=tuple(namespace or ()),
        operator_namespace=operator_namespace or os.environ.get("POD_NAMESPACE") or _DEFAULT_NAMESPACE,
        identity=identity or os.environ.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}",
        lease=lease,
        prometheus_token_file=prometheus_token_file,
        enforce=enforce,
        elect=election,
        health_host=health_host,
        health_port=health_port,
        workers=workers,
        resync_seconds=_seconds(resync),
        prometheus_url=prometheus_url,
    )
    _log(verbose)
    try:
        look_seldom()
        code = asyncio.run(operate(settings))
    except (KubeError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    raise typer.Exit(code)


def _seconds(text: str) -> float:
    from antiphon_crds.durations import parse_duration_seconds

    try:
        return parse_duration_seconds(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no duration; use for instance 90s or 10m") from error


def _log(verbose: bool) -> None:
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if not verbose:
        logging.getLogger("kopf").setLevel(logging.WARNING)
