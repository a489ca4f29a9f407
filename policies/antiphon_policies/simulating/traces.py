"""When sessions begin and how long they last: recorded, or made up from a seed."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Level = Callable[[Floats], Floats]
"""Sessions that are to be live on average, at times in seconds."""

MEAN_SECONDS = 180.0
"""Of a call."""
SPREAD = 1.0
"""Standard deviation of a call's length as a share of its mean."""
_SETTLING = 12.0
"""Mean lengths for which sessions have been arriving when a trace begins."""
_JITTER_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Trace:
    """Sessions. Those that begin at 0 were live already."""

    name: str
    starts: Floats
    """In seconds, ascending."""
    durations: Floats
    """In seconds; infinite for a session that outlives any simulation."""

    @property
    def sessions(self) -> int:
        return len(self.starts)

    def live(self, at: Floats) -> NDArray[np.int64]:
        """Sessions that would be live at these times if none were refused."""
        begun = np.searchsorted(self.starts, at, side="right")
        ended = np.searchsorted(np.sort(self.starts + self.durations), at, side="right")
        return (begun - ended).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Calls:
    """How long calls last: log-normal."""

    mean_seconds: float = MEAN_SECONDS
    spread: float = SPREAD

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        variance = math.log1p(self.spread**2)
        return rng.lognormal(math.log(self.mean_seconds) - variance / 2, math.sqrt(variance), count)


def of_level(
    name: str, level: Level, seconds: float, rng: np.random.Generator, calls: Calls | None = None, step: float = 1.0
) -> Trace:
    """Calls come by chance, as often as keeps `level` sessions live. What was live before the start counts from 0 on."""
    calls = calls or Calls()
    before = _SETTLING * calls.mean_seconds
    edges = np.arange(-before, seconds, step)
    rates = np.maximum(0.0, level(np.maximum(edges, 0.0))) / calls.mean_seconds
    counts = rng.poisson(rates * step)
    starts = np.repeat(edges, counts) + rng.random(int(counts.sum())) * step
    return _from_zero(name, np.sort(starts), calls, seconds, rng)


def _from_zero(name: str, starts: Floats, calls: Calls, seconds: float, rng: np.random.Generator) -> Trace:
    durations = calls.draw(len(starts), rng)
    ends = starts + durations
    kept = (ends > 0) & (starts < seconds)
    begun = np.maximum(starts[kept], 0.0)
    return Trace(name, begun, ends[kept] - begun)


def constant(sessions: int) -> Trace:
    """The same sessions for ever."""
    return Trace(f"constant {sessions}", np.zeros(sessions), np.full(sessions, math.inf))


def diurnal(
    seconds: float,
    rng: np.random.Generator,
    *,
    low: float,
    high: float,
    period_seconds: float = 86_400.0,
    calls: Calls | None = None,
) -> Trace:
    """A night with few calls and a day with many: a wave from `low` to `high` and back, beginning at its lowest."""

    def level(at: Floats) -> Floats:
        wave: Floats = low + (high - low) * (1 - np.cos(2 * np.pi * at / period_seconds)) / 2
        return wave

    return of_level("diurnal", level, seconds, rng, calls)


def burst(
    seconds: float,
    rng: np.random.Generator,
    *,
    base: float,
    high: float,
    at_seconds: float,
    for_seconds: float,
    calls: Calls | None = None,
) -> Trace:
    """For a while calls come so often that `high` sessions would be live if it went on."""

    def level(at: Floats) -> Floats:
        return np.where((at >= at_seconds) & (at < at_seconds + for_seconds), high, base)

    return of_level("burst", level, seconds, rng, calls)


def ramp(
    seconds: float,
    rng: np.random.Generator,
    *,
    low: float,
    high: float,
    up_from: float,
    up_until: float,
    calls: Calls | None = None,
) -> Trace:
    """From `low` evenly up to `high`, where it stays."""

    def level(at: Floats) -> Floats:
        return np.interp(at, [up_from, up_until], [low, high])

    return of_level("ramp", level, seconds, rng, calls)


def flash_crowd(
    seconds: float,
    rng: np.random.Generator,
    *,
    base: float,
    high: float,
    at_seconds: float,
    fades_seconds: float,
    calls: Calls | None = None,
) -> Trace:
    """All call at once, so that `high` sessions are live within seconds; then interest fades, by half in `fades_seconds`."""
    calls = calls or Calls()

    def level(at: Floats) -> Floats:
        since = np.maximum(0.0, at - at_seconds)
        return np.where(at < at_seconds, base, base + (high - base) * np.exp2(-since / fades_seconds))

    usual = of_level("flash crowd", level, seconds, rng, calls)
    crowd = rng.poisson(max(0.0, high - base))
    starts = at_seconds + rng.exponential(_JITTER_SECONDS * 10, crowd)
    return merged("flash crowd", [usual, _sorted("crowd", starts, calls.draw(crowd, rng))])


