"""What the operator knows of a pod before it asks it, and how pods, groups and agents are named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class PodKey(NamedTuple):
    """A pod, whichever uid it has just now."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class AgentKey(NamedTuple):
    """A VoiceAgent."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class GroupKey(NamedTuple):
    """A placement group of an agent."""

    namespace: str
    agent: str
    group: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.agent}/{self.group}"

    @property
    def agent_key(self) -> AgentKey:
        return AgentKey(self.namespace, self.agent)


@dataclass(frozen=True, slots=True)
class PodAddress:
    """A pod as Kubernetes tells it, and how to ask it."""

    namespace: str
    name: str
    uid: str
    address: str
    """Its IP address; empty while it has none, and then it is not asked."""
    token: str = field(repr=False)
    """Bearer token of its control API."""
    agent: str
    """Name of its VoiceAgent."""
    group: str
    ready: bool = False
    """Kubernetes' condition Ready."""
    going: bool = False
    """It is being deleted."""

    @property
    def key(self) -> PodKey:
        return PodKey(self.namespace, self.name)

    @property
    def agent_key(self) -> AgentKey:
        return AgentKey(self.namespace, self.agent)

    @property
    def group_key(self) -> GroupKey:
        return GroupKey(self.namespace, self.agent, self.group)

    @property
    def is_serving(self) -> bool:
        """It gets new calls."""
        return self.ready and not self.going
