from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_policies.baselines.behaviour import Behaviour, Scale


def followed(scale: Scale, recommended: list[int], current: int = 1, every: float = 15.0, most: int = 100) -> list[int]:
    counts = []
    for tick, wish in enumerate(recommended):
        current = scale.follow(tick * every, current, wish, 1, most)
        counts.append(current)
    return counts


def test_scaling_up_adds_four_pods_or_doubles_in_15_seconds() -> None:
    assert followed(Scale(Behaviour()), [100] * 6) == [5, 10, 20, 40, 80, 100]


def test_looking_more_often_does_not_scale_faster() -> None:
    assert followed(Scale(Behaviour()), [100] * 6, every=5.0) == [5, 5, 5, 10, 10, 10]


def test_scaling_down_waits_for_five_quiet_minutes() -> None:
    counts = followed(Scale(Behaviour()), [8, *[2] * 25], current=8)
    assert counts[:20] == [8] * 20
    assert counts[20:] == [2] * 6


def test_scaling_down_follows_the_highest_of_the_window() -> None:
    wishes = [8, *[2] * 9, 5, *[2] * 25]
    counts = followed(Scale(Behaviour()), wishes, current=8)
    assert counts[19:21] == [8, 5]
    assert counts[29:31] == [5, 2]


def test_the_replicas_at_the_start_count_as_a_recommendation() -> None:
    counts = followed(Scale(Behaviour()), [1] * 22, current=6)
    assert counts[19:21] == [6, 1]


def test_scaling_up_can_be_stabilized_too() -> None:
    behaviour = Behaviour(up_stabilization_seconds=60)
    assert followed(Scale(behaviour), [2, 9, 3, 9, 9, 9, 9], current=2) == [2, 2, 2, 2, 3, 3, 7]


def test_a_share_limits_how_fast_it_goes_down() -> None:
    behaviour = Behaviour(down_share=0.1, down_stabilization_seconds=0)
    assert followed(Scale(behaviour), [10] * 3, current=80) == [72, 64, 57]


@pytest.mark.parametrize(("current", "wanted"), [(14, 12), (1, 2)])
def test_outside_of_the_bounds_it_goes_back_at_once(current: int, wanted: int) -> None:
    assert Scale(Behaviour()).follow(0.0, current, 5, 2, 12) == wanted


@given(
    st.lists(st.tuples(st.floats(0.5, 60), st.integers(0, 60)), min_size=1, max_size=60),
    st.integers(0, 5),
    st.integers(5, 40),
)
@settings(max_examples=100, deadline=None)
def test_it_never_leaves_the_bounds_nor_overtakes_its_wishes(
    wishes: list[tuple[float, int]], least: int, most: int
) -> None:
    scale, now, current = Scale(Behaviour()), 0.0, least
    seen = [current]
    for passes, wish in wishes:
        now += passes
        seen.append(wish)
        after = scale.follow(now, current, wish, least, most)
        assert least <= after <= most
        assert after <= max(seen)
        assert after - current <= max(4, current)
        current = after
