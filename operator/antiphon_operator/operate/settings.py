"""Every setting of the operator: its unit, its default, and why it is that."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from antiphon_operator.rendering.plan import RenderSettings


@dataclass(frozen=True)
class OperatorSettings:
    """What `antiphon operator` is started with, and what is fixed."""

    render: RenderSettings
    kubeconfig: Path | None = None
    context: str | None = None
    namespaces: tuple[str, ...] = ()
    """Namespaces whose agents it cares for. Empty: all."""
    operator_namespace: str = "antiphon-system"
    """Where its Lease is."""
    identity: str = field(default_factory=lambda: os.environ.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}")
    lease: str = "antiphon-operator"
    elect: bool = True
    """False: it leads without asking. For one operator alone, on a machine of one's own."""
    prometheus_url: str | None = None
    """Where the control loop reads metrics. None: it asks the pods themselves, as it does too while Prometheus is not fresh."""
    prometheus_token_file: Path | None = None
    """Holds the bearer token for it; read at each question, as mounted tokens are renewed."""
    enforce: bool = True
    """False: the control loop looks, decides and tells, and changes nothing, whatever the policies say."""
    health_host: str = "0.0.0.0"  # noqa: S104 (a pod's own address)
    health_port: int = 8081
    workers: int = 16
    """Agents visited at once. A visit waits for the API server most of its time; more do not finish sooner."""
    resync_seconds: float = 600.0
    """Time after which every agent is looked at again, heard of or not. Heals what no watch told."""
    counts_seconds: float = 15.0
    """Least time between two writes of an agent's status that change nothing but counts of sessions."""
    pods_settle_seconds: float = 0.3
    """Time after a pod's event in which more of the same agent are awaited: a rollout makes many at once."""
    catalog_settle_seconds: float = 2.0
    """The same for the counts in the status of policies, models and pools."""
    refused_seconds: float = 30.0
    """Time after which an agent is tried again whose objects the API server refuses."""
    stale_watch_seconds: float = 300.0
    """Age of a watch at which the process says that it is not well, and is restarted. Watches end by themselves sooner."""
