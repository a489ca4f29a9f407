"""Late ticks are made up for, never in a burst, and never too many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.batching.pacer import Pacer

PERIOD = 1.0
steps = st.lists(st.floats(0, 6), min_size=1, max_size=60)


@given(steps)
def test_two_ticks_are_never_closer_than_the_hurried_pace(taken: list[float]) -> None:
    pacer = Pacer(PERIOD)
    tick = pacer.first(0.0)
    for seconds in taken:
        after = pacer.after(tick, tick.at + seconds)
        assert after.at >= tick.at + 0.8 * PERIOD - 1e-9
        assert after.at >= tick.at + seconds
        assert after.at >= after.due
        tick = after


@given(steps)
def test_ticks_stay_on_the_grid_and_are_never_very_late(taken: list[float]) -> None:
    pacer = Pacer(PERIOD)
    tick = pacer.first(0.0)
    ticks = 0
    for seconds in taken:
        tick = pacer.after(tick, tick.at + seconds)
        ticks += 1 + tick.skipped
        assert tick.due == pytest.approx(ticks * PERIOD)
        assert tick.at - tick.due <= 3.0 * PERIOD + 1e-9


@given(st.floats(0, 3.5))
def test_lateness_is_made_up_for(stall: float) -> None:
    pacer = Pacer(PERIOD)
    tick = pacer.after(pacer.first(0.0), stall)
    for _ in range(20):
        tick = pacer.after(tick, tick.at + 0.1)
    assert tick.at == pytest.approx(tick.due)


def test_on_time_it_ticks_once_a_period() -> None:
    pacer = Pacer(0.08)
    tick = pacer.first(5.0)
    for number in range(1, 100):
        tick = pacer.after(tick, tick.at + 0.03)
        assert tick.at == pytest.approx(5.0 + number * 0.08)
        assert tick.skipped == 0


def test_a_pace_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no pace"):
        Pacer(0.0)
