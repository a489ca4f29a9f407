"""The objective of turns that a baseline is tuned to."""

from __future__ import annotations

from antiphon_policies.facts import AgentFacts

OF_TURNS = ("response", "turn", "mouthToEar", "result")


def turn_target_ms(facts: AgentFacts) -> float | None:
    """Target of the agent's promise about the p95 of its turns; else of the percentile next to it, else of the mean."""
    promised = [effective for effective in facts.objectives if effective.objective.indicator in OF_TURNS]
    by_distance = sorted(promised, key=lambda effective: abs((effective.objective.percentile or 0) - 95))
    return float(by_distance[0].planning_target_ms or 0) or None if by_distance else None
