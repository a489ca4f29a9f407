"""KEDA: a ScaledObject with a trigger on the queue's length, on the p95 of the turn, or on both.

KEDA itself only decides between no replica and one; in between it makes a HorizontalPodAutoscaler and feeds it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from antiphon_policies.baselines.behaviour import Behaviour
from antiphon_policies.baselines.fixed import Fixed
from antiphon_policies.baselines.objective import turn_target_ms
from antiphon_policies.baselines.ratios import TOLERANCE, replicas_for_average, replicas_for_value
from antiphon_policies.baselines.replicating import ReplicasController
from antiphon_policies.facts import AgentFacts, GroupFacts, Setting
from antiphon_policies.seeing.observation import Observation


@dataclass(frozen=True, slots=True)
class KedaKnobs:
    """At least one of the triggers is given."""

    queue_target: float | None = None
    """Calls that may wait in each replica, all its stages together (metricType AverageValue)."""
    queue_over_seconds: float = 60.0
    """The queue is its mean over so long, as `sum(rate(waited_seconds_sum[1m]))` tells it: the time waited in each second is
    the number that wait (Little's law). 0: the gauge as it is at the moment."""
    p95_share: float | None = None
    """Target of the p95 as a share of the objective's (metricType Value)."""
    activation: float = 0.0
    """Value of a trigger above which it counts as active; only matters from and to no replica at all."""
    polling_seconds: float = 30.0
    """`pollingInterval`: how often KEDA looks whether a trigger is active."""
    cooldown_seconds: float = 300.0
    """`cooldownPeriod`: no trigger active for so long, and the last replica goes. Only where min_replicas is 0."""
    cached: bool = False
    """`useCachedMetrics`: the HPA gets what the last poll saw, rather than what is true when it asks."""
    min_replicas: int = 1
    tolerance: float = TOLERANCE
    behaviour: Behaviour = field(default_factory=Behaviour)


@dataclass(frozen=True, slots=True)
class Triggered:
    """What the triggers say. None: not known, or there is no such trigger."""

    queued: float | None
    p95_ms: float | None


class KedaController(ReplicasController):
    """The HPA asks every 15 s, whatever the polling interval."""

    def __init__(self, running: Fixed, knobs: KedaKnobs, name: str = "keda") -> None:
        if knobs.queue_target is None and knobs.p95_share is None:
            raise ValueError("a ScaledObject needs a trigger: give queue_target, p95_share or both")
        super().__init__(name, running, knobs.behaviour, knobs.min_replicas)
        self._knobs = knobs
        self._polled: dict[str, tuple[float, Triggered]] = {}
        self._last_active: dict[str, float] = {}
        self._waited: deque[tuple[float, Observation]] = deque()

    def control(self, facts: AgentFacts, seen: Observation, current: Setting) -> Setting:
        if seen.work or seen.recent is not None:
            self._waited.append((seen.at, seen))
        while self._waited and self._waited[0][0] <= seen.at - self._knobs.queue_over_seconds:
            self._waited.popleft()
        return super().control(facts, seen, current)

    def bounds(self, group: GroupFacts) -> tuple[int, int]:
        """Those of the HPA that KEDA makes, which has at least one replica."""
        least, most = super().bounds(group)
        return max(1, least), most

    def follow(self, facts: AgentFacts, group: GroupFacts, seen: Observation, current: int) -> int:
        """From and to no replica KEDA scales itself, past the HPA, where `minReplicaCount` is 0."""
        self._poll(facts, group, seen)
        if self._knobs.min_replicas > 0 or group.min_replicas > 0:
            return super().follow(facts, group, seen, current)
        idle_seconds = seen.at - self._last_active[group.name]
        if current == 0:
            return 1 if idle_seconds < self._knobs.polling_seconds else 0
        if idle_seconds >= self._knobs.cooldown_seconds:
            self.tell(seen.at, f"{group.name}: {current} -> 0 replicas; no trigger active for {idle_seconds:.0f} s")
            return 0
        return super().follow(facts, group, seen, current)

    def recommend(self, facts: AgentFacts, group: GroupFacts, seen: Observation, current: int) -> int | None:
        """The most that a trigger recommends. One that is not known holds back a scale-down, and nothing else."""
        triggered = self._polled[group.name][1] if self._knobs.cached else self._look(facts, group, seen)
        wanted = [
            *self._by_queue(triggered, current),
            *self._by_p95(triggered, current, seen.ready(group.name), turn_target_ms(facts)),
        ]
        asked = sum(trigger is not None for trigger in (self._knobs.queue_target, self._knobs.p95_share))
        if not wanted or (len(wanted) < asked and max(wanted) < current):
            return None
        return max(1, *wanted)

    def _by_queue(self, triggered: Triggered, current: int) -> list[int]:
        target = self._knobs.queue_target
        if target is None or triggered.queued is None:
            return []
        return [replicas_for_average(current, triggered.queued, target, self._knobs.tolerance)]

    def _by_p95(self, triggered: Triggered, current: int, ready: int, target_ms: float | None) -> list[int]:
        share = self._knobs.p95_share
        if share is None or triggered.p95_ms is None or target_ms is None:
            return []
        return [replicas_for_value(ready, current, triggered.p95_ms, share * target_ms, self._knobs.tolerance)]

    def _poll(self, facts: AgentFacts, group: GroupFacts, seen: Observation) -> None:
        last = self._polled.get(group.name)
        if last is not None and seen.at < last[0] + self._knobs.polling_seconds:
            return
        triggered = self._look(facts, group, seen)
        self._polled[group.name] = (seen.at, triggered)
        values = (triggered.queued or 0.0, triggered.p95_ms or 0.0)
        if last is None or max(values) > self._knobs.activation:
            self._last_active[group.name] = seen.at

    def _look(self, facts: AgentFacts, group: GroupFacts, seen: Observation) -> Triggered:
        queued = None if self._knobs.queue_target is None else self._queued(facts, group, seen)
        return Triggered(queued, None if self._knobs.p95_share is None else recent_p95_ms(seen))

    def _queued(self, facts: AgentFacts, group: GroupFacts, seen: Observation) -> float | None:
        if self._knobs.queue_over_seconds <= 0:
            return queued_in(group, seen)
        if not self._waited:
            return None
        stages = {stage.stage for stage in facts.stages if stage.group == group.name}
        works = [[work for work in looked.work if work.stage in stages] for _, looked in self._waited]
        seconds = sum(max((work.seconds for work in looked), default=0.0) for looked in works)
        waited_ms = sum(work.wait_ms for looked in works for work in looked)
        return waited_ms / 1000.0 / seconds if seconds > 0 else 0.0


def queued_in(group: GroupFacts, seen: Observation) -> int | None:
    """Calls that wait in the group's pods, pods that drain among them. None: no pod told."""
    told = [
        stage.queued
        for pod in seen.pods
        if pod.group == group.name
        for stage in pod.stages.values()
        if stage.queued is not None
    ]
    return sum(told) if told else None


def recent_p95_ms(seen: Observation) -> float | None:
    durations = seen.recent.durations if seen.recent else None
    return durations.quantile(0.95) if durations else None
