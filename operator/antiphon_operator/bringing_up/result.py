"""What `antiphon up -o json` and `antiphon down -o json` print."""

from __future__ import annotations

from antiphon_crds.base import Contract


class UpSeconds(Contract):
    """How long what took."""

    models: float = 0.0
    """Making sure that the models are there, downloads included."""
    sandbox: float = 0.0
    """Bringing up API server and nodes."""
    prometheus: float = 0.0
    """Bringing up Prometheus, until it is ready."""
    operator: float = 0.0
    """Installing definitions, presets and operator, until it is ready."""
    agent: float = 0.0
    """From applying the agent to its condition Ready."""
    command_to_ready: float
    """From the command to the end, without `models`."""


class UpResult(Contract):
    """A world that is up."""

    kubeconfig: str
    """File by which kubectl and antiphon find it."""
    url: str
    """Address of the API server."""
    nodes: list[str]
    """Names of the nodes."""
    was_up: bool
    """Whether the sandbox was up before."""
    prometheus: str | None = None
    """Address of Prometheus. Left out where there is none."""
    agent: str | None = None
    """Name of the agent. Left out with --no-agent."""
    namespace: str | None = None
    """Its namespace."""
    ready: bool | None = None
    """Whether it became Ready."""
    endpoint: str | None = None
    """Address of the agent that can be reached from this machine."""
    why: list[str] = []
    """Why it is not Ready, in words."""
    seconds: UpSeconds
    """How long what took."""


class DownResult(Contract):
    """A world that is ended."""

    ended: bool
    """Whether one was up."""
    kubeconfig: str
    """The kubeconfig that it had."""
    agents: list[str]
    """What agents ran in it, with their namespaces."""
    pods: int
    """How many pods ran in it."""
