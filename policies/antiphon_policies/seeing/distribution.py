"""Durations counted in buckets, as histograms of Prometheus are: the difference of two of them is what came between."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Distribution:
    """Observations by upper bound. `counts[i]` of them lie above `bounds[i - 1]` and not above `bounds[i]`; not cumulative.

    The last bound is infinity. Counts are whole in a scrape, and need not be where Prometheus extrapolated.
    """

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    total: float
    """Sum of all observations, in the unit of the bounds."""

    cumulative: tuple[float, ...] = field(init=False, repr=False, compare=False)
    """Observations up to each bound."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cumulative", tuple(accumulate(self.counts)))

    @property
    def count(self) -> float:
        return self.cumulative[-1] if self.counts else 0.0

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count > 0 else None

    def quantile(self, share: float) -> float | None:
        """By interpolation within the bucket. None: nothing was observed. In the last bucket, its lower bound."""
        if self.count <= 0:
            return None
        rank, first = share * self.count, bisect_right(self.cumulative, 0.0)
        index = max(first, bisect_left(self.cumulative, rank))
        if index >= len(self.counts):
            return self.bounds[-2] if len(self.bounds) > 1 else None
        lower = self.bounds[index - 1] if index else 0.0
        upper, below = self.bounds[index], self._below(index)
        return lower if math.isinf(upper) else lower + (upper - lower) * (rank - below) / self.counts[index]

    def share_within(self, limit: float) -> float | None:
        """Share of the observations that are not above the limit, by interpolation."""
        if self.count <= 0:
            return None
        index = bisect_left(self.bounds, limit)
        below = self._below(index)
        lower = self.bounds[index - 1] if index else 0.0
        upper = self.bounds[index] if index < len(self.bounds) else math.inf
        if not math.isinf(upper) and upper > lower:
            below += self.counts[index] * (limit - lower) / (upper - lower)
        return min(1.0, below / self.count)

    def _below(self, index: int) -> float:
        return self.cumulative[index - 1] if index else 0.0


def from_cumulative(bounds: Sequence[float], cumulative: Sequence[float], total: float) -> Distribution:
    """Of buckets as they are scraped, each of which counts the ones below it too."""
    counts = [now - before for now, before in zip(cumulative, (0.0, *cumulative[:-1]), strict=True)]
    return Distribution(tuple(bounds), tuple(max(0.0, count) for count in counts), total)
