from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_cases import Drawn, changes, setting_of

from antiphon_policies.facts import Setting, StageSetting
from antiphon_policies.planning.alternatives import AS_IT_IS, alternatives
from antiphon_policies.planning.asking import Ask
from antiphon_policies.planning.planner import plan_one
from antiphon_policies.predicting.turn import predict


def _ask(seed: int = 1) -> Ask:
    ask = Drawn(np.random.default_rng(seed)).ask(variants=3, largest_cap=16)
    return replace(ask, current=setting_of(ask.facts, 2))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_one_thing_is_changed_in_each(seed: int) -> None:
    ask = _ask(seed)
    first, *others = alternatives(ask)
    assert (first.what, first.setting) == (AS_IT_IS, ask.current)
    assert others
    for each in others:
        steps = changes(ask.current, each.setting)
        assert steps == 1 or (steps == 2 and "instead of v" in each.what)
    assert len({each.what for each in others}) == len(others)


def test_predictions_are_those_of_predict() -> None:
    ask = _ask()
    for each in alternatives(ask):
        assert each.prediction == predict(ask.facts, each.setting, ask.load)


def test_neighbours_in_words() -> None:
    ask = _ask()
    stages = {**ask.current.stages, "llm": StageSetting("v1", 2)}
    told = [each.what for each in alternatives(replace(ask, current=replace(ask.current, stages=stages)))]
    assert {
        "llm v0 instead of v1",
        "llm v2 instead of v1",
        "at most 4 at once in llm instead of 2",
        "at most 1 at once in llm instead of 2",
        "3 replicas of g0 instead of 2",
        "1 replica of g0 instead of 2",
        "mode plain instead of speculative",
    } <= set(told)


def test_no_replica_beyond_the_bounds() -> None:
    ask = _ask()
    groups = tuple(replace(group, min_replicas=2, max_replicas=2) for group in ask.facts.groups)
    told = [each.what for each in alternatives(replace(ask, facts=replace(ask.facts, groups=groups)))]
    assert not any("replica" in what for what in told)


def test_a_plan_is_feasible_as_it_is() -> None:
    ask = replace(_ask(), slack=3.0)
    found = plan_one(ask)
    assert found.feasible
    first = alternatives(replace(ask, current=found.setting))[0]
    assert first.feasible
    assert (first.cost_per_hour, first.quality) == pytest.approx((found.cost_per_hour, found.quality))


def test_a_current_setting_that_is_not_known() -> None:
    ask = replace(_ask(), current=Setting({}, {}, "gone"))
    first = alternatives(ask)[0].setting
    assert first.stages["llm"].variant == "v0"
    assert first.mode == "speculative"
    assert first.replicas == {"g0": 1}
