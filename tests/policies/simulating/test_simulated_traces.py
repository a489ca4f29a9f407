"""Sessions of made and of recorded traces."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_policies.simulating.traces import (
    Calls,
    Trace,
    burst,
    constant,
    diurnal,
    flash_crowd,
    on_off,
    ramp,
    recorded,
    scaled,
    steps,
)

QUICK = Calls(60.0)
HOUR = 3600.0

MADE: dict[str, Callable[[np.random.Generator], Trace]] = {
    "diurnal": lambda rng: diurnal(HOUR, rng, low=20, high=100, period_seconds=HOUR, calls=QUICK),
    "burst": lambda rng: burst(HOUR, rng, base=20, high=100, at_seconds=1200, for_seconds=600, calls=QUICK),
    "ramp": lambda rng: ramp(HOUR, rng, low=20, high=100, up_from=600, up_until=3000, calls=QUICK),
    "flash": lambda rng: flash_crowd(HOUR, rng, base=20, high=100, at_seconds=1200, fades_seconds=300, calls=QUICK),
    "on-off": lambda rng: on_off(HOUR, rng, low=20, high=100, on_seconds=600, off_seconds=600, calls=QUICK),
    "steps": lambda rng: steps([(0, 20), (600, 100), (2400, 20)], HOUR, rng, QUICK),
}


@pytest.mark.parametrize("name", MADE)
def test_a_trace_begins_settled_and_reaches_its_height(name: str) -> None:
    trace = MADE[name](np.random.default_rng(11))
    assert np.all(np.diff(trace.starts) >= 0)
    assert trace.starts.min() >= 0
    assert trace.starts.max() < HOUR
    assert trace.durations.min() > 0
    live = trace.live(np.arange(0, HOUR, 10.0))
    assert live[:3].mean() == pytest.approx(20, abs=14)
    assert 75 < live.max() < 140


@pytest.mark.parametrize("name", MADE)
def test_the_same_seed_is_the_same_trace(name: str) -> None:
    one, same, other = (MADE[name](np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.starts, same.starts)
    assert np.array_equal(one.durations, same.durations)
    assert not np.array_equal(one.starts, other.starts)


@settings(max_examples=15, deadline=None)
@given(level=st.floats(5, 200), mean=st.floats(20, 400), spread=st.floats(0.2, 1.5), seed=st.integers(0, 2**32))
def test_a_level_is_the_mean_of_live_sessions(level: float, mean: float, spread: float, seed: int) -> None:
    calls = Calls(mean, spread)
    trace = diurnal(60 * mean, np.random.default_rng(seed), low=level, high=level, calls=calls)
    live = trace.live(np.linspace(0, 60 * mean, 400, endpoint=False))
    assert live.mean() == pytest.approx(level, rel=0.15, abs=6 * math.sqrt(level / 20))


def test_calls_last_as_long_as_they_are_to() -> None:
    lengths = Calls(180.0, 1.0).draw(200_000, np.random.default_rng(1))
    assert lengths.mean() == pytest.approx(180, rel=0.02)
    assert lengths.std() == pytest.approx(180, rel=0.05)


def test_constant_sessions_never_end() -> None:
    trace = constant(5)
    assert trace.live(np.array([0.0, 1e9])).tolist() == [5, 5]


@pytest.mark.parametrize("factor", [0.5, 2.0, 2.5])
def test_so_many_times_the_sessions(factor: float) -> None:
    rng = np.random.default_rng(4)
    trace = MADE["burst"](rng)
    more = scaled(trace, factor, rng)
    at = np.arange(0, HOUR, 60.0)
    assert more.live(at).mean() == pytest.approx(factor * trace.live(at).mean(), rel=0.12)
    assert np.all(np.diff(more.starts) >= 0)
    assert more.name == f"burst x{factor:g}"


def test_once_the_sessions_is_the_same_trace() -> None:
    trace = MADE["ramp"](np.random.default_rng(4))
    same = scaled(trace, 1.0, np.random.default_rng(9))
    assert np.array_equal(same.starts, trace.starts)
    assert np.array_equal(same.durations, trace.durations)


def a_recording(seconds: int, per_second: Callable[[int], int]) -> str:
    rows = [
        f"2023-11-16 {18 + at // 3600}:{at // 60 % 60:02}:{at % 60:02}.{index:03}0000,374,44"
        for at in range(seconds)
        for index in range(per_second(at))
    ]
    return "\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows])


def test_a_recording_is_followed_and_scaled() -> None:
    text = a_recording(3600, lambda at: 6 if 1200 <= at < 2400 else 2)
    trace = recorded(text, np.random.default_rng(1), sessions=50, name="azure", calls=Calls(60.0))
    live = trace.live(np.arange(0, 3590, 10.0))
    assert live.mean() == pytest.approx(50, rel=0.15)
    assert live[140:230].mean() == pytest.approx(3 * live[20:110].mean(), rel=0.25)
    assert live[:10].mean() == pytest.approx(30, rel=0.5)
    assert trace.name == "azure"


def test_a_recording_with_few_requests_is_multiplied() -> None:
    trace = recorded(a_recording(3600, lambda at: at % 2), np.random.default_rng(1), sessions=200, calls=Calls(60.0))
    assert trace.live(np.arange(0, 3590, 10.0)).mean() == pytest.approx(200, rel=0.15)


def test_a_recording_without_requests_is_empty() -> None:
    assert recorded("TIMESTAMP,ContextTokens,GeneratedTokens\n", np.random.default_rng(1), sessions=50).sessions == 0
