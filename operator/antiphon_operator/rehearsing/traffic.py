"""The sessions of a simulation: made up by a word, or recorded in a CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from antiphon_operator.rehearsing.errors import RehearsalError
from antiphon_policies.simulating import traces
from antiphon_policies.simulating.traces import Floats, Trace

_COLUMN = "TIMESTAMP"
_DAY_HOURS = 24.0
_HOURS = 1.0


@dataclass(frozen=True)
class TrafficWish:
    """What `--trace`, `--sessions` and `--hours` say."""

    trace: str
    sessions: float
    """Of generated traces the peak, of recorded ones the mean, of `steady` the level."""
    hours: float | None = None
    """None: a day of `diurnal`, the whole of a recorded trace, else an hour."""


@dataclass(frozen=True)
class Traffic:
    """Sessions, and how long they are simulated."""

    trace: Trace
    seconds: float


Make = Callable[[float, float, np.random.Generator], Trace]
"""From seconds, the peak of live sessions, and the generator."""


def _steady(seconds: float, peak: float, rng: np.random.Generator) -> Trace:
    def level(at: Floats) -> Floats:
        return np.full_like(at, peak)

    return traces.of_level("steady", level, seconds, rng)


def _diurnal(seconds: float, peak: float, rng: np.random.Generator) -> Trace:
    return traces.diurnal(seconds, rng, low=0.1 * peak, high=peak)


def _burst(seconds: float, peak: float, rng: np.random.Generator) -> Trace:
    return traces.burst(seconds, rng, base=0.2 * peak, high=peak, at_seconds=seconds / 4, for_seconds=seconds / 4)


def _ramp(seconds: float, peak: float, rng: np.random.Generator) -> Trace:
    return traces.ramp(seconds, rng, low=0.1 * peak, high=peak, up_from=0.1 * seconds, up_until=0.6 * seconds)


def _flash_crowd(seconds: float, peak: float, rng: np.random.Generator) -> Trace:
    return traces.flash_crowd(
        seconds, rng, base=0.2 * peak, high=peak, at_seconds=seconds / 4, fades_seconds=seconds / 8
    )


def _on_off(seconds: float, peak: float, rng: np.random.Generator) -> Trace:
    return traces.on_off(seconds, rng, low=0.1 * peak, high=peak, on_seconds=seconds / 6, off_seconds=seconds / 6)


GENERATED: Mapping[str, Make] = {
    "steady": _steady,
    "diurnal": _diurnal,
    "burst": _burst,
    "ramp": _ramp,
    "flash-crowd": _flash_crowd,
    "on-off": _on_off,
}


def traffic_of(wish: TrafficWish, rng: np.random.Generator) -> Traffic:
    """RehearsalError where the trace is neither known nor a file that can be read."""
    if wish.trace in GENERATED:
        seconds = 3600 * (wish.hours or (_DAY_HOURS if wish.trace == "diurnal" else _HOURS))
        return Traffic(GENERATED[wish.trace](seconds, wish.sessions, rng), seconds)
    return _recorded(wish, rng)


def _recorded(wish: TrafficWish, rng: np.random.Generator) -> Traffic:
    text = _read(wish.trace)
    try:
        trace = traces.recorded(text, rng, sessions=wish.sessions, name=Path(wish.trace).stem)
    except ValueError as error:
        raise RehearsalError(f"--trace {wish.trace}: a {_COLUMN} is no time: {error}", usage=True) from error
    if not trace.sessions:
        raise RehearsalError(f"--trace {wish.trace} has no rows that begin a call", usage=True)
    return Traffic(trace, 3600 * wish.hours if wish.hours else float(trace.starts[-1]) + 1.0)


def _read(trace: str) -> str:
    try:
        text = Path(trace).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        known = ", ".join(GENERATED)
        raise RehearsalError(
            f"--trace {trace} is neither a file that can be read nor one of {known}", usage=True
        ) from None
    columns = text.partition("\n")[0].strip().split(",")
    if _COLUMN not in columns:
        raise RehearsalError(
            f"--trace {trace}: its first line has the columns {', '.join(columns)[:80]}; one must be {_COLUMN}, the time at"
            " which a call begins",
            usage=True,
        )
    return text
