"""Texts that have a grammar: cron lines, times, names of partitions."""

from __future__ import annotations

import calendar
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from antiphon_crds.scalars import Cron, Image, Language, MigProfile, ProfileOrAuto, Timestamp, TimeZone


def _fits(scalar: Any, text: str) -> bool:
    try:
        TypeAdapter(scalar).validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "line",
    ["0 9 * * 1-5", "*/5 * * * *", "0,30 8-18/2 1,15 JAN-MAR MON-FRI", "59 23 31 12 7", "0 0 24 12 *", "00 09 01 01 0",
     "0 22-23,0-6 * * SAT,SUN"],
)  # fmt: skip
def test_cron_lines(line: str) -> None:
    assert _fits(Cron, line)


@pytest.mark.parametrize(
    "line",
    ["", "0 9 * *", "0 9 * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 8",
     "0 9 * * FRI-MON", "0 17-9 * * *", "0 9 * * mon", "@daily", "*/0 * * * *", "0  9 * * *", "1,,2 * * * *",
     "0 9 * * MON-5", "0 9 * * 1-5\n"],
)  # fmt: skip
def test_what_is_no_cron_line(line: str) -> None:
    assert not _fits(Cron, line)


@given(st.integers(0, 59), st.integers(0, 59))
def test_a_range_ascends(low: int, high: int) -> None:
    assert _fits(Cron, f"{low}-{high} * * * *") == (low <= high)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)))
def test_every_time_of_the_century(moment: datetime) -> None:
    assert _fits(Timestamp, moment.isoformat() + "Z")


@given(st.integers(2000, 2099), st.integers(1, 12), st.integers(29, 31))
def test_only_days_that_a_month_has(year: int, month: int, day: int) -> None:
    exists = day <= calendar.monthrange(year, month)[1]
    assert _fits(Timestamp, f"{year}-{month:02}-{day:02}T09:00:00+01:00") == exists


@pytest.mark.parametrize("text", ["2026-12-24", "2026-12-24 09:00:00Z", "2026-12-24T24:00:00Z", "2026-12-24T09:00:00"])
def test_what_is_no_time(text: str) -> None:
    assert not _fits(Timestamp, text)


@pytest.mark.parametrize(
    "profile",
    ["1g.5gb", "1g.10gb", "1g.10gb+me", "1g.24gb", "1g.24gb+gfx", "1g.24gb-me", "1g.24gb+me.all", "2g.48gb", "7g.141gb",
     "4g.96gb+gfx"],
)  # fmt: skip
def test_partitions(profile: str) -> None:
    assert _fits(MigProfile, profile)
    assert _fits(ProfileOrAuto, profile)


@pytest.mark.parametrize("profile", ["8g.80gb", "1g", "1g.0gb", "1g-10gb", "1G.10GB", "mig-1g.10gb", "1g.10gb+"])
def test_what_is_no_partition(profile: str) -> None:
    assert not _fits(ProfileOrAuto, profile)


def test_ways_to_choose_none() -> None:
    assert _fits(ProfileOrAuto, "auto")
    assert _fits(ProfileOrAuto, "none")
    assert not _fits(MigProfile, "auto")


@pytest.mark.parametrize(
    ("scalar", "text", "fits"),
    [
        (Image, "example.org:5000/a/b:v1.2", True),
        (Image, "antiphon-runtime@sha256:" + "0" * 64, True),
        (Image, "two words", False),
        (Language, "pt-BR", True),
        (Language, "multilingual", True),
        (Language, "English", False),
        (TimeZone, "Europe/Vienna", True),
        (TimeZone, "America/Argentina/Buenos_Aires", True),
        (TimeZone, "CEST+2", False),
    ],
)
def test_other_texts(scalar: Any, text: str, fits: bool) -> None:
    assert _fits(scalar, text) == fits