def on_off(
    seconds: float,
    rng: np.random.Generator,
    *,
    low: float,
    high: float,
    on_seconds: float,
    off_seconds: float,
    calls: Calls | None = None,
) -> Trace:
    """Campaigns: `high` for a while, `low` for a while, and again; the first begins after one `off`."""

    def level(at: Floats) -> Floats:
        return np.where(at % (on_seconds + off_seconds) >= off_seconds, high, low)

    return of_level("on-off", level, seconds, rng, calls)


def steps(
    levels: Sequence[tuple[float, float]], seconds: float, rng: np.random.Generator, calls: Calls | None = None
) -> Trace:
    """`levels`: from which second on how many sessions are to be live. They come within seconds, and leave as they end."""
    times, heights = np.array([at for at, _ in levels]), np.array([height for _, height in levels])
    calls = calls or Calls()

    def level(at: Floats) -> Floats:
        found: Floats = heights[np.maximum(0, np.searchsorted(times, at, side="right") - 1)]
        return found

    parts = [of_level("steps", level, seconds, rng, calls)]
    for (at, height), (_, before) in zip(levels[1:], levels, strict=False):
        rise = rng.poisson(max(0.0, height - before))
        parts.append(_sorted("rise", at + rng.exponential(_JITTER_SECONDS * 4, rise), calls.draw(rise, rng)))
    return merged("steps", parts)


def recorded(
    text: str, rng: np.random.Generator, *, sessions: float, name: str = "recorded", calls: Calls | None = None
) -> Trace:
    """Calls that come as the requests of a CSV do (column TIMESTAMP), each with a chance such that `sessions` are live on
    average. Where there are too few requests, each stands for several calls within a second."""
    calls = calls or Calls()
    requests = _timestamps(text)
    seconds = float(requests[-1]) if len(requests) else 0.0
    share = sessions / calls.mean_seconds * seconds / max(1, len(requests))
    starts = _thinned(requests, share, rng)
    usual = _sorted(name, starts, calls.draw(len(starts), rng))
    first = requests[requests < 2 * calls.mean_seconds]
    level = share * len(first) / max(1.0, min(seconds, 2 * calls.mean_seconds)) * calls.mean_seconds
    before = of_level(name, lambda at: np.full_like(at, level), 1e-6, rng, calls)
    return merged(name, [before, usual])


def _timestamps(text: str) -> Floats:
    """Seconds since the first. Digits beyond microseconds are left out."""
    moments = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in csv.DictReader(text.splitlines())]
    first = min(moments, default=datetime.min)
    return np.sort(np.array([(moment - first).total_seconds() for moment in moments], dtype=np.float64))


def _thinned(requests: Floats, share: float, rng: np.random.Generator) -> Floats:
    copies = np.floor(share + rng.random(len(requests))).astype(np.int64)
    jitter = rng.random(int(copies.sum())) * _JITTER_SECONDS if share > 1 else 0.0
    return np.sort(np.repeat(requests, copies) + jitter)


def _sorted(name: str, starts: Floats, durations: Floats) -> Trace:
    order = np.argsort(starts, kind="stable")
    return Trace(name, starts[order], durations[order])


def merged(name: str, parts: Sequence[Trace]) -> Trace:
    return _sorted(
        name, np.concatenate([part.starts for part in parts]), np.concatenate([part.durations for part in parts])
    )


def scaled(trace: Trace, factor: float, rng: np.random.Generator) -> Trace:
    """What if there were `factor` times the sessions? Each is thinned out or repeated, with lengths drawn from the trace's own;
    repeated ones begin up to a second apart, but for those that were live already."""
    copies = np.floor(factor + rng.random(trace.sessions)).astype(np.int64)
    origin = np.repeat(np.arange(trace.sessions), copies)
    again = np.concatenate([[False], origin[1:] == origin[:-1]]) if len(origin) else np.zeros(0, bool)
    starts, durations = trace.starts[origin], trace.durations[origin]
    moved = again & (starts > 0)
    starts = starts + np.where(moved, 2 * _JITTER_SECONDS * rng.random(len(starts)), 0.0)
    lengths = np.where(moved, rng.permutation(durations), durations)
    return replace(_sorted(trace.name, starts, lengths), name=f"{trace.name} x{factor:g}")
