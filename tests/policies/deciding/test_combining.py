"""Three plans make one setting."""

from __future__ import annotations

from dataclasses import replace

import pytest
from compared_cascade import compared_cascade

from antiphon_policies.deciding.combining import HYSTERESIS, RESERVE, combined, fitted
from antiphon_policies.deciding.looking import Plans
from antiphon_policies.facts import AgentFacts, Setting, StageSetting
from antiphon_policies.planning.asking import Plan
from antiphon_policies.predicting.prediction import Prediction

FACTS = compared_cascade()
_UNSAID = Prediction({}, {}, 0.0)


def plan(variant: int, cap: int, replicas: int) -> Plan:
    """With the same place in the order of variants for each stage."""
    stages = {stage.stage: StageSetting(stage.variants[variant].name, cap) for stage in FACTS.stages}
    setting = Setting(stages, {"main": replicas}, FACTS.modes[0].name)
    return Plan(setting, _UNSAID, True, float(replicas), 1.0)


CURRENT = plan(0, 4, 2).setting


def combine(
    now: Plan, ahead: Plan, surge: Plan, serving: int = 2, facts: AgentFacts = FACTS, current: Setting = CURRENT
) -> Setting:
    return combined(facts, current, Plans(now, ahead, surge), {"main": serving})


def asr(setting: Setting) -> StageSetting:
    return setting.stages["asr"]


def name(place: int) -> str:
    return next(stage for stage in FACTS.stages if stage.stage == "asr").variants[place].name


def test_stages_run_as_now_asks_and_there_are_as_many_replicas_as_either_of_the_others_wants() -> None:
    found = combine(plan(1, 4, 2), plan(0, 2, 5), plan(1, 8, 3))
    assert asr(found).variant == name(1)
    assert found.replicas == {"main": 5}
    assert combine(plan(1, 4, 2), plan(0, 2, 3), plan(1, 8, 6)).replicas == {"main": 6}


def test_who_scales_elsewhere_keeps_the_replicas() -> None:
    others = replace(FACTS, scales=False)
    assert combine(plan(0, 4, 2), plan(0, 4, 5), plan(0, 4, 5), facts=others).replicas == {"main": 2}


def test_a_cap_has_a_reserve_within_what_the_variant_takes() -> None:
    small = plan(0, 1, 2).setting
    assert asr(combine(plan(0, 2, 2), plan(0, 2, 2), plan(0, 2, 2), current=small)).cap == 2 * RESERVE
    assert asr(combine(plan(0, 16, 2), plan(0, 16, 2), plan(0, 16, 2), current=small)).cap == 16


@pytest.mark.parametrize("current", [1, 2, RESERVE, RESERVE * HYSTERESIS - 1])
def test_a_cap_that_does_and_is_not_much_too_large_stays(current: int) -> None:
    runs = plan(0, current, 2).setting
    assert asr(combine(plan(0, 1, 2), plan(0, 1, 2), plan(0, 1, 2), current=runs)).cap == current


def test_a_cap_that_is_much_too_large_is_lowered() -> None:
    runs = plan(0, RESERVE * HYSTERESIS, 2).setting
    assert asr(combine(plan(0, 1, 2), plan(0, 1, 2), plan(0, 1, 2), current=runs)).cap == RESERVE


def test_a_cap_that_is_much_too_large_waits_for_a_variant_that_is_to_be_switched() -> None:
    """One thing of a stage is changed at a time, and caps last."""
    runs = plan(0, 16, 2).setting
    assert asr(combine(plan(1, 1, 2), plan(0, 1, 2), plan(0, 1, 2), current=runs)) == StageSetting(name(1), 16)


def test_where_cost_counts_replicas_that_are_to_go_buy_no_better_variant() -> None:
    thrifty = replace(FACTS, prefer="Cost")
    now, ahead = plan(0, 4, 4), plan(1, 4, 2)
    assert asr(combine(now, ahead, ahead, serving=4, facts=thrifty)).variant == name(1)
    assert asr(combine(now, ahead, ahead, serving=2, facts=thrifty)).variant == name(0), "none is to go"
    surge = plan(1, 4, 4)
    assert asr(combine(now, ahead, surge, serving=4, facts=thrifty)).variant == name(0), (
        "they are kept for what may come"
    )
    assert asr(combine(now, ahead, ahead, serving=4)).variant == name(0), "quality goes first"


def test_a_variant_that_is_allowed_no_more_counts_as_the_best() -> None:
    runs = replace(CURRENT, stages={**CURRENT.stages, "asr": StageSetting("gone", 3)}, mode="gone")
    found = fitted(FACTS, runs)
    assert asr(found) == StageSetting(name(0), 3)
    assert found.mode == FACTS.modes[0].name
    assert found.stages["llm"] == CURRENT.stages["llm"]
