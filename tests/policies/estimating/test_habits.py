from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.estimating.habits import Habits, active_sessions, watch
from antiphon_policies.seeing.observation import StageWork

SPEC = Habits(0.06, 0.3)


def test_until_anything_is_seen_the_spec_holds() -> None:
    assert (SPEC.turns_per_second, SPEC.duty_cycle) == (0.06, 0.3)


def test_minutes_of_many_sessions_tell_more_than_the_spec() -> None:
    rng, habits = np.random.default_rng(1), SPEC
    for step in range(120):
        turns, active = float(rng.poisson(0.1 * 50 * 60)) / 60, float(rng.binomial(50, 0.5))
        habits = watch(habits, 5.0 * step, 50, turns, active)
    assert habits.turns_per_second == pytest.approx(0.1, rel=0.1)
    assert habits.duty_cycle == pytest.approx(0.5, rel=0.1)


def test_a_single_session_tells_little() -> None:
    habits = SPEC
    for step in range(12):
        habits = watch(habits, 5.0 * step, 1, 0.2)
    assert 0.06 < habits.turns_per_second < 0.08


def test_what_was_seen_is_forgotten_slowly() -> None:
    habits = SPEC
    for step in range(600):
        habits = watch(habits, 5.0 * step, 50, 50 * (0.15 if step < 300 else 0.05))
    assert habits.turns_per_second == pytest.approx(0.055, rel=0.1)


@pytest.mark.parametrize("sessions", [None, 0.0, math.nan, -1.0])
def test_without_sessions_nothing_is_learned(sessions: float | None) -> None:
    habits = watch(watch(SPEC, 0.0, sessions, 5.0, 2.0), 5.0, sessions, 5.0, 2.0)
    assert (habits.turns_per_second, habits.duty_cycle) == (0.06, 0.3)


_seen = st.none() | st.floats(0, 1e6) | st.sampled_from([math.nan, math.inf, -1.0])


@given(st.lists(st.tuples(st.floats(-10, 1e5), _seen, _seen, _seen), max_size=30))
def test_whatever_is_seen_they_stay_within_bounds(
    looks: list[tuple[float, float | None, float | None, float | None]],
) -> None:
    habits, at = SPEC, 0.0
    for step, sessions, turns, active in looks:
        at += step
        habits = watch(habits, at, sessions, turns, active)
        assert 0.012 - 1e-9 <= habits.turns_per_second <= 0.3 + 1e-9
        assert 0.01 <= habits.duty_cycle <= 1.0


def test_a_stage_in_lockstep_tells_how_many_sessions_are_active() -> None:
    steps = 5.0 / 0.08
    work = StageWork("speech", "bf16", 5.0, batches=2 * steps, items=14 * steps, busy_ms=900.0)
    assert active_sessions(work, 80.0) == pytest.approx(14.0)
    assert active_sessions(StageWork("speech", "bf16", 0.0, 1, 1, 1), 80.0) is None
