"""Sessions of a simulation: made up, or from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from antiphon_operator.rehearsing.errors import RehearsalError
from antiphon_operator.rehearsing.traffic import GENERATED, TrafficWish, traffic_of


def live(trace: str, *minutes: float, hours: float = 1.0) -> list[int]:
    found = traffic_of(TrafficWish(trace, 200.0, hours), np.random.default_rng(3))
    return [int(count) for count in found.trace.live(np.array([60.0 * minute for minute in minutes]))]


@pytest.mark.parametrize("trace", GENERATED)
def test_every_kind_comes_near_its_peak_and_not_far_above(trace: str) -> None:
    found = traffic_of(TrafficWish(trace, 200.0, 2.0), np.random.default_rng(3))
    assert found.seconds == 7200
    most = found.trace.live(np.arange(0.0, 7200.0, 30.0)).max()
    assert (20 if trace == "diurnal" else 150) < most < 270


def test_their_shapes() -> None:
    before, after = live("burst", 14, 29)
    assert before < 70 < 150 < after
    low, high = live("ramp", 3, 50)
    assert low < 40 < 150 < high
    before, crowd, faded = live("flash-crowd", 14, 16, 58)
    assert before < 70 < 120 < crowd
    assert faded < crowd
    night, day = live("diurnal", 0, 12 * 60, hours=24)
    assert night < 40 < 150 < day


def test_a_day_of_diurnal_and_an_hour_of_the_others_where_nothing_else_is_said() -> None:
    rng = np.random.default_rng(1)
    assert traffic_of(TrafficWish("diurnal", 5.0), rng).seconds == 86_400
    assert traffic_of(TrafficWish("ramp", 5.0), rng).seconds == 3_600


def test_the_same_seed_makes_the_same_sessions() -> None:
    one, other = (
        traffic_of(TrafficWish("burst", 20.0, 0.5), np.random.default_rng(seed)).trace.starts for seed in (4, 4)
    )
    assert one.tolist() == other.tolist()


def test_recorded_calls(tmp_path: Path) -> None:
    rows = [f"2023-11-16 18:{minute:02}:{second:02}.0000000,1,2" for minute in range(30) for second in range(0, 60, 2)]
    file = tmp_path / "calls.csv"
    file.write_text("\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows]), encoding="utf-8")
    found = traffic_of(TrafficWish(str(file), 60.0), np.random.default_rng(1))
    assert found.trace.name == "calls"
    assert found.seconds == pytest.approx(1800, abs=10)
    assert found.trace.live(np.arange(0.0, 1700.0, 10.0)).mean() == pytest.approx(60, rel=0.3)
    assert traffic_of(TrafficWish(str(file), 60.0, 0.25), np.random.default_rng(1)).seconds == 900


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time,tokens\n1,2\n", "its first line has the columns time, tokens; one must be TIMESTAMP"),
        ("TIMESTAMP\nyesterday\n", "a TIMESTAMP is no time"),
        ("TIMESTAMP\n", "has no rows that begin a call"),
    ],
)
def test_a_file_that_is_no_trace(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RehearsalError, match=told) as refused:
        traffic_of(TrafficWish(str(file), 10.0), np.random.default_rng(1))
    assert str(file) in str(refused.value)


def test_neither_a_kind_nor_a_file() -> None:
    with pytest.raises(RehearsalError, match=r"--trace tuesday is neither a file .* nor one of steady, diurnal, burst"):
        traffic_of(TrafficWish("tuesday", 10.0), np.random.default_rng(1))
