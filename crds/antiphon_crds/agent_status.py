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
    outcome: Literal["Pending", "Kept", "RolledBack", "Held", "Failed", "Inconclusive"] = "Pending"
    """What became of it. Inconclusive: too little was seen to tell."""


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


_UnixSeconds = Annotated[int, Field(ge=0)]
_Load = Annotated[float, Field(ge=0)]


class ActionsCounted(Contract):
    """Actions that still count against maxActionsPerHour."""

    until: _UnixSeconds
    """When they stop counting: Unix time, in seconds."""
    count: Annotated[int, Field(ge=1)]
    """How many there are."""


class BreakerStatus(Contract):
    """Errors in a row, and how long they hold everything."""

    errors: Annotated[int, Field(ge=0)] = 0
    """Errors in a row."""
    until: _UnixSeconds = 0
    """Nothing is changed before this Unix time, in seconds."""
    times: Annotated[int, Field(ge=0)] = 0
    """How often it has opened since something worked."""


class PendingEffect(Contract):
    """A decision whose effect is awaited."""

    at: Annotated[float, Field(ge=0)]
    """When it was made: Unix time, in seconds."""
    due: _UnixSeconds
    """When its effect can be judged: Unix time, in seconds."""
    actuator: Actuator
    """What was changed."""
    target: ShortText
    """Where: a stage, a placement group or `agent`."""
    before: ShortText
    """Value before."""
    after: ShortText
    """Value after."""
    direction: Literal["up", "down"]
    """Whether it shortens turns or takes more sessions (up), or gives that back."""
    was: Annotated[float, Field(ge=0)] | None = None
    """Time of a turn when it was made, in milliseconds. Left out: unknown."""
    was_most: Annotated[float, Field(ge=0)] | None = None
    """The most that it can have been, with 95 % confidence."""
    sessions: _Load = 0
    """Sessions when it was made."""
    turns_per_second: _Load = 0
    """Turns a second of one session when it was made."""


class RetryLock(Contract):
    """A change that was rolled back, and is not tried again for a while."""

    actuator: Actuator
    """What was changed."""
    target: ShortText
    """Where: a stage, a placement group or `agent`."""
    after: ShortText
    """Value that made it worse."""
    direction: Literal["up", "down"]
    """Direction of the change."""
    until: _UnixSeconds
    """When it may be tried again: Unix time, in seconds."""
    times: Annotated[int, Field(ge=1)] = 1
    """How often it was rolled back."""


class ControlStatus(Contract):
    """What the control loop must still know after a restart of the operator. For programs."""

    actions: Annotated[list[ActionsCounted], Field(max_length=16)] = []
    """Actions of the last hour. Where they are many, some are counted a little longer than they must."""
    settling: Annotated[dict[str, _UnixSeconds], Field(max_length=24)] = {}
    """Until when what was changed is left alone, by what it is, such as stage/llm, group/voice or agent."""
    seeing: BreakerStatus | None = None
    """Errors of looking at the agent, once they hold everything."""
    acting: BreakerStatus | None = None
    """Errors of changing the agent, if any."""
    pending: Annotated[list[PendingEffect], Field(max_length=8), ListMap("actuator", "target")] = []
    """Decisions whose effect is awaited."""
    locks: Annotated[list[RetryLock], Field(max_length=8), ListMap("actuator", "target", "after")] = []
    """What is not tried again for a while."""


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
    control: ControlStatus | None = None
    """What the control loop must still know after a restart of the operator."""
