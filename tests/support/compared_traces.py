"""The traces that autoscalers are compared on. One is tuned on with another seed than the one that is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from antiphon_policies.simulating.traces import Trace, burst, diurnal, flash_crowd, on_off, ramp, recorded

LOW, HIGH = 15.0, 90.0
"""Live sessions. The best models take about 11 on a replica, the quickest about 28."""
AZURE = "azure"
AZURE_SESSIONS = 45.0
"""On average over the hour."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One kind of trace."""

    name: str
    make: Callable[[float, np.random.Generator], Trace]
    """From seconds and chance."""
    event: float | None = None
    """When its burst comes, as a share of its time; None: there is not one moment."""


def _diurnal(seconds: float, rng: np.random.Generator) -> Trace:
    return diurnal(seconds, rng, low=LOW, high=HIGH, period_seconds=seconds)


def _burst(seconds: float, rng: np.random.Generator) -> Trace:
    return burst(seconds, rng, base=LOW, high=HIGH, at_seconds=seconds / 3, for_seconds=900.0)


def _ramp(seconds: float, rng: np.random.Generator) -> Trace:
    return ramp(seconds, rng, low=LOW, high=HIGH, up_from=seconds / 6, up_until=seconds * 2 / 3)


def _flash_crowd(seconds: float, rng: np.random.Generator) -> Trace:
    return flash_crowd(seconds, rng, base=LOW, high=HIGH, at_seconds=seconds / 3, fades_seconds=300.0)


def _on_off(seconds: float, rng: np.random.Generator) -> Trace:
    return on_off(seconds, rng, low=LOW, high=HIGH * 2 / 3, on_seconds=seconds / 6, off_seconds=seconds / 6)


GENERATED: Mapping[str, Compared] = {
    one.name: one
    for one in (
        Compared("diurnal", _diurnal),
        Compared("burst", _burst, event=1 / 3),
        Compared("ramp", _ramp),
        Compared("flash-crowd", _flash_crowd, event=1 / 3),
        Compared("on-off", _on_off),
    )
}
TUNED_ON_FOR_AZURE = ("diurnal", "burst")
"""There is but one hour of it: its baselines are tuned on these."""


def azure(text: str) -> Compared:
    """The rows of `azure_llm_2023_conv.csv`, each request a call."""

    def make(seconds: float, rng: np.random.Generator) -> Trace:
        whole = recorded(text, rng, sessions=AZURE_SESSIONS, name=AZURE)
        kept = whole.starts < seconds
        return Trace(AZURE, whole.starts[kept], whole.durations[kept])

    return Compared(AZURE, make)


def azure_from(path: Path) -> Compared | None:
    """None where the file is not there."""
    return azure(path.read_text(encoding="utf-8")) if path.is_file() else None
