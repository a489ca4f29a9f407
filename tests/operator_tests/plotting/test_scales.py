"""Axes have round figures, and words that fit them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_operator.plotting.scales import ticks, time_ticks, time_words, value_words


@given(st.floats(1e-3, 1e9))
def test_ticks_begin_at_zero_and_cover_the_highest_value_with_few_lines(top: float) -> None:
    found = ticks(top)
    assert found[0] == 0
    assert found[-1] >= top * (1 - 1e-6)
    assert 2 <= len(found) <= 6


@given(st.floats(1, 3e7))
def test_time_ticks_stay_within_the_time(seconds: float) -> None:
    found = time_ticks(seconds)
    assert found[0] == 0
    assert found[-1] <= seconds
    assert len(found) <= 60


def test_round_figures() -> None:
    assert ticks(740) == [0, 200, 400, 600, 800]
    assert ticks(3, whole=True) == [0, 1, 2, 3]
    assert ticks(0) == [0, 1]
    assert ticks(1, whole=True) == [0, 1]


@pytest.mark.parametrize(
    ("seconds", "step", "words"),
    [
        (0, 60, "0"),
        (30, 10, "30 s"),
        (90, 30, "90 s"),
        (120, 120, "2 min"),
        (150, 30, "2:30 min"),
        (5400, 1800, "90 min"),
        (5400, 5400, "1:30 h"),
        (7200, 3600, "2 h"),
    ],
)
def test_times_in_words(seconds: float, step: float, words: str) -> None:
    assert time_words(seconds, step) == words


def test_large_values_are_short() -> None:
    assert [value_words(value) for value in (0.5, 450.0, 1200.0, 61000.0)] == ["0.5", "450", "1200", "61k"]
