"""The decision view of an agent: what `antiphon describe -o json` prints, with every field's meaning."""

from __future__ import annotations

from antiphon_crds.agent_status import Decision, TuningStatus
from antiphon_crds.base import Contract


class ConditionView(Contract):
    """One condition, with what its reason means."""

    type: str
    """What is observed, such as Ready."""
    status: str
    """True, False or Unknown."""
    reason: str
    """Why, as one word for programs."""
    message: str = ""
    """Why, as a sentence for people."""
    since: str | None = None
    """When `status` last changed."""
    meaning: str = ""
    """What the reason means in general; empty for a reason that this program does not know."""
    advice: str = ""
    """What to do about it; empty where nothing is to be done."""


class PodView(Contract):
    """One pod."""

    name: str
    """Name of the pod."""
    node: str = ""
    """Node that it runs on; empty while it has none."""
    state: str
    """Its state in one word, as `kubectl get pods` has it."""
    ready: bool
    """Whether it takes sessions."""
    why: str = ""
    """Why it is not ready, in its own words, or in those of its node or of the scheduler."""
    restarts: int
    """How often its containers were started again."""
    sessions: int | None = None
    """Live sessions, as it says. Left out: it can't be asked from here."""
    capacity: int | None = None
    """Sessions that it can hold, as it says. Left out: not measured, or it can't be asked from here."""
    tuning_generation: int | None = None
    """Generation of the tuning that it has applied, as it says. Left out: it can't be asked from here."""
    created: str
    """When it was made."""


class GroupView(Contract):
    """One placement group."""

    name: str
    """Name of the group."""
    stages: list[str]
    """Stages that run in its pods."""
    partition: str = ""
    """What one replica runs on; empty while it is not placed."""
    replicas: int
    """Replicas wanted."""
    ready_replicas: int
    """Replicas ready."""
    sessions: int
    """Live sessions."""
    capacity: int
    """Sessions that its ready replicas hold."""
    pods: list[PodView]
    """Its pods, by name."""


class StageView(Contract):
    """What one stage runs with."""

    stage: str
    """The stage."""
    model: str
    """Name of the VoiceModel."""
    variant: str | None = None
    """Variant in force. Left out: none yet."""
    batch: int | None = None
    """Cap of the batch in force. Left out: none yet."""


class ObjectiveView(Contract):
    """How one objective is kept."""

    name: str
    """Name of the objective."""
    promise: str = ""
    """What is promised, such as `p95 of turn`; empty where the policy no longer has the objective."""
    unit: str = ""
    """Unit of target and observed: ms, ratio or perSecond; empty where it is not known."""
    target: float
    """Target."""
    observed: float | None = None
    """What was measured last. Left out: unknown."""
    samples: int = 0
    """Observations behind it."""
    attainment: float | None = None
    """Share of the observations that kept the target."""
    error_budget_left: float | None = None
    """Share of the permitted misses that is left; negative when overspent."""
    state: str
    """Met, AtRisk, Breached or Unknown."""


class EventView(Contract):
    """One Event about the agent or what it became."""

    time: str
    """When it was last seen."""
    type: str
    """Normal or Warning."""
    reason: str
    """Why, as one word."""
    message: str
    """What happened."""
    object: str
    """What it is about, such as Pod/hello-main-7d9f-x2x."""
    count: int = 1
    """How often it was seen."""


class AgentView(Contract):
    """An agent: what it is, what it does, and why."""

    name: str
    """Name of the VoiceAgent."""
    namespace: str
    """Its namespace."""
    description: str = ""
    """What it is for."""
    created: str
    """When it was made."""
    policy: str | None = None
    """Name of its SLAPolicy."""
    scaling: str
    """Who chooses the replicas, and between which bounds."""
    phase: str = "Unknown"
    """The agent in one word; Unknown until an operator has seen it."""
    up_to_date: bool
    """Whether the status is about the spec as it is now."""
    ready: str = ""
    """Ready and wanted replicas of all groups, such as 2/3."""
    sessions: int | None = None
    """Live sessions."""
    capacity: int | None = None
    """Sessions that ready replicas hold."""
    p95_ms: float | None = None
    """p95 of a turn, in milliseconds."""
    sla: str = "Unknown"
    """Worst state of the objectives."""
    endpoint: str | None = None
    """Address at which callers reach it."""
    conditions: list[ConditionView]
    """Its conditions."""
    groups: list[GroupView]
    """Its placement groups."""
    stages: list[StageView]
    """The stages of its pipeline."""
    objectives: list[ObjectiveView]
    """Its objectives."""
    tuning: TuningStatus | None = None
    """How far the last tuning has come."""
    decisions: list[Decision]
    """The last decisions, newest first."""
    events: list[EventView]
    """The last Events, oldest first."""
    advice: list[str]
    """What to do now, most urgent first; empty where all is well."""
