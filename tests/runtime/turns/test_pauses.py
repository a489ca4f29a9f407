"""The patience follows the user's own pauses, within bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.turns.completeness import Completeness
from antiphon_runtime.turns.pauses import PauseHabits

pauses = st.lists(st.floats(1, 5000), max_size=30)
UNSURE = Completeness.UNSURE


def _patience(after: list[float], usual: float = 800.0) -> float:
    habits = PauseHabits()
    for pause in after:
        habits.learn(UNSURE, pause)
    return habits.patience_ms(UNSURE, usual, 300.0, 4000.0)


@given(pauses)
def test_it_stays_within_its_bounds(learnt: list[float]) -> None:
    assert 300.0 <= _patience(learnt) <= 4000.0


@given(pauses, st.floats(1.0, 2.0))
def test_longer_pauses_never_make_it_shorter(learnt: list[float], longer: float) -> None:
    assert _patience([pause * longer for pause in learnt]) >= _patience(learnt) - 1e-6 or len(learnt) < 3


@given(st.floats(350, 3900), st.integers(3, 20))
def test_even_pauses_are_learnt_exactly(pause: float, times: int) -> None:
    assert _patience([pause] * times) == pytest.approx(pause)


def test_a_stranger_gets_the_usual() -> None:
    assert _patience([3000.0, 3000.0]) == 800.0


def test_habits_are_apart_by_what_was_said() -> None:
    habits = PauseHabits()
    for _ in range(5):
        habits.learn(Completeness.UNFINISHED, 2000.0)
    assert habits.patience_ms(UNSURE, 800.0, 300.0, 4000.0) == 800.0


def test_the_user_of_today_counts_more_than_that_of_an_hour_ago() -> None:
    assert _patience([400.0] * 50 + [1500.0] * 20) == pytest.approx(1500.0, rel=0.05)
