"""What an agent's promises come to, given what it runs with and how many talk to it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from antiphon_crds.policy import Objective
from antiphon_crds.stages import Stage
from antiphon_policies.facts import AgentFacts, ModeFacts, Setting, StageFacts, TurnShape
from antiphon_policies.predicting.cumulants import Times
from antiphon_policies.predicting.prediction import Load, Prediction, StagePrediction
from antiphon_policies.predicting.sharing import Asked, shared_times
from antiphon_policies.predicting.times import added, callers, mean_above_ms, quantile_ms


def predict(facts: AgentFacts, setting: Setting, load: Load, serving: Mapping[str, int] | None = None) -> Prediction:
    """`serving`: replicas that serve, by group; without it, those of the setting."""
    times = _Replicas(facts, setting, load, setting.replicas if serving is None else serving).times()
    waited = [times[stage.stage] for stage in facts.stages if stage.in_turn]
    turn = _Turn(added(waited) if waited else _never(0.0), _mode(facts, setting).shape, times)
    return Prediction(
        objectives=dict(turn.promises(facts)),
        stages={stage: _told(each) for stage, each in times.items()},
        turn_p95_ms=turn.percentile(95),
    )


def sessions_of_fullest(sessions: float, replicas: float) -> float:
    """Sessions of the replica that has the most; infinite where there is none."""
    return float(math.ceil(sessions / replicas - 1e-9)) if replicas > 0 else math.inf


@dataclass(frozen=True, slots=True)
class _Replicas:
    facts: AgentFacts
    setting: Setting
    load: Load
    count: Mapping[str, int]

    def times(self) -> Mapping[Stage, Times]:
        """In the pipeline's order."""
        found: dict[Stage, Times] = {}
        for group in self.facts.groups:
            stages = [stage for stage in self.facts.stages if stage.group == group.name]
            if self.count.get(group.name, 0) <= 0:
                found |= {stage.stage: _never(math.inf) for stage in stages}
                continue
            asked = [self._asked(stage) for stage in stages]
            in_turn = sum(stage.in_turn for stage in stages)
            each = shared_times(asked, in_turn) if group.shares_device else [one.times() for one in asked]
            found |= {stage.stage: times for stage, times in zip(stages, each, strict=True)}
        return {stage.stage: found[stage.stage] for stage in self.facts.stages}

    def _asked(self, stage: StageFacts) -> Asked:
        chosen = self.setting.stages[stage.stage]
        variant = next(variant for variant in stage.variants if variant.name == chosen.variant)
        sessions = sessions_of_fullest(self.load.sessions, self.count[stage.group])
        calls = _mode(self.facts, self.setting).calls.get(stage.stage, stage.calls_per_turn)
        beside = max(0.0, calls - stage.in_turn)
        return Asked(
            stage.discipline,
            variant.service,
            max(1, min(chosen.cap, variant.max_batch)),
            sessions * self.load.turns_per_second * (beside + stage.in_turn),
            sessions if stage.discipline == "lockstep" else callers(sessions, beside),
            stage.period_ms,
            self.facts.duty_cycle,
        )


@dataclass(frozen=True, slots=True)
class _Turn:
    total: Times
    shape: TurnShape
    stages: Mapping[Stage, Times]

    def promises(self, facts: AgentFacts) -> Iterator[tuple[str, float]]:
        for effective in facts.objectives:
            value = self._value(effective.objective)
            if value is not None:
                yield effective.objective.name, value

    def percentile(self, percentile: float) -> float:
        return self._heard(float(quantile_ms(self.total, percentile)))

    def _value(self, objective: Objective) -> float | None:
        if objective.indicator in ("turn", "mouthToEar"):
            return self._turn(objective)
        if objective.indicator == "response":
            return self._turn(objective) - self.shape.decided_ms
        if objective.indicator == "result":
            return _of(self.total, objective) + self.shape.overhead_ms
        if objective.indicator == "stage" and objective.stage is not None and objective.stage in self.stages:
            return _of(self.stages[objective.stage], objective)
        return None

    def _turn(self, objective: Objective) -> float:
        if objective.percentile is not None:
            return self.percentile(float(objective.percentile))
        shape = self.shape
        return shape.begins_ms + mean_above_ms(self.total, shape.decided_ms - shape.begins_ms) + shape.overhead_ms

    def _heard(self, stages_ms: float) -> float:
        return max(self.shape.decided_ms, self.shape.begins_ms + stages_ms) + self.shape.overhead_ms


def _mode(facts: AgentFacts, setting: Setting) -> ModeFacts:
    return next((mode for mode in facts.modes if mode.name == setting.mode), facts.modes[0])


def _told(times: Times) -> StagePrediction:
    return StagePrediction(float(times.utilisation), float(times.mean_ms), float(quantile_ms(times, 95)))


def _of(times: Times, objective: Objective) -> float:
    if objective.percentile is None:
        return float(times.mean_ms)
    return float(quantile_ms(times, float(objective.percentile)))


def _never(figure: float) -> Times:
    """Nothing is asked, or nobody answers."""
    each = np.asarray(figure)
    return Times(each, each, each, each)
