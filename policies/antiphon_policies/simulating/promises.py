"""The one promise of an agent that simulated turns are counted by."""

from __future__ import annotations

import math
from dataclasses import dataclass

from antiphon_crds.durations import parse_duration_seconds
from antiphon_policies.facts import AgentFacts
from antiphon_policies.objectives import EffectiveObjective

_OF_TURNS = ("turn", "mouthToEar", "response", "result")
_USUAL_WINDOW_SECONDS = 120.0
_USUAL_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Promise:
    """So large a share of the turns takes no longer than the target."""

    name: str = ""
    response: bool = False
    """Counted from the decision that the turn was over, and not from the user's last sound."""
    share: float = _USUAL_SHARE
    target_ms: float = math.inf
    window_seconds: float = _USUAL_WINDOW_SECONDS

    @property
    def allowed(self) -> float:
        """Share of the turns that may take longer."""
        return 1 - self.share


def promise_of(facts: AgentFacts) -> Promise:
    """The first about turns with a percentile; where there is none, the first with a mean, whose target is then taken for that
    of a p95. Without either every turn is good."""
    about_turns = [one for one in facts.objectives if one.objective.indicator in _OF_TURNS]
    exact = [one for one in about_turns if one.objective.percentile is not None]
    return next((_promise(one) for one in [*exact, *about_turns]), Promise())


def _promise(effective: EffectiveObjective) -> Promise:
    objective = effective.objective
    return Promise(
        name=objective.name,
        response=objective.indicator in ("response", "result"),
        share=_USUAL_SHARE if objective.percentile is None else float(objective.percentile) / 100,
        target_ms=math.inf if effective.planning_target_ms is None else float(effective.planning_target_ms),
        window_seconds=parse_duration_seconds(objective.window),
    )
