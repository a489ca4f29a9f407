"""What became of an agent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListMap
from antiphon_crds.scalars import GroupName, ItemName, Ratio, ShortText
from antiphon_crds.stages import Actuator, Stage
from antiphon_crds.status import StatusBase

_Text = Annotated[str, Field(max_length=1024)]


class StageStatus(Contract):
    """What one stage runs with now."""

    stage: Stage
    """The stage."""
    variant: Annotated[str, Field(max_length=63)]
    """Variant in force."""
    batch: Annotated[int, Field(ge=1)]
    """Cap of the batch in force."""


class ObjectiveStatus(Contract):
    """How one objective is kept."""

    name: ItemName
    """Name of the objective."""
    target: float
    """Target, in milliseconds, as a share, or a second."""
    observed: float | None = None
    """What was measured last, in the target's unit. Left out: unknown."""
    samples: Annotated[int, Field(ge=0)] = 0
    """Observations behind it."""
    attainment: Ratio | None = None
    """Share of the observations that kept the target."""
    error_budget_left: Annotated[float, Field(le=1)] | None = None
    """Share of the permitted misses that is left; negative when overspent."""
    state: Literal["Met", "AtRisk", "Breached", "Unknown"] = "Unknown"
    """Verdict."""


class Decision(Contract):
    """One decision of the control loop, and what came of it."""

    id: Annotated[str, Field(min_length=1, max_length=63)]
    """Identity of the decision."""
    time: Annotated[str, Field(max_length=35)]
    """When it was made."""
    actuator: Actuator
    """What was changed."""
    target: ShortText
    """Where: a stage or a placement group."""
    before: ShortText
    """Value before."""
    after: ShortText
    """Value after."""
    reason: Annotated[str, Field(max_length=128)]
    """Why, as one word for programs."""
    message: _Text = ""
    """Why, as a sentence, with the evidence."""
    expected: ShortText = ""
    """Effect that was expected."""
    observed: ShortText = ""
    """Effect that was observed; empty while it is awaited."""
    outcome: Literal["Pending", "Kept", "RolledBack", "Held", "Failed"] = "Pending"
    """What became of it."""


class TuningStatus(Contract):
    """How far the last tuning has come."""

    generation: Annotated[int, Field(ge=0)] = 0
    """Generation that is wanted."""
    pods_applied: Annotated[int, Field(ge=0)] = 0
    """Ready pods that have applied it."""
    pods_total: Annotated[int, Field(ge=0)] = 0
    """Ready pods."""


class GroupStatus(Contract):
    """One placement group."""

    name: GroupName
    """Name of the group."""
    replicas: Annotated[int, Field(ge=0)] = 0
    """Replicas wanted."""
    ready_replicas: Annotated[int, Field(ge=0)] = 0
    """Replicas ready."""
    partition: ShortText = ""
    """What one replica runs on."""
    sessions: Annotated[int, Field(ge=0)] = 0
    """Live sessions."""
    capacity: Annotated[int, Field(ge=0)] = 0
    """Sessions that its ready replicas hold."""


class VoiceAgentStatus(StatusBase):
    """What the agent is doing now."""

    phase: Literal["Pending", "Starting", "Ready", "Degraded", "Stopped", "Draining", "Invalid"] | None = None
    """The agent in one word."""
    replicas: Annotated[int, Field(ge=0)] | None = None
    """Replicas of its first group."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """Label selector of its first group's pods, for the scale subresource."""
    ready: Annotated[str, Field(max_length=32)] | None = None
    """Ready and wanted replicas of all groups, such as 2/3."""
    sessions: Annotated[int, Field(ge=0)] | None = None
    """Live sessions."""
    capacity: Annotated[int, Field(ge=0)] | None = None
    """Sessions that ready replicas hold."""
    p95_ms: Annotated[float, Field(ge=0)] | None = None
    """p95 of a turn, in milliseconds. Left out: unknown."""
    sla: Literal["Met", "AtRisk", "Breached", "Unknown"] | None = None
    """Worst state of the objectives."""
    partition: ShortText | None = None
    """What its replicas run on."""
    endpoint: Annotated[str, Field(max_length=512)] | None = None
    """Address at which callers reach it."""
    stages: Annotated[list[StageStatus], Field(max_length=7), ListMap("stage")] = []
    """What each stage runs with."""
    objectives: Annotated[list[ObjectiveStatus], Field(max_length=32), ListMap("name")] = []
    """How each objective is kept."""
    groups: Annotated[list[GroupStatus], Field(max_length=8), ListMap("name")] = []
    """Each placement group."""
    tuning: TuningStatus | None = None
    """How far the last tuning has come."""
    decisions: Annotated[list[Decision], Field(max_length=20), ListMap("id")] = []
    """The last decisions, newest first."""
