"""What rendering is given: an agent with everything decided."""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon_crds.control import Tuning
from antiphon_crds.placement import PlacementGroup
from antiphon_operator.placing.choice import Choice
from antiphon_policies.resolution import Resolution


@dataclass(frozen=True)
class RenderSettings:
    """What the operator adds to every agent. All of it comes from its command line, and so from the chart's values."""

    runtime_image: str
    """Image of the runtime, where the agent names none."""
    image_pull_policy: str | None = None
    """Pull policy of the runtime's image; None leaves it to Kubernetes."""
    operator_namespace: str = "antiphon-system"
    """Namespace of the operator's pods, which may reach the control port."""
    prometheus_namespace: str | None = None
    """Namespace whose pods may scrape the control port besides."""
    cluster_domain: str | None = None
    """Domain of the cluster's DNS, such as cluster.local; None: names end in .svc."""


@dataclass(frozen=True)
class GroupPlan:
    """One placement group with everything decided."""

    group: PlacementGroup
    choice: Choice
    replicas: int
    tuning: Tuning
    """What its pods are wanted to run with, generation included; written into the configuration as well."""
    surge: bool = True
    """Whether a partition is free for one replica more: then a rollout starts the new one first."""
    claim: str | None = None
    """Name of the ResourceClaimTemplate, where the choice has a claim."""


@dataclass(frozen=True)
class AgentPlan:
    """An agent with everything decided."""

    resolution: Resolution
    uid: str
    """Of the VoiceAgent: its children are owned by exactly this one."""
    token: str
    """Bearer token of the control API."""
    rotation: str = ""
    """Value of the agent's rotate annotation that this token answers."""
    groups: tuple[GroupPlan, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.resolution.agent.metadata.name

    @property
    def namespace(self) -> str:
        return self.resolution.agent.metadata.namespace or "default"
