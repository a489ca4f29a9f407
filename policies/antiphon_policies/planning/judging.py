"""How far a prediction is from the promises, as one figure."""

from __future__ import annotations

from collections.abc import Mapping

from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.planning.choices import Choices
from antiphon_policies.predicting.prediction import Prediction

SATURATED = 1e6
"""Scores from here on are of settings that can't keep up: this, and what their stages are asked for beyond all they can do."""
MOST_EXCESS = 1e3
"""Of one stage; also of one without replicas."""
KEPT = 1.0 + 1e-9
"""Scores up to here keep all promises. The rest is for rounding."""


def target_of(effective: EffectiveObjective, slack: float) -> float | None:
    """What a prediction may be at most, in milliseconds. None: of a kind that is not predicted."""
    target = effective.planning_target_ms
    return None if target is None else max(1e-6, target * slack)


def score(choices: Choices, prediction: Prediction, replicas: Mapping[str, int]) -> float:
    """Worst ratio of what is predicted at the planned load to its target; not above 1 where all is kept."""
    excess = [stage.utilisation - 1 for stage in prediction.stages.values() if stage.utilisation >= 1]
    if excess:
        return SATURATED + sum(min(MOST_EXCESS, each) for each in excess)
    found = [0.0, *(ratio for _, ratio in admissions(choices, replicas))]
    for effective in choices.ask.facts.objectives:
        value, target = prediction.objectives.get(effective.objective.name), target_of(effective, choices.ask.slack)
        if value is not None and target is not None:
            found.append(value / target)
    return min(SATURATED / 2, max(found))


def admissions(choices: Choices, replicas: Mapping[str, int]) -> list[tuple[str, float]]:
    """Sessions at the planned load for each that the replicas take, of groups where that is known."""
    return [
        (group.facts.name, choices.load.sessions / (group.facts.max_sessions * max(1, replicas[group.facts.name])))
        for group in choices.groups
        if group.facts.max_sessions
    ]
