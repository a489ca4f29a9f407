"""SLAPolicy: what a platform team promises, at which quality, and what the control loop may do for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListMap, ListSet
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import (
    Cron,
    Duration,
    ItemName,
    Milliseconds,
    MillisecondsOrZero,
    Percentile,
    Ratio,
    TimeZone,
    within,
)
from antiphon_crds.stages import (
    ERROR_METRICS,
    LATENCY_INDICATORS,
    RATIO_INDICATORS,
    Actuator,
    Indicator,
    QualityMetric,
    Stage,
    cel_list,
)
from antiphon_crds.status import Resource, StatusBase

_LATENCY = cel_list(LATENCY_INDICATORS)
_RATIO = cel_list(RATIO_INDICATORS)
_ERRORS = cel_list(ERROR_METRICS)


class Objective(Contract):
    """One promise: an indicator, and a target that it keeps over a window."""

    name: ItemName
    """Name of the objective, unique in its list."""
    indicator: Indicator
    """What is measured. Latencies, with targetMs: `turn` (user's last sound to the first audible audio), `response` (decided
    end of turn to the first audible audio), `mouthToEar` (turn plus the policy's budget of capture, network and playback),
    `result` (of an agent that only listens: end of the audio that a result is about, to the result sent), `overhead` (time
    of a turn or result spent outside of models), `stage` (one stage, waiting included), `bargeIn` (user's first sound to
    the agent's last), `sessionStart`, `recovery` (how long a breach of another objective lasts). Ratios, with maxRatio:
    `rejectedSessions`, `droppedSessions`, `failedTurns`, `audioUnderruns`, `missedFrames`. With minPerSecond: `frameRate`,
    the video frames a second of a speaking session."""
    stage: Stage | None = None
    """The stage, for indicator `stage`. An agent without the stage is not held to a policy's objective about it."""
    percentile: Percentile | None = None
    """Share of the observations, in percent, that must keep the target; 95 for a p95. Exactly one of percentile and mean."""
    mean: bool = False
    """Whether the mean must keep the target. Exactly one of percentile and mean."""
    target_ms: Milliseconds | None = None
    """Longest time, in milliseconds, for indicators of latency."""
    max_ratio: Ratio | None = None
    """Largest share, 0 to 1, for indicators that are ratios."""
    min_per_second: Annotated[float, Field(ge=1, le=1000)] | None = None
    """Smallest rate a second, for indicator `frameRate`."""
    window: Annotated[Duration, within("5s", "24h")] = "2m"
    """Time over which it is measured."""

    rules = (
        Rule(
            f"!(self.indicator in {_LATENCY}) || (has(self.targetMs) && !has(self.maxRatio) && !has(self.minPerSecond))",
            "indicator {self.indicator} is a latency; give it targetMs, and neither maxRatio nor minPerSecond",
            "targetMs",
        ),
        Rule(
            f"!(self.indicator in {_RATIO}) || (has(self.maxRatio) && !has(self.targetMs) && !has(self.minPerSecond))",
            "indicator {self.indicator} is a ratio; give it maxRatio, and neither targetMs nor minPerSecond",
            "maxRatio",
        ),
        Rule(
            "self.indicator != 'frameRate' || (has(self.minPerSecond) && !has(self.targetMs) && !has(self.maxRatio))",
            "indicator frameRate is a rate; give it minPerSecond, and neither targetMs nor maxRatio",
            "minPerSecond",
        ),
        Rule(
            f"(self.indicator in {_RATIO}) || has(self.percentile) != self.mean",
            "objective '{self.name}' on {self.indicator} needs exactly one of percentile (such as 95) and mean (true)",
            "percentile",
        ),
        Rule(
            f"!(self.indicator in {_RATIO}) || (!has(self.percentile) && !self.mean)",
            "objective '{self.name}' on {self.indicator} is a ratio over all; leave percentile and mean out",
            "percentile",
        ),
        Rule(
            "(self.indicator == 'stage') == has(self.stage)",
            "objective '{self.name}' has indicator {self.indicator} and stage '{has(self.stage) ? self.stage : ''}';"
            " stage is given with indicator stage, and only then",
            "stage",
        ),
    )


Objectives = Annotated[list[Objective], Field(max_length=16), ListMap("name")]


class Budget(Contract):
    """Parts of mouth-to-ear that the pods can't see. They are taken off a mouthToEar target before planning."""

    capture_ms: MillisecondsOrZero = 20
    """Capture and encoding at the client, in milliseconds."""
    network_rtt_ms: MillisecondsOrZero = 40
    """Network round trip between client and pod, in milliseconds."""
    playback_ms: MillisecondsOrZero = 20
    """Decoding and playback at the client, in milliseconds."""


class QualityFloor(Contract):
    """The worst quality that the control loop may choose for a stage."""

    stage: Stage
    """The stage."""
    metric: QualityMetric
    """Measure of quality: wer, cer, der, lseD (less is better), mos, accuracy, similarity, lseC (more is better)."""
    max: Annotated[float, Field(ge=0, le=100)] | None = None
    """Largest value allowed, for metrics of error."""
    min: Annotated[float, Field(ge=0, le=100)] | None = None
    """Smallest value allowed, for metrics of merit."""
    dataset: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Judge by the values measured on this data set alone. Default: by the worst that is known."""

    rules = (
        Rule(
            f"self.metric in {_ERRORS} ? has(self.max) && !has(self.min) : has(self.min) && !has(self.max)",
            f"{{self.metric}} of stage {{self.stage}} needs {{self.metric in {_ERRORS} ? 'max, as less' : 'min, as more'}} is"
            " better, and not the other bound",
            "metric",
        ),
    )


class Stabilization(Contract):
    """How long a wish must last before it is followed."""

    up: Annotated[Duration, within("0s", "1h")] = "0s"
    """Before more capacity is taken."""
    down: Annotated[Duration, within("0s", "24h")] = "300s"
    """Before capacity is given back."""


class Rollback(Contract):
    """When a decision is taken back."""

    after: Annotated[Duration, within("5s", "1h")] = "60s"
    """Time given to a decision to show its effect."""
    worse_by: Annotated[float, Field(ge=0.01, le=10)] = 0.1
    """Share by which the indicator must have become worse; 0.1 is 10 %."""


class Freeze(Contract):
    """A window in which nothing is changed, but for what keeps calls alive."""

    name: ItemName
    """Name of the window, unique in its list."""
    cron: Cron
    """When it begins: minute hour day month weekday."""
    duration: Annotated[Duration, within("1m", "720h")]
    """How long it lasts."""
    time_zone: TimeZone = "UTC"
    """Time zone of the cron line, such as Europe/Vienna."""


class Guardrails(Contract):
    """What holds the control loop back."""

    mode: Literal["Observe", "Recommend", "Enforce"] = "Enforce"
    """Observe: only measure. Recommend: decide and say, do nothing. Enforce: act."""
    tolerance: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """Distance from the target, as a share of it, within which nothing is changed."""
    stabilization: Stabilization = Stabilization()
    """How long a wish must last before it is followed."""
    max_actions_per_hour: Annotated[int, Field(ge=0, le=3600)] = 30
    """Most actions on one agent in any hour; 0 stops all."""
    max_step: Annotated[float, Field(ge=1, le=10)] = 2.0
    """Largest factor by which one decision may change the replicas."""
    rollback: Rollback = Rollback()
    """When a decision is taken back."""
    freeze: Annotated[list[Freeze], Field(max_length=16), ListMap("name")] = []
    """Windows in which nothing is changed."""
    max_cost_per_hour: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    """Most that one agent may cost in an hour, in the currency of the pools' prices."""
    max_gpu_temperature_celsius: Annotated[int, Field(ge=40, le=110)] | None = None
    """GPU temperature from which no load is added to a GPU."""
    min_headroom: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    """Share of the capacity that is kept free when planning."""


class SLAPolicySpec(Contract):
    """Promises, quality floors, permitted actuators and guardrails."""

    description: Annotated[str, Field(max_length=1024)] | None = None
    """What the policy is for."""
    objectives: Annotated[list[Objective], Field(min_length=1, max_length=16), ListMap("name")]
    """The promises; all must be kept."""
    budget: Budget = Budget()
    """Capture, network and playback, for indicator mouthToEar."""
    quality: Annotated[list[QualityFloor], Field(max_length=16), ListMap("stage", "metric")] = []
    """The worst quality that may be chosen."""
    actuators: Annotated[list[Actuator], Field(max_length=5), ListSet()] = [
        "batch",
        "features",
        "variant",
        "replicas",
        "partition",
    ]
    """What the control loop may change."""
    prefer: Literal["Quality", "Balanced", "Cost"] = "Quality"
    """What goes first where several settings keep all promises and floors: the best variants, or the least cost. Balanced: a
    hundredth of quality for five hundredths of cost."""
    guardrails: Guardrails = Guardrails()
    """What holds the control loop back."""
    priority: Annotated[int, Field(ge=0, le=1000)] = 100
    """Who goes first when agents compete for partitions; more goes first."""

    rules = (
        Rule(
            "self.objectives.all(o, o.indicator != 'mouthToEar' || !has(o.targetMs)"
            " || o.targetMs > self.budget.captureMs + self.budget.networkRttMs + self.budget.playbackMs)",
            "a mouthToEar target is not above the budget of"
            " {self.budget.captureMs + self.budget.networkRttMs + self.budget.playbackMs} ms (captureMs + networkRttMs +"
            " playbackMs), which leaves nothing for the pods; raise targetMs or lower the budget",
            "objectives",
        ),
        Rule(
            "self.objectives.all(o, o.indicator != 'recovery') || self.objectives.exists(o, o.indicator != 'recovery')",
            "only recovery is promised ({self.objectives.map(o, o.name)}); add the objective whose breach it times",
            "objectives",
        ),
        Rule(
            "self.guardrails.mode != 'Enforce' || size(self.actuators) > 0",
            "guardrails.mode is Enforce and actuators is empty; permit an actuator, or use mode Recommend or Observe",
            "actuators",
        ),
    )


class SLAPolicyStatus(StatusBase):
    """Who uses the policy and how it is kept."""

    agents: Annotated[int, Field(ge=0)] = 0
    """Agents that name this policy."""
    met: Annotated[int, Field(ge=0)] = 0
    """Agents that keep all its objectives now."""
    breached: Annotated[int, Field(ge=0)] = 0
    """Agents that break at least one of its objectives now."""


class SLAPolicy(Resource):
    """What a platform team promises to callers, and what may be done to keep it."""

    kind: Literal["SLAPolicy"] = "SLAPolicy"
    """Kind of the object."""
    spec: SLAPolicySpec
    """What is wanted."""
    status: SLAPolicyStatus | None = None
    """What is."""
