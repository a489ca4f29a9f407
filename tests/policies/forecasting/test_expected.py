from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_crds.sessions import ExpectedTraffic
from antiphon_policies.forecasting.expected import floor, not_followed


def entry(**fields: Any) -> ExpectedTraffic:
    return ExpectedTraffic.model_validate({"name": "known", "sessions": 50, **fields})


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


WORKDAYS = entry(cron="0 9 * * 1-5", duration="8h", lead="15m", timeZone="Europe/Vienna")


@pytest.mark.parametrize(
    ("now", "sessions"),
    [
        ("2026-11-20T08:43:00", 0),  # a Friday
        ("2026-11-20T08:44:00", 50),  # within a minute of the lead
        ("2026-11-20T12:00:00", 50),
        ("2026-11-20T16:59:59", 50),
        ("2026-11-20T17:00:00", 0),
        ("2026-11-21T12:00:00", 0),  # a Saturday
    ],
)
def test_a_cron_line_holds_from_its_lead_to_its_end_in_its_time_zone(now: str, sessions: int) -> None:
    assert floor([WORKDAYS], at(now, "Europe/Vienna"), 60.0) == sessions


@pytest.mark.parametrize("day", ["2026-03-30", "2026-10-26"])
def test_the_change_of_the_clock_moves_it(day: str) -> None:
    """The Monday after it."""
    assert floor([WORKDAYS], at(f"{day}T08:40:00", "Europe/Vienna"), 0.0) == 0
    assert floor([WORKDAYS], at(f"{day}T08:45:00", "Europe/Vienna"), 0.0) == 50


def test_what_comes_once_comes_once() -> None:
    once = entry(at="2026-12-24T09:00:00Z", duration="1h", lead="30m")
    times = ["2026-12-24T08:28:00", "2026-12-24T08:30:00", "2026-12-24T09:59:00", "2026-12-24T10:00:00"]
    assert [floor([once], at(time), 60.0) for time in times] == [0, 50, 50, 0]


def test_the_largest_of_those_that_overlap_counts() -> None:
    sale = entry(name="sale", at="2026-11-20T11:00:00Z", duration="1h", sessions=500)
    assert floor([WORKDAYS, sale], at("2026-11-20T11:30:00"), 60.0) == 500
    assert floor([WORKDAYS, sale], at("2026-11-20T13:00:00"), 60.0) == 50
    assert floor([], at("2026-11-20T13:00:00"), 60.0) == 0


def test_one_that_begins_again_before_it_ended_goes_on() -> None:
    often = entry(cron="*/30 * * * *", duration="1h", lead="0s")
    assert all(floor([often], 1.7e9 + 97 * step, 0.0) == 50 for step in range(50))


def test_what_never_begins_is_told_and_hurts_nobody() -> None:
    never = entry(name="never", cron="0 9 31 2 *")
    nowhere = entry(name="nowhere", cron="0 9 * * *", timeZone="Europe/Atlantis")
    assert floor([never, nowhere, WORKDAYS], at("2026-11-20T12:00:00"), 60.0) == 50
    told = not_followed([never, nowhere, WORKDAYS])
    assert [text.split("'")[1] for text in told] == ["never", "nowhere"]


@settings(max_examples=60, deadline=None)
@given(
    now=st.floats(1.6e9, 2.0e9),
    ahead=st.floats(0, 7200),
    hour=st.integers(0, 23),
    hours=st.integers(1, 30),
    lead=st.integers(0, 120),
)
def test_looking_further_ahead_never_foretells_less(now: float, ahead: float, hour: int, hours: int, lead: int) -> None:
    daily = entry(cron=f"0 {hour} * * *", duration=f"{hours}h", lead=f"{lead}m")
    assert floor([daily], now, ahead + 3600) >= floor([daily], now, ahead)
    begin = now - now % 86_400 + hour * 3600
    begins = [begin + 86_400 * day for day in range(-3, 3)]
    inside = any(start - lead * 60 <= now + ahead and start + hours * 3600 > now for start in begins)
    edges = [edge for start in begins for edge in (start - lead * 60 - now - ahead, start + hours * 3600 - now)]
    if min(map(abs, edges)) > 60:
        assert floor([daily], now, ahead) == (50 if inside else 0)
