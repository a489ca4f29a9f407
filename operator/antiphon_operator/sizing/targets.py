"""Which p95 could be promised, of the response and from mouth to ear."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from antiphon_crds.policy import Budget, Objective
from antiphon_operator.sizing.replica import best_only, held_by_one, planned, promising, unhindered
from antiphon_operator.sizing.view import TargetView
from antiphon_policies.facts import AgentFacts

TARGETS_MS = (200, 300, 500)


def targets_of(facts: AgentFacts, budget: Budget, targets_ms: Sequence[int] = TARGETS_MS) -> Iterator[TargetView]:
    """Of the first group's replicas."""
    if not any(stage.in_turn for stage in facts.stages):
        return
    around = budget.capture_ms + budget.network_rtt_ms + budget.playback_ms
    for indicator, outside in (("response", 0), ("mouthToEar", around)):
        least = _least_ms(facts, indicator) + outside
        yield from (_target(facts, indicator, target, outside, least) for target in targets_ms)


def _target(facts: AgentFacts, indicator: str, target_ms: int, outside_ms: int, least_ms: float) -> TargetView:
    group, best, either = facts.groups[0].name, 0, 0
    if least_ms <= target_ms:
        promised = promising(facts, [_promise(indicator, target_ms - outside_ms)])
        best = held_by_one(best_only(promised), group).sessions
        either = held_by_one(promised, group).sessions
    return TargetView(
        indicator=indicator,
        target_ms=target_ms,
        best_sessions=best,
        any_sessions=either,
        least_ms=round(least_ms, 1) if math.isfinite(least_ms) else None,
    )


def _least_ms(facts: AgentFacts, indicator: str) -> float:
    """A promise that nobody can keep makes the planner come as near to it as can be."""
    impossible = promising(unhindered(facts), [_promise(indicator, 1)])
    return planned(impossible, facts.groups[0].name, 1).prediction.objectives["promise"]


def _promise(indicator: str, target_ms: int) -> Objective:
    turn = "turn" if indicator == "mouthToEar" else indicator
    return Objective.model_validate({"name": "promise", "indicator": turn, "percentile": 95.0, "targetMs": target_ms})
