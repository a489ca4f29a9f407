"""A queueing autoscaler after llm-d's workload-variant-autoscaler (WVA): replicas by a model that it learns online.

Its queueing model analyzer sizes a replica, its saturation analyzer looks at queues and places; either may scale up, both
must agree to scale down. Its wish goes to a HorizontalPodAutoscaler, which follows it by its own rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon_crds.stages import Stage
from antiphon_policies.baselines.behaviour import Behaviour
from antiphon_policies.baselines.fixed import Fixed
from antiphon_policies.baselines.kalman import Seen, StageFilter
from antiphon_policies.baselines.objective import turn_target_ms
from antiphon_policies.baselines.replicating import ReplicasController
from antiphon_policies.baselines.sizing import (
    PodLoad,
    StageModel,
    Thresholds,
    by_load,
    by_saturation,
    largest_load_per_ms,
)
from antiphon_policies.facts import AgentFacts, GroupFacts, ModeFacts, StageFacts
from antiphon_policies.seeing.observation import Observation, PodSeen, StageWork


@dataclass(frozen=True, slots=True)
class QueueingKnobs:
    target_share: float = 0.8
    """Target of the mean turn as a share of the objective's target for its p95: the model knows means alone."""
    interval_seconds: float = 30.0
    """`GLOBAL_OPT_INTERVAL`; a multiple of the HPA's 15 s."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    saturation: bool = True
    """Whether the saturation analyzer takes part."""
    min_replicas: int = 1
    behaviour: Behaviour = field(default_factory=Behaviour)


class QueueingController(ReplicasController):
    """Estimates begin with the profile of the variant that runs, as `modelProfile` gave it to WVA."""

    def __init__(self, running: Fixed, knobs: QueueingKnobs, name: str = "queueing") -> None:
        super().__init__(name, running, knobs.behaviour, knobs.min_replicas)
        self._knobs = knobs
        self._filters: dict[Stage, StageFilter] = {}
        self._work: list[StageWork] = []
        self._worked_since: float | None = None
        self._wishes: dict[str, tuple[float, int]] = {}

    def recommend(self, facts: AgentFacts, group: GroupFacts, seen: Observation, current: int) -> int | None:
        if group.name == facts.groups[0].name:
            self._learn(facts, seen)
        last = self._wishes.get(group.name)
        if last is not None and seen.at < last[0] + self._knobs.interval_seconds:
            return last[1]
        wish = self._wish(facts, group, seen, current)
        if wish is None:
            return None
        self._wishes[group.name] = (seen.at, wish)
        return wish

    def _wish(self, facts: AgentFacts, group: GroupFacts, seen: Observation, current: int) -> int | None:
        target_ms = turn_target_ms(facts)
        if target_ms is None or seen.turns_per_second is None:
            return None
        mode = next(mode for mode in facts.modes if mode.name == self._running.mode)
        models = [self._model(facts, stage, mode) for stage in facts.stages]
        capacity = largest_load_per_ms(models, mode.shape, self._knobs.target_share * target_ms) * 1000.0
        if capacity <= 0:
            return None
        by_model = by_load(current, seen.turns_per_second, capacity, self._knobs.thresholds)
        step = self._saturation(group, seen) if self._knobs.saturation else -1
        if by_model > current or step > 0:
            waits_for_pods = seen.ready(group.name) < current
            return max(by_model, current if waits_for_pods else current + max(step, 0), 1)
        return max(1, by_model) if step < 0 else current

    def _model(self, facts: AgentFacts, stage: StageFacts, mode: ModeFacts) -> StageModel:
        filtered, running = self._filter(stage), self._running.stages[stage.stage]
        return StageModel(
            filtered.alpha_ms,
            filtered.beta_ms,
            running.cap,
            mode.calls.get(stage.stage, stage.calls_per_turn),
            stage.in_turn,
            stage.group if _shared(facts, stage) else None,
        )

    def _filter(self, stage: StageFacts) -> StageFilter:
        if stage.stage not in self._filters:
            runs = self._running.stages[stage.stage].variant
            service = next(variant.service for variant in stage.variants if variant.name == runs)
            self._filters[stage.stage] = StageFilter(service.alpha_ms, service.beta_ms)
        return self._filters[stage.stage]

    def _learn(self, facts: AgentFacts, seen: Observation) -> None:
        """Once an interval, from all the work since. What is seen while replicas start is left out, as it isn't steady."""
        self._work += seen.work
        if self._worked_since is None:
            self._worked_since = seen.at
        elapsed_ms = (seen.at - self._worked_since) * 1000.0
        if elapsed_ms < self._knobs.interval_seconds * 1000.0:
            return
        for stage in facts.stages:
            means = self._means(facts, stage, elapsed_ms, seen.ready(stage.group))
            if means is not None and all(pod.ready for pod in seen.pods if pod.group == stage.group):
                self._filter(stage).update(means)
        self._work, self._worked_since = [], seen.at

    def _means(self, facts: AgentFacts, stage: StageFacts, elapsed_ms: float, replicas: int) -> Seen | None:
        works = [work for work in self._work if work.stage == stage.stage]
        batches, items = sum(work.batches for work in works), sum(work.items for work in works)
        if batches <= 0 or items <= 0 or replicas <= 0:
            return None
        batch_ms = sum(work.busy_ms for work in works) / batches
        waits = sum(work.waits for work in works)
        wait_ms = sum(work.wait_ms for work in works) / waits if waits > 0 else 0.0
        together = {other.stage for other in facts.stages if other.group == stage.group}
        busy_ms = sum(work.busy_ms for work in self._work if work.stage in together)
        return Seen(
            items / batches,
            batch_ms,
            batch_ms + wait_ms,
            items / elapsed_ms / replicas,
            busy_ms / elapsed_ms / replicas if _shared(facts, stage) else None,
        )

    def _saturation(self, group: GroupFacts, seen: Observation) -> int:
        pods = [pod for pod in seen.pods if pod.group == group.name and pod.ready and not pod.going]
        loads = [load for load in (_pod_load(pod) for pod in pods) if load is not None]
        return by_saturation(loads, self._knobs.thresholds)


def _shared(facts: AgentFacts, stage: StageFacts) -> bool:
    return next(group.shares_device for group in facts.groups if group.name == stage.group)


def _pod_load(pod: PodSeen) -> PodLoad | None:
    if pod.sessions is None:
        return None
    queued = sum(stage.queued or 0 for stage in pod.stages.values())
    return PodLoad(pod.sessions / pod.capacity if pod.capacity else 0.0, queued)
