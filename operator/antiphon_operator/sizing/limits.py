"""What stands in the way of one session more, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from antiphon_operator.sizing.replica import Held
from antiphon_operator.telling.promises import amount, unit_of
from antiphon_policies.facts import AgentFacts
from antiphon_policies.planning.asking import Plan


def limited_by(facts: AgentFacts, group: str, held: Held) -> str:
    """Empty: no limit was found."""
    plan = held.beyond
    if plan is None:
        return ""
    most = next(each.max_sessions for each in facts.groups if each.name == group)
    if most is not None and held.sessions >= most:
        return f"a replica takes {most} sessions at most"
    reasons = [*_saturated(plan), *_broken(facts, plan)]
    return max(reasons)[1] if reasons else "no setting keeps all objectives"


def _saturated(plan: Plan) -> Iterator[tuple[float, str]]:
    for stage, predicted in plan.prediction.stages.items():
        if predicted.utilisation >= 1:
            told = f"{stage} can't keep up: {predicted.utilisation * 100:.0f} % of what it can do would be asked of it"
            yield 1e6 + predicted.utilisation, told


def _broken(facts: AgentFacts, plan: Plan) -> Iterator[tuple[float, str]]:
    """With how far each is off."""
    for effective in facts.objectives:
        objective = effective.objective
        value = plan.prediction.objectives.get(objective.name)
        target = effective.planning_target_ms
        if value is not None and target is not None and target < value < math.inf:
            unit = unit_of(objective)
            yield value / max(target, 1), f"{objective.name} would be {amount(value, unit)} of {amount(target, unit)}"
