"""What happens to an agent in a simulation, apart from what its controller does."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_policies.facts import AgentFacts, Setting, StageFacts, StageSetting
from antiphon_policies.seeing.observation import Observation
from antiphon_policies.simulating.replicas import Truth
from antiphon_policies.simulating.traces import Calls, Trace, constant, merged, of_level

BOUNDS_MS = (*(50.0 * step for step in range(1, 21)), 1250.0, 1500.0, 2000.0, 3000.0, 5000.0, 10_000.0, math.inf)
"""Upper bounds of the buckets in which times are told. The last one is infinity."""


@dataclass(frozen=True, slots=True)
class ReplicaDies:
    """The replica that has the most sessions is gone at once, and they with it. Another one is started."""

    at: float
    group: str | None = None
    """None: that of the first stage."""


@dataclass(frozen=True, slots=True)
class MetricsGone:
    """No metric is heard. What was heard last is seen, ever older, for `Scene.kept_seconds`; then nothing."""

    since: float
    until: float


@dataclass(frozen=True, slots=True)
class MetricsLie:
    """What is told is not so. `times` and `sessions` are factors."""

    since: float
    until: float
    times: float = 1.0
    """On all durations."""
    sessions: float | None = 1.0
    """On the sessions of each pod. None: pods tell none."""
    silent_pods: int = 0
    """So many, the oldest, tell nothing."""
    frozen: bool = False
    """All is told as it was when this began, and as if it were new."""
    skew_seconds: float = 0.0
    """By which samples are told to be older than they are; less than 0: younger."""


Failure = ReplicaDies | MetricsGone | MetricsLie


@dataclass(frozen=True, slots=True)
class Scene:
    """Times in seconds since the start."""

    trace: Trace
    start: Setting
    """What the agent runs with at first; its replicas serve from the start."""
    seconds: float
    truth: Truth = field(default_factory=dict)
    """Services as they are, with their noise, where the facts are wrong about them."""
    start_seconds: Mapping[str, float] = field(default_factory=dict)
    """How long a replica of a group takes to serve, where the facts are wrong about it."""
    start_noise: float = 0.0
    """Standard deviation of that as a share of it."""
    failures: tuple[Failure, ...] = ()
    stock: Mapping[str, int] = field(default_factory=dict)
    """Partitions that there are, by name. One that is not named has no limit."""
    drain_seconds: float = 900.0
    """After which a replica that was given back ends, whoever still talks."""
    warm_up_seconds: float = 0.0
    """From the start, that scores leave out."""
    delay_seconds: float = 1.0
    """Age of metrics when they are seen."""
    kept_seconds: float = 60.0
    """How long the last known metrics are still seen."""
    step_seconds: float = 5.0
    """Between the moments that a run tells of."""
    begins_at: float = 0.0
    """Unix time of the start."""
    bounds_ms: tuple[float, ...] = BOUNDS_MS


def fitting(facts: AgentFacts, wanted: Setting, current: Setting) -> Setting:
    """What the world allows of a wish: known variants and modes, caps and replicas within their bounds."""
    modes = {mode.name for mode in facts.modes}
    return Setting(
        stages={stage.stage: _fitting_stage(stage, wanted, current) for stage in facts.stages},
        replicas={
            group.name: min(
                max(wanted.replicas.get(group.name, current.replicas.get(group.name, 0)), group.min_replicas),
                group.max_replicas,
            )
            for group in facts.groups
        },
        mode=wanted.mode if wanted.mode in modes else current.mode,
    )


def _fitting_stage(stage: StageFacts, wanted: Setting, current: Setting) -> StageSetting:
    most = {variant.name: min(stage.most, max(1, variant.max_batch)) for variant in stage.variants}
    wish = wanted.stages.get(stage.stage)
    if wish is None or wish.variant not in most:
        wish = current.stages.get(stage.stage)
    if wish is None or wish.variant not in most:
        best = stage.variants[0].name
        return StageSetting(best, most[best])
    return StageSetting(wish.variant, min(max(1, wish.cap), most[wish.variant]))


def at_best(facts: AgentFacts, replicas: int | Mapping[str, int] = 1) -> Setting:
    """The best variants and mode, with the largest caps."""
    counts = {group.name: replicas if isinstance(replicas, int) else replicas[group.name] for group in facts.groups}
    nothing = Setting({}, counts, facts.modes[0].name)
    return fitting(facts, nothing, nothing)


def scene_from(
    facts: AgentFacts,
    seen: Observation,
    current: Setting,
    seconds: float,
    rng: np.random.Generator,
    calls: Calls | None = None,
) -> Scene:
    """The world as it was seen: its live sessions, which end as calls do, and arrivals that go on as they are. Where these are
    not known, as many come as keep the number of sessions."""
    calls = calls or Calls()
    sessions = seen.sessions or 0
    rate = seen.arrivals_per_second
    level = sessions if rate is None else rate * calls.mean_seconds
    ahead = of_level("from now on", lambda at: np.full_like(at, level), seconds, rng, calls)
    later = ahead.starts > 0
    live = constant(sessions)
    ends = calls.draw(sessions, rng) * rng.random(sessions)
    now = Trace("live", live.starts, ends)
    trace = merged("as seen", [now, Trace("later", ahead.starts[later], ahead.durations[later])])
    return Scene(trace, setting_seen(facts, seen, current), seconds, begins_at=seen.at)


def setting_seen(facts: AgentFacts, seen: Observation, current: Setting) -> Setting:
    """What most pods run with, and the replicas that serve; where that is not known, what is wanted."""
    replicas = {group.name: seen.ready(group.name) or current.replicas.get(group.name, 0) for group in facts.groups}
    stages = {stage.stage: _seen_stage(stage.stage, seen, current) for stage in facts.stages}
    known = {stage: chosen for stage, chosen in stages.items() if chosen is not None}
    return fitting(facts, Setting(known, replicas, current.mode), current)


def _seen_stage(stage: Stage, seen: Observation, current: Setting) -> StageSetting | None:
    told = Counter((pod.stages[stage].variant, pod.stages[stage].cap) for pod in seen.pods if stage in pod.stages)
    if not told:
        return current.stages.get(stage)
    (variant, cap), _ = told.most_common(1)[0]
    return StageSetting(variant, cap)
