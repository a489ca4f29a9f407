"""What a plan promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_cases import Drawn, objective, setting_of, stage, variant

from antiphon_crds.policy import Guardrails
from antiphon_policies.facts import AgentFacts, GroupFacts, ModeFacts, StageFacts, TurnShape
from antiphon_policies.planning.asking import Ask, Plan
from antiphon_policies.planning.choices import planned_load
from antiphon_policies.planning.planner import plan, plan_one
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.predicting.turn import predict

_SEEDS = st.integers(0, 1_000_000)


def _drawn(seed: int) -> Ask:
    return Drawn(np.random.default_rng(seed)).ask(groups=1 + seed % 2, variants=3, largest_cap=16)


def _under(ask: Ask, sessions: float) -> Ask:
    return replace(ask, load=Load(sessions, ask.load.turns_per_second))


@settings(max_examples=30, deadline=None)
@given(_SEEDS)
def test_a_feasible_plan_keeps_its_promises_with_headroom(seed: int) -> None:
    ask = _drawn(seed)
    found = plan_one(ask)
    if found.feasible:
        then = predict(ask.facts, found.setting, planned_load(ask))
        assert then.utilisation < 1
        (target,) = (each.planning_target_ms for each in ask.facts.objectives)
        assert target is not None
        assert then.objectives["turn-p95"] <= target * (1 + 1e-6)
        assert found.prediction.objectives["turn-p95"] <= target * (1 + 1e-6)
        assert (found.binding, found.message) == ("none", "")
    else:
        assert found.binding != "none"
        assert found.message


@settings(max_examples=15, deadline=None)
@given(_SEEDS, st.floats(1.01, 4))
def test_more_load_is_never_cheaper_nor_better(seed: int, times: float) -> None:
    ask = _drawn(seed)
    less, more = plan([ask, _under(ask, ask.load.sessions * times)])
    if more.feasible:
        assert less.feasible
        assert (-less.quality, _mode(ask, less)) <= (-more.quality + 1e-9, _mode(ask, more))
        if less.quality == pytest.approx(more.quality) and less.setting.mode == more.setting.mode:
            assert less.cost_per_hour <= more.cost_per_hour + 1e-9


def _mode(ask: Ask, found: Plan) -> int:
    return [mode.name for mode in ask.facts.modes].index(found.setting.mode)


@settings(max_examples=15, deadline=None)
@given(_SEEDS)
def test_replicas_and_caps_stay_within_bounds(seed: int) -> None:
    ask = _drawn(seed)
    random = np.random.default_rng(seed)
    groups = tuple(
        replace(group, min_replicas=int(random.integers(1, 4)), max_replicas=5) for group in ask.facts.groups
    )
    ask = replace(ask, facts=replace(ask.facts, groups=groups))
    found = plan_one(ask)
    for group in groups:
        assert group.min_replicas <= found.setting.replicas[group.name] <= group.max_replicas
    for each in ask.facts.stages:
        chosen = found.setting.stages[each.stage]
        facts = next(facts for facts in each.variants if facts.name == chosen.variant)
        assert 1 <= chosen.cap <= min(each.most, facts.max_batch)


@settings(max_examples=15, deadline=None)
@given(_SEEDS, st.floats(2, 20))
def test_the_budget_is_kept_wherever_the_least_keeps_it(seed: int, most: float) -> None:
    ask = _drawn(seed)
    ask = replace(ask, facts=replace(ask.facts, guardrails=Guardrails(max_cost_per_hour=most)))
    least = sum(group.price_per_hour * group.min_replicas for group in ask.facts.groups)
    assert plan_one(ask).cost_per_hour <= max(most, least) + 1e-6


@settings(max_examples=15, deadline=None)
@given(_SEEDS)
def test_what_was_planned_is_not_changed_again(seed: int) -> None:
    ask = _drawn(seed)
    found = plan_one(ask)
    assert plan_one(replace(ask, current=found.setting)).setting == found.setting


@settings(max_examples=10, deadline=None)
@given(_SEEDS)
def test_the_cost_and_quality_are_those_of_the_setting(seed: int) -> None:
    ask = _drawn(seed)
    found = plan_one(ask)
    prices = {group.name: group.price_per_hour for group in ask.facts.groups}
    assert found.cost_per_hour == pytest.approx(sum(prices[name] * n for name, n in found.setting.replicas.items()))
    quality = 1.0
    for each in ask.facts.stages:
        name = found.setting.stages[each.stage].variant
        quality *= next(variant.quality for variant in each.variants if variant.name == name)
    assert found.quality == pytest.approx(quality)


_MAIN = GroupFacts("main", max_replicas=4, price_per_hour=2.0)
_ALWAYS = (ModeFacts("always", TurnShape(100.0, 300.0, 5.0)),)


def _agent(*stages: StageFacts, group: GroupFacts = _MAIN, target_ms: int = 600, **more: object) -> AgentFacts:
    return AgentFacts(
        ("default", "agent"),
        tuple(stages),
        (group,),
        _ALWAYS,
        (objective(target_ms=target_ms),),
        **more,  # type: ignore[arg-type]
    )


_LLM = stage("llm", variant("fp16", 200.0, 40.0), variant("fp8", 120.0, 20.0, quality=0.97))


def _ask(facts: AgentFacts, sessions: float, replicas: int | None = None, **more: object) -> Ask:
    return Ask(facts, Load(sessions, 0.06), setting_of(facts, replicas), **more)  # type: ignore[arg-type]


def test_a_better_variant_is_worth_more_replicas() -> None:
    found = plan_one(_ask(_agent(_LLM), 40))
    assert found.setting.stages["llm"].variant == "fp16"
    assert found.setting.replicas["main"] > 1


def test_with_the_replicas_that_serve_a_worse_variant_takes_over() -> None:
    found = plan_one(_ask(_agent(_LLM), 40, serving={"main": 1}))
    assert found.setting.stages["llm"].variant == "fp8"
    assert found.setting.replicas == {"main": 1}


def test_an_idle_agent_has_its_least_and_small_caps() -> None:
    found = plan_one(_ask(_agent(_LLM), 0, replicas=4))
    assert (found.setting.replicas["main"], found.setting.stages["llm"].cap) == (1, 1)
    assert found.feasible


def test_slack_makes_targets_stricter() -> None:
    ask = _ask(_agent(_LLM), 30)
    assert plan_one(replace(ask, slack=0.8)).cost_per_hour >= plan_one(ask).cost_per_hour


def test_headroom_costs() -> None:
    plain, wide = (
        plan_one(_ask(_agent(_LLM, guardrails=Guardrails(min_headroom=headroom)), 40)) for headroom in (0.0, 0.5)
    )
    assert wide.cost_per_hour > plain.cost_per_hour


def test_what_is_not_known_of_the_current_setting_does_not_matter() -> None:
    ask = _ask(_agent(_LLM, actuators=frozenset()), 5)
    nothing = replace(ask.current, stages={}, replicas={}, mode="gone")
    assert plan_one(replace(ask, current=nothing)).feasible


@pytest.mark.parametrize(
    ("more", "sessions", "binding", "words"),
    [
        ({"target_ms": 290}, 5, "objective", "nothing that may be chosen keeps it"),
        ({}, 2000, "replicas", "more replicas than 4 main"),
        ({"guardrails": Guardrails(max_cost_per_hour=4.0)}, 700, "cost", "more than the 4 an hour"),
        ({"actuators": frozenset(["batch"])}, 140, "actuators", "only batch may be changed"),
        ({"scales": False}, 400, "replicas", "more replicas than 1 main"),
    ],
)
def test_what_is_binding_is_said(more: dict[str, object], sessions: float, binding: str, words: str) -> None:
    found = plan_one(_ask(_agent(_LLM, **more), sessions))  # type: ignore[arg-type]
    assert not found.feasible
    assert found.binding == binding
    assert words in found.message


def test_figures_are_in_the_message() -> None:
    found = plan_one(_ask(_agent(_LLM, target_ms=290), 8))
    assert "turn-p95 would be" in found.message
    assert "of 290 ms at 10 sessions (8 and 20% kept free)" in found.message


def test_a_crowd_that_nobody_can_serve_gets_all_there_is() -> None:
    found = plan_one(_ask(_agent(_LLM), 5000))
    assert found.setting.replicas == {"main": 4}
    assert found.setting.stages["llm"].variant == "fp8"
    assert "llm is asked for" in found.message


def test_more_sessions_than_replicas_take() -> None:
    group = replace(_MAIN, max_sessions=5)
    found = plan_one(_ask(_agent(_LLM, group=group), 40))
    assert found.binding == "replicas"
    assert "times the sessions that main takes" in found.message
