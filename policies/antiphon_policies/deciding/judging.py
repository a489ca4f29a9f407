"""An agent's promises from tick to tick: how each is kept, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from antiphon_crds.agent_status import ObjectiveStatus
from antiphon_crds.durations import parse_duration_seconds
from antiphon_policies.facts import AgentFacts
from antiphon_policies.figures import significant
from antiphon_policies.guarding.sanity import main_objective
from antiphon_policies.judging.judgement import Judgement, State, judge
from antiphon_policies.judging.recovering import Breaches, follow, recovery
from antiphon_policies.judging.verdict import Verdict, verdict, worst_latency
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.seeing.observation import Measured, Observation

_TURNS = ("turn", "response", "mouthToEar", "result")


@dataclass(frozen=True, slots=True)
class Told:
    """How the promises are kept."""

    statuses: tuple[ObjectiveStatus, ...]
    verdict: Verdict
    worst_ratio: float | None
    """Of the latencies: observed by target."""
    tightest: tuple[float, float] | None
    """Of the objective about whole turns: share of the turns, and their target in milliseconds."""

    @property
    def state(self) -> State:
        return self.verdict.state


@dataclass(frozen=True, slots=True)
class _Kinds:
    """An agent's objectives, sorted out once."""

    objectives: tuple[EffectiveObjective, ...]
    others: Sequence[EffectiveObjective]
    recoveries: Sequence[EffectiveObjective]
    """About how long breaches of the others last."""
    order: Mapping[str, int]
    tightest: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class MeasuredTurns:
    """The objective about whole turns, as it was measured over its window."""

    name: str
    observed_ms: float
    samples: float
    age_seconds: float
    window_seconds: float


class Promises:
    """Remembers breaches, for objectives about how long these last."""

    def __init__(self) -> None:
        self._breaches = Breaches()
        self._kinds: _Kinds | None = None

    def judge(self, facts: AgentFacts, seen: Observation) -> Told:
        kinds = self._kinds
        if kinds is None or kinds.objectives is not facts.objectives:
            kinds = self._kinds = _kinds(facts)
        found = [self._judged(effective, facts, seen, seen.measured) for effective in kinds.others]
        self._breaches = follow(self._breaches, found, seen.at)
        if kinds.recoveries:
            timed = self._recovery(kinds, seen)
            found += [self._judged(effective, facts, seen, timed) for effective in kinds.recoveries]
        worst = worst_latency(found)
        statuses = sorted((judgement.status for judgement in found), key=lambda status: kinds.order[status.name])
        return Told(tuple(statuses), verdict(found), worst.ratio if worst else None, kinds.tightest)

    def turns(self, facts: AgentFacts, seen: Observation) -> MeasuredTurns | None:
        """None: not measured."""
        effective = main_objective(facts)
        told = seen.measured.get(effective.objective.name) if effective else None
        if effective is None or told is None or told.durations is None:
            return None
        objective = effective.objective
        durations = told.durations
        share = objective.percentile
        observed = durations.mean if share is None else durations.quantile(share / 100)
        if observed is None:
            return None
        window = told.covered_seconds or parse_duration_seconds(objective.window)
        return MeasuredTurns(objective.name, observed, durations.count, told.age_seconds, window)

    def turn_p95_ms(self, facts: AgentFacts, seen: Observation) -> float | None:
        effective = main_objective(facts)
        told = seen.measured.get(effective.objective.name) if effective else None
        if told is None or told.durations is None:
            return None
        found = told.durations.quantile(0.95)
        return None if found is None else significant(found)

    def _judged(
        self,
        effective: EffectiveObjective,
        facts: AgentFacts,
        seen: Observation,
        measured: Mapping[str, Measured],
    ) -> Judgement:
        turns = effective.objective.indicator in _TURNS
        return judge(
            effective,
            measured.get(effective.objective.name),
            facts.guardrails,
            recent=seen.recent if turns else None,
        )

    def _recovery(self, kinds: _Kinds, seen: Observation) -> dict[str, Measured]:
        return {
            effective.objective.name: recovery(
                self._breaches, seen.at, parse_duration_seconds(effective.objective.window)
            )
            for effective in kinds.recoveries
        }


def rounded(status: ObjectiveStatus) -> ObjectiveStatus:
    """As a status object tells it: figures that differ by less than people care for are the same."""
    return status.model_copy(
        update={
            "observed": None if status.observed is None else significant(status.observed),
            "attainment": None if status.attainment is None else round(status.attainment, 4),
            "error_budget_left": None if status.error_budget_left is None else round(status.error_budget_left, 2),
        }
    )


def _kinds(facts: AgentFacts) -> _Kinds:
    objectives = facts.objectives
    return _Kinds(
        objectives,
        others=[effective for effective in objectives if effective.objective.indicator != "recovery"],
        recoveries=[effective for effective in objectives if effective.objective.indicator == "recovery"],
        order={effective.objective.name: index for index, effective in enumerate(objectives)},
        tightest=_tightest(facts),
    )


def _tightest(facts: AgentFacts) -> tuple[float, float] | None:
    """The first percentile that is promised: a mean says little of a minute in which some wait long."""
    whole = [effective for effective in facts.objectives if effective.objective.indicator in _TURNS]
    effective = next((each for each in whole if each.objective.percentile is not None), main_objective(facts))
    if effective is None:
        return None
    target = effective.planning_target_ms or effective.objective.target_ms
    if target is None:
        return None
    return ((effective.objective.percentile or 50.0) / 100, float(target))
