"""What goes first among settings that keep the promises: the planner's own order is quality; here are the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from antiphon_policies.facts import AgentFacts, StageFacts
from antiphon_policies.planning.asking import Ask, Plan
from antiphon_policies.planning.choosing import costs, planned
from antiphon_policies.planning.memory import Memory, key_of, stages_token

EXCHANGE = 5.0
"""Balanced: hundredths of cost that a hundredth of quality is worth."""
_STEPS = 6
"""Budgets between the cheapest and the best that are tried."""
_PENNY = 1e-6
_Limits = Mapping[str, int]
_KNOWN: Memory[Plan] = Memory(1 << 13)
_ALIKE: Memory[tuple[StageFacts, ...]] = Memory(1 << 10)
"""Stages whose variants all count as equally good, by those that they were made of."""


def preferred(asks: Sequence[Ask], limits: Sequence[_Limits]) -> list[Plan]:
    """Each by itself, within its own limits of partitions, in the order that its policy prefers. What was planned before, or
    is asked twice, is not planned again."""
    keys = [key_of(ask, limit) for ask, limit in zip(asks, limits, strict=True)]
    known = [_KNOWN.get(key) for key in keys]
    new = {key: place for place, (key, found) in enumerate(zip(keys, known, strict=True)) if found is None}
    plans = _preferred([asks[place] for place in new.values()], [limits[place] for place in new.values()])
    told = dict(zip(new, plans, strict=True))
    for key, found in told.items():
        _KNOWN.keep(key, found)
    return [told[key] if found is None else found for key, found in zip(keys, known, strict=True)]


def forget() -> None:
    """What was planned before."""
    _KNOWN.forget()
    _ALIKE.forget()


def _preferred(asks: Sequence[Ask], limits: Sequence[_Limits]) -> list[Plan]:
    """Least cost first takes two searches: one to which all variants are equally good finds the least cost, and then the best
    quality is sought that can be had for it. Where replicas are not to be chosen, all cost the same.
    """
    thrifty = [place for place, ask in enumerate(asks) if ask.facts.prefer != "Quality" and ask.serving is None]
    found = costs([_indifferent(asks[place]) for place in thrifty], [limits[place] for place in thrifty])
    least = {place: cost for place, cost in zip(thrifty, found, strict=True) if cost is not None}
    bounded = list(asks)
    for place, cost in least.items():
        if asks[place].facts.prefer == "Cost":
            bounded[place] = _for_no_more_than(cost, asks[place])
    plans = planned(bounded, limits)
    weighed = [place for place in least if asks[place].facts.prefer == "Balanced" and plans[place].feasible]
    return _balanced(asks, limits, plans, {place: least[place] for place in weighed})


def _balanced(
    asks: Sequence[Ask], limits: Sequence[_Limits], plans: list[Plan], least: Mapping[int, float]
) -> list[Plan]:
    """Of the plans for budgets from the least cost to that of the best quality, the one that is worth the most."""
    tries = [
        (place, _for_no_more_than(budget, asks[place]))
        for place, cheapest in least.items()
        for budget in _budgets(cheapest, plans[place].cost_per_hour)
    ]
    found = planned([ask for _, ask in tries], [limits[place] for place, _ in tries])
    best = list(plans)
    for (place, _), plan in zip(tries, found, strict=True):
        if plan.feasible and _worth(plan) > _worth(best[place]) + 1e-12:
            best[place] = plan
    return best


def _budgets(least: float, most: float) -> list[float]:
    if most <= least + _PENNY:
        return []
    return [least + (most - least) * step / _STEPS for step in range(_STEPS)]


def _worth(plan: Plan) -> float:
    return float(plan.quality**EXCHANGE / plan.cost_per_hour) if plan.cost_per_hour > 0 else plan.quality


def _indifferent(ask: Ask) -> Ask:
    key = (stages_token(ask.facts),)
    stages = _ALIKE.get(key)
    if stages is None:
        stages = tuple(map(_alike, ask.facts.stages))
        _ALIKE.keep(key, stages)
    return replace(ask, facts=replace(ask.facts, stages=stages))


def _alike(stage: StageFacts) -> StageFacts:
    return replace(stage, variants=tuple(replace(variant, quality=1.0) for variant in stage.variants))


def _for_no_more_than(cost: float, ask: Ask) -> Ask:
    return replace(ask, facts=_bounded(ask.facts, cost + _PENNY))


def _bounded(facts: AgentFacts, cost: float) -> AgentFacts:
    most = facts.guardrails.max_cost_per_hour
    within = cost if most is None else min(cost, most)
    return replace(facts, guardrails=facts.guardrails.model_copy(update={"max_cost_per_hour": within}))
