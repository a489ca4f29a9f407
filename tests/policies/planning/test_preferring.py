"""Quality, cost, or both in balance."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from compared_cascade import compared_cascade

from antiphon_policies.facts import AgentFacts
from antiphon_policies.planning.asking import Ask, Plan, Stock
from antiphon_policies.planning.planner import plan, plan_one
from antiphon_policies.planning.preferring import EXCHANGE
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.simulating.scene import at_best

Preference = Literal["Quality", "Balanced", "Cost"]
FACTS = compared_cascade()


def ask(sessions: float, prefer: Preference, facts: AgentFacts = FACTS) -> Ask:
    return Ask(replace(facts, prefer=prefer), Load(sessions, 0.06), at_best(facts, 2))


def planned(sessions: float) -> dict[Preference, Plan]:
    kinds: tuple[Preference, ...] = ("Quality", "Balanced", "Cost")
    return dict(zip(kinds, plan([ask(sessions, kind) for kind in kinds]), strict=True))


@pytest.mark.parametrize("sessions", [3, 16, 40, 60])
def test_all_keep_the_promises_and_each_is_best_at_what_it_prefers(sessions: float) -> None:
    found = planned(sessions)
    quality, balanced, cost = found["Quality"], found["Balanced"], found["Cost"]
    assert quality.feasible and balanced.feasible and cost.feasible  # noqa: PT018
    assert quality.quality >= balanced.quality >= cost.quality - 1e-9
    assert quality.cost_per_hour >= balanced.cost_per_hour >= cost.cost_per_hour - 1e-9
    worth = [each.quality**EXCHANGE / each.cost_per_hour for each in found.values()]
    assert worth[1] == pytest.approx(max(worth))


def test_the_least_cost_buys_the_best_quality_that_it_can() -> None:
    """With few sessions one replica does with the best variants too."""
    assert planned(3)["Cost"].quality == 1.0


def test_what_costs_less_is_found_among_all_that_is_allowed() -> None:
    found = plan_one(ask(40, "Cost"))
    fewer = replace(FACTS.groups[0], max_replicas=found.setting.replicas["main"] - 1)
    assert not plan_one(ask(40, "Cost", replace(FACTS, groups=(fewer,)))).feasible


def test_the_policys_own_bound_on_the_cost_holds_too() -> None:
    bounded = replace(FACTS, guardrails=FACTS.guardrails.model_copy(update={"max_cost_per_hour": 1.0}))
    for prefer in ("Quality", "Balanced", "Cost"):
        found = plan_one(ask(60, prefer, bounded))
        assert found.setting.replicas["main"] == 1
        assert not found.feasible


def test_those_that_compete_for_a_stock_keep_within_it() -> None:
    kind = FACTS.groups[0].partition
    asks = [ask(40, prefer) for prefer in ("Quality", "Balanced", "Cost")]
    named = [replace(each, facts=replace(each.facts, key=("team", f"a{n}"))) for n, each in enumerate(asks)]
    found = plan(named, Stock({kind: 7}))
    assert sum(each.setting.replicas["main"] for each in found) <= 7
