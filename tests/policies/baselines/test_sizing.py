from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_policies.baselines.sizing import (
    PodLoad,
    StageModel,
    Thresholds,
    by_load,
    by_saturation,
    largest_load_per_ms,
    turn_ms,
)
from antiphon_policies.facts import TurnShape

SHAPE = TurnShape(begins_ms=300, decided_ms=300, overhead_ms=5)
ONE = [StageModel(100, 10, 64)]
USUAL = Thresholds()


def test_the_search_finds_what_the_formula_says() -> None:
    # 100 / (1 - 10 x load) + 10 + 5 = 215 where 10 x load = 0.5
    assert largest_load_per_ms(ONE, SHAPE, 215) == pytest.approx(0.05)


def test_stages_of_a_turn_add_up() -> None:
    assert turn_ms([*ONE, StageModel(50, 5, 8)], SHAPE, 0.0) == 170
    assert turn_ms([*ONE, StageModel(50, 5, 8, in_turn=False)], SHAPE, 0.0) == 115


def test_work_before_the_decision_is_not_waited_for() -> None:
    assert turn_ms(ONE, TurnShape(100, 300, 5), 0.0) == 5
    assert turn_ms(ONE, TurnShape(250, 300, 5), 0.0) == 65


def test_calls_that_nobody_waits_for_take_their_part() -> None:
    twice = [replace(ONE[0], calls_per_turn=2.0)]
    assert largest_load_per_ms(twice, SHAPE, 215) == pytest.approx(0.025)


def test_a_target_below_an_idle_replica_leaves_no_load() -> None:
    assert largest_load_per_ms(ONE, SHAPE, 114) == 0


def test_a_full_batch_is_the_limit_however_loose_the_target() -> None:
    assert largest_load_per_ms([StageModel(100, 10, 4)], SHAPE, 1e9) == pytest.approx(4 / 140)


def test_stages_that_share_a_device_wait_for_each_other() -> None:
    shared = [StageModel(90, 10, 8, shares="main"), StageModel(40, 10, 8, shares="main")]
    # Half busy at 0.5 / 150 turns a millisecond: 90 / 0.5 + 10 + 40 / 0.5 + 10 + 5.
    assert turn_ms(shared, SHAPE, 0.5 / 150) == pytest.approx(285)
    assert largest_load_per_ms(shared, SHAPE, 285) == pytest.approx(0.5 / 150)


@given(
    st.lists(
        st.tuples(st.floats(1, 300), st.floats(0.1, 30), st.integers(1, 64), st.booleans()), min_size=1, max_size=4
    ),
    st.floats(1, 3000),
)
@settings(max_examples=150, deadline=None)
def test_the_load_found_keeps_the_target_and_a_little_more_does_not(
    figures: list[tuple[float, float, int, bool]], target_ms: float
) -> None:
    stages = [StageModel(alpha, beta, cap, shares="main" if one else None) for alpha, beta, cap, one in figures]
    load = largest_load_per_ms(stages, SHAPE, target_ms)
    assert load >= 0
    if load > 0:
        assert turn_ms(stages, SHAPE, load) <= target_ms * (1 + 1e-9)
    assert largest_load_per_ms(stages, SHAPE, target_ms * 1.5) >= load * (1 - 1e-9)


@pytest.mark.parametrize(
    ("load", "wanted"),
    [
        (8.5, 5),  # five of capacity 2 serve 8.5 at 85 %
        (8.6, 6),
        (7.0, 5),  # 7 / 0.7 are all ten
        (5.5, 4),  # one can go: 10 - 5.5 / 0.7 is 2.1
        (0.1, 1),
    ],
)
def test_replicas_are_added_above_85_percent_and_go_below_70(load: float, wanted: int) -> None:
    assert by_load(5, load, 2.0, USUAL) == wanted


@given(st.integers(1, 20), st.floats(0, 100), st.floats(0.1, 20))
@settings(max_examples=150, deadline=None)
def test_what_is_given_back_is_not_missed(replicas: int, load: float, capacity: float) -> None:
    wanted = by_load(replicas, load, capacity, USUAL)
    assert wanted >= 0
    assert by_load(max(1, wanted), load, capacity, USUAL) in (wanted, max(1, wanted))
    if wanted != replicas:
        assert wanted * capacity >= load / USUAL.scale_up - 1e-6


def test_saturation_adds_one_and_gives_one_back() -> None:
    idle, busy, full = PodLoad(0.2, 0), PodLoad(0.75, 0), PodLoad(0.9, 7)
    assert by_saturation([], USUAL) == 0
    assert by_saturation([idle], USUAL) == 0
    assert by_saturation([busy, busy], USUAL) == 1
    assert by_saturation([full], USUAL) == 1
    assert by_saturation([PodLoad(0.2, 3)], USUAL) == 1
    assert by_saturation([idle, idle], USUAL) == -1
    assert by_saturation([PodLoad(0.5, 0), PodLoad(0.5, 0)], USUAL) == 0
