from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.bench.pacing import FRAME_SECONDS, Lateness, Pace, pause_seconds, start_offsets

DELAYS = st.lists(st.floats(0, 0.2), max_size=50)


@given(DELAYS)
def test_nobody_catches_up(delays: list[float]) -> None:
    """However late a frame is sent, the next one is due later than that, on the same grid."""
    pace, last = Pace(5.0), 0.0
    for index, delay in enumerate(delays, 1):
        now = pace.due + delay
        assert now > last
        pace.sent(now)
        last = now
        assert pace.due >= now
        assert pace.due == pytest.approx(5.0 + (index + pace.slipped) * FRAME_SECONDS)


def test_a_frame_in_time_moves_the_next_by_one_period() -> None:
    pace = Pace(1.0)
    pace.sent(1.001)
    assert pace.due == pytest.approx(1.02)
    assert pace.slipped == 0
    pace.sent(1.02 + 0.045)
    assert pace.due == pytest.approx(1.08)
    assert pace.slipped == 2


@given(st.lists(st.floats(0, 0.15), min_size=1, max_size=300), st.integers(0, 300))
def test_lateness_of_parts_is_that_of_the_whole(seconds: list[float], cut: int) -> None:
    whole, one, other = Lateness(), Lateness(), Lateness()
    for each in seconds:
        whole.add(each)
    for each in seconds[:cut]:
        one.add(each)
    for each in seconds[cut:]:
        other.add(each)
    one.merge(other)
    assert one.as_json() == whole.as_json()


@given(st.lists(st.floats(0, 0.09), min_size=1, max_size=300), st.floats(0, 1))
def test_a_percentile_is_right_to_a_tenth_of_a_millisecond(seconds: list[float], share: float) -> None:
    lateness = Lateness()
    for each in seconds:
        lateness.add(each)
    reached = sum(each * 1e3 <= lateness.percentile_ms(share) + 1e-9 for each in seconds)
    below = sum(each * 1e3 <= lateness.percentile_ms(share) - 0.1 - 1e-9 for each in seconds)
    assert reached >= share * len(seconds) - 1e-6
    assert below <= max(share * len(seconds), 1)


def test_what_is_later_than_a_frame_is_counted() -> None:
    lateness = Lateness()
    for seconds in (-0.001, 0.0, 0.019, 0.021, 0.5):
        lateness.add(seconds)
    assert (lateness.frames, lateness.late, lateness.most_ms) == (5, 2, 500.0)
    assert lateness.percentile_ms(1.0) == 500.0


def test_sessions_start_evenly() -> None:
    assert start_offsets(4, 2.0) == [0.0, 0.5, 1.0, 1.5]


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0.05, 1), st.integers())
def test_pauses_make_the_duty(agent: float, user: float, duty: float, seed: int) -> None:
    exact = max(agent / duty - agent - user, 0.5)
    pause = pause_seconds(agent, user, duty, random.Random(seed))
    assert 0.7 * exact <= pause <= 1.3 * exact
