"""A straight line through noisy points, learned one point at a time: the time of a batch by its size."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

MOST_CORRELATION = 0.999


@dataclass(frozen=True, slots=True)
class Line:
    """Time in milliseconds: level + slope x (size - reference), each with its uncertainty (a Kalman filter's state).

    The level is the time at the size that is seen. Where sizes never vary it alone is learned and the slope stays.
    """

    reference: float
    level_ms: float
    slope_ms: float
    level_variance: float
    slope_variance: float
    covariance: float = 0.0

    def mean_ms(self, size: float) -> float:
        return self.level_ms + self.slope_ms * (size - self.reference)

    def variance(self, size: float) -> float:
        """Of the mean at a size, in milliseconds squared."""
        away = size - self.reference
        return self.level_variance + 2 * away * self.covariance + away * away * self.slope_variance

    def moved(self, reference: float) -> Line:
        """The same line, told from another size."""
        away = reference - self.reference
        return replace(
            self,
            reference=reference,
            level_ms=self.mean_ms(reference),
            level_variance=max(self.variance(reference), 1e-12),
            covariance=self.covariance + away * self.slope_variance,
        )

    def learned(self, size: float, took_ms: float, variance: float) -> Line:
        """After a point that was seen with this variance."""
        away = size - self.reference
        with_level = self.level_variance + away * self.covariance
        with_slope = self.covariance + away * self.slope_variance
        spread = max(self.variance(size), 0.0) + variance
        missed = took_ms - self.mean_ms(size)
        return Line(
            self.reference,
            self.level_ms + with_level / spread * missed,
            self.slope_ms + with_slope / spread * missed,
            max(self.level_variance - with_level * with_level / spread, 1e-12),
            max(self.slope_variance - with_slope * with_slope / spread, 1e-12),
            self.covariance - with_level * with_slope / spread,
        )

    def uncertain(self, level: float, slope: float) -> Line:
        """With these variances, and what level and slope have in common kept possible."""
        most = MOST_CORRELATION * math.sqrt(level * slope)
        common = min(most, max(-most, self.covariance))
        return replace(self, level_variance=level, slope_variance=slope, covariance=common)

    def bounded(self, least_slope_ms: float) -> Line:
        """With a slope of at least this, and no less than nothing for a batch of none. The level is kept: it was seen."""
        level = max(self.level_ms, 1e-6)
        return replace(self, level_ms=level, slope_ms=min(max(self.slope_ms, least_slope_ms), level / self.reference))
