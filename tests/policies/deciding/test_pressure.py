"""What is asked for beyond the plan, where turns take longer than it says."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.deciding.pressure import FEWEST_TURNS, MOST, Pressure, pressed
from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.seeing.observation import Measured

TARGET_MS, SETTLE_SECONDS = 450.0, 15.0


def turns(each_ms: float, count: float = 100.0, age_seconds: float = 1.0) -> Measured:
    return Measured(age_seconds, durations=Distribution((each_ms, math.inf), (count, 0.0), each_ms * count))


def after(pressure: Pressure, now: float, recent: Measured | None) -> Pressure:
    return pressed(pressure, now, recent, 0.95, TARGET_MS, SETTLE_SECONDS)


def test_it_rises_once_in_the_time_in_which_a_rise_shows() -> None:
    first = after(Pressure(), 100.0, turns(900.0))
    assert first.factor > 1
    assert after(first, 105.0, turns(900.0)) == first
    assert after(first, 116.0, turns(900.0)).factor > first.factor


def test_it_falls_again_when_turns_are_well_within_their_target_and_not_near_it() -> None:
    raised = Pressure(1.5, 100.0)
    assert after(raised, 200.0, turns(200.0)).factor < 1.5
    assert after(raised, 200.0, turns(460.0 * 0.96)) == raised


def test_what_is_not_known_changes_nothing() -> None:
    raised = Pressure(1.5, 0.0)
    for recent in (None, turns(9000.0, age_seconds=60.0), turns(9000.0, count=FEWEST_TURNS - 1), Measured(1.0)):
        assert after(raised, 500.0, recent) == raised


@given(st.lists(st.floats(1.0, 60_000.0), max_size=60))
def test_it_is_bounded_whatever_is_measured(times_ms: list[float]) -> None:
    pressure = Pressure()
    for tick, each in enumerate(times_ms):
        pressure = after(pressure, 20.0 * tick, turns(each))
        assert 1.0 <= pressure.factor <= MOST
