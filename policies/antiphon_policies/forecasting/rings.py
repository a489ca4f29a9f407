"""Means over steps of time, the oldest dropped when the ring is full."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Ring:
    """One mean for each step of time, kept as running totals, so that the mean of any span costs the same.

    Samples come in order of time. Of a step in which nothing was added, nothing is known.
    """

    def __init__(self, step_seconds: float, steps: int) -> None:
        self.step_seconds = step_seconds
        self.span_seconds = step_seconds * (steps - 2)
        """How far back it reaches at least."""
        self._steps = steps
        self._totals = array("d", bytes(8 * steps))
        """Of the means of all steps up to this one, from the first ever."""
        self._known = array("i", bytes(4 * steps))
        """How many they are."""
        self._open: int | None = None
        self._sum, self._count = 0.0, 0

    def add(self, at: float, value: float) -> None:
        """What is older than the step that is open is left out."""
        slot = math.floor(at / self.step_seconds)
        if self._open is None:
            self._open = slot
        if slot < self._open:
            return
        if slot > self._open:
            self._close(self._open, slot)
        self._sum += value
        self._count += 1

    def mean(self, start: float, end: float) -> float | None:
        """Over the steps that begin in [start, end). None: nothing was added in it."""
        if self._open is None:
            return None
        first = max(math.ceil(start / self.step_seconds), self._open - self._steps + 1)
        after = min(math.ceil(end / self.step_seconds), self._open + 1)
        if after <= first:
            return None
        last, before = (min(after, self._open) - 1) % self._steps, (first - 1) % self._steps
        total, known = self._totals[last] - self._totals[before], self._known[last] - self._known[before]
        if after > self._open and self._count:
            total, known = total + self._sum / self._count, known + 1
        return total / known if known else None

    def series(self, end: float) -> Floats:
        """As many steps as are kept up to that of `end`, the oldest first; NaN where nothing is known."""
        values: Floats = np.full(self._steps, np.nan)
        if self._open is None:
            return values
        oldest = self._open % self._steps
        totals, known = _gains(np.frombuffer(self._totals), oldest), _gains(np.frombuffer(self._known, np.intc), oldest)
        np.copyto(values[:-1], totals, where=known > 0)
        if self._count:
            values[-1] = self._sum / self._count
        return _shifted(values, math.floor(end / self.step_seconds) - self._open)

    def _close(self, current: int, opened: int) -> None:
        before = (current - 1) % self._steps
        total, known = self._totals[before], self._known[before]
        if self._count:
            total, known = total + self._sum / self._count, known + 1
        count = min(opened - current, self._steps)
        first = (opened - count) % self._steps
        to_end = min(count, self._steps - first)
        for begin, length in ((first, to_end), (0, count - to_end)):
            self._totals[begin : begin + length] = array("d", [total]) * length
            self._known[begin : begin + length] = array("i", [known]) * length
        self._open, self._sum, self._count = opened, 0.0, 0


def _gains(totals: NDArray[Any], oldest: int) -> NDArray[Any]:
    """From each step to the next one, from the oldest on."""
    ordered = np.concatenate((totals[oldest:], totals[:oldest]))
    return np.asarray(ordered[1:] - ordered[:-1])


def _shifted(values: Floats, later: int) -> Floats:
    """The same that ends so many steps later, or earlier."""
    if later == 0:
        return values
    shifted: Floats = np.full(len(values), np.nan)
    if later >= 0:
        shifted[: max(0, len(values) - later)] = values[later:]
    else:
        shifted[-later:] = values[:later]
    return shifted


def quantile(values: Floats, share: float) -> float:
    """As `np.quantile`, which takes ten times as long for a few hundred numbers. None of them may be NaN."""
    place = share * (len(values) - 1)
    below = math.floor(place)
    ordered = np.sort(values)
    low, high, rest = float(ordered[below]), float(ordered[min(below + 1, len(values) - 1)]), place - below
    return low + (high - low) * rest if rest < 0.5 else high - (high - low) * (1.0 - rest)
