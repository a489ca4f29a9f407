"""Durations counted in buckets, as histograms of Prometheus are: the difference of two of them is what came between."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Distribution:
    """Observations by upper bound. `counts[i]` of them lie above `bounds[i - 1]` and not above `bounds[i]`; not cumulative.

    The last bound is infinity. Counts are whole in a scrape, and need not be where Prometheus extrapolated.
    """

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    total: float
    """Sum of all observations, in the unit of the bounds."""

    @property
    def count(self) -> float:
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count > 0 else None

    def quantile(self, share: float) -> float | None:
        """By interpolation within the bucket. None: nothing was observed. In the last bucket, its lower bound."""
        if self.count <= 0:
            return None
        rank, below = share * self.count, 0.0
        for index, count in enumerate(self.counts):
            if count > 0 and below + count >= rank:
                lower = self.bounds[index - 1] if index else 0.0
                upper = self.bounds[index]
                return lower if math.isinf(upper) else lower + (upper - lower) * (rank - below) / count
            below += count
        return self.bounds[-2] if len(self.bounds) > 1 else None

    def share_within(self, limit: float) -> float | None:
        """Share of the observations that are not above the limit, by interpolation."""
        if self.count <= 0:
            return None
        index = bisect_left(self.bounds, limit)
        below = sum(self.counts[:index])
        lower = self.bounds[index - 1] if index else 0.0
        upper = self.bounds[index] if index < len(self.bounds) else math.inf
        if not math.isinf(upper) and upper > lower:
            below += self.counts[index] * (limit - lower) / (upper - lower)
        return min(1.0, below / self.count)


def from_cumulative(bounds: Sequence[float], cumulative: Sequence[float], total: float) -> Distribution:
    """Of buckets as they are scraped, each of which counts the ones below it too."""
    counts = [now - before for now, before in zip(cumulative, (0.0, *cumulative[:-1]), strict=True)]
    return Distribution(tuple(bounds), tuple(max(0.0, count) for count in counts), total)
