"""Ages are worded as kubectl words them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.api.ages import Since, age, human_duration
from antiphon_sandbox.objects import timestamp

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "y": 365 * 86400}
JUST_BEFORE = timedelta(milliseconds=-1)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def days(count: float) -> timedelta:
    return timedelta(days=count)


@pytest.mark.parametrize(
    ("elapsed", "text"),
    [
        (timedelta(seconds=-2), "<invalid>"),
        (timedelta(seconds=-1.9), "0s"),
        (timedelta(0), "0s"),
        (timedelta(seconds=1) + JUST_BEFORE, "0s"),
        (timedelta(seconds=70), "70s"),
        (timedelta(minutes=2) + JUST_BEFORE, "119s"),
        (timedelta(minutes=2), "2m"),
        (timedelta(seconds=121), "2m1s"),
        (timedelta(seconds=312), "5m12s"),
        (timedelta(minutes=10) + JUST_BEFORE, "9m59s"),
        (timedelta(minutes=10), "10m"),
        (hours(3) + JUST_BEFORE, "179m"),
        (hours(3), "3h"),
        (hours(8) + JUST_BEFORE, "7h59m"),
        (hours(8), "8h"),
        (hours(48) + JUST_BEFORE, "47h"),
        (hours(48), "2d"),
        (hours(49), "2d1h"),
        (days(8) + JUST_BEFORE, "7d23h"),
        (days(8), "8d"),
        (days(730) + JUST_BEFORE, "729d"),
        (days(730), "2y"),
        (days(731), "2y1d"),
        (days(8 * 365) + JUST_BEFORE, "7y364d"),
        (days(8 * 365), "8y"),
        (days(8 * 365 + 364), "8y"),
    ],
)
def test_durations_at_their_bounds(elapsed: timedelta, text: str) -> None:
    assert human_duration(elapsed) == text


def seconds_in(text: str) -> int:
    return sum(int(count) * SECONDS[unit] for count, unit in re.findall(r"(\d+)([smhdy])", text))


@given(st.timedeltas(min_value=timedelta(0), max_value=days(100_000)))
def test_a_duration_is_rounded_down_by_little(elapsed: timedelta) -> None:
    """Never more than told, and at most an eighth less."""
    told = timedelta(seconds=seconds_in(human_duration(elapsed)))
    assert told <= elapsed
    assert elapsed - told < max(timedelta(seconds=1), elapsed / 8)


@given(st.timedeltas(min_value=timedelta(0), max_value=days(100_000)), st.timedeltas(timedelta(0), days(1000)))
def test_what_lasts_longer_is_not_told_shorter(elapsed: timedelta, more: timedelta) -> None:
    assert seconds_in(human_duration(elapsed)) <= seconds_in(human_duration(elapsed + more))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (None, "<unknown>"),
        ("", "<unknown>"),
        ("0001-01-01T00:00:00Z", "<unknown>"),
        ("2025-12-31T00:00:00Z", "24h"),
        ("2025-12-31T23:59:30.123456789Z", "29s"),
        ("2026-01-01T00:30:00+01:00", "30m"),
        ("2030-01-01T00:00:00Z", "<invalid>"),
        ("2025-12-31", "<invalid>"),
        ("2025-13-31T00:00:00Z", "<invalid>"),
        ("yesterday", "<invalid>"),
    ],
)
def test_the_age_of_a_moment(moment: str | None, text: str) -> None:
    assert age(moment, NOW) == text


@given(st.integers(0, 10**9))
def test_the_age_of_a_timestamp_is_the_time_since(seconds: int) -> None:
    elapsed = timedelta(seconds=seconds)
    assert age(timestamp(NOW - elapsed), NOW) == human_duration(elapsed)


def test_a_cell_that_goes_on_with_the_clock() -> None:
    cell = Since("2025-12-31T23:55:00Z", "3 ({} ago)")
    assert [cell.at(NOW), cell.at(NOW + hours(1))] == ["3 (5m ago)", "3 (65m ago)"]
