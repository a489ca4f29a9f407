"""How likely misses come about by chance."""

from __future__ import annotations

import math

EVIDENT = 0.05
"""A breach that few observations show is believed if chance alone would show it this seldom."""


def at_least(misses: float, samples: float, share: float) -> float:
    """Chance of at least so many misses among the samples, where each misses by this share of the cases.

    Figures need not be whole, as where Prometheus extrapolated: misses are rounded down and samples up, so that the chance
    is rather said too large.
    """
    fewest, count = math.floor(misses + 1e-9), math.ceil(samples - 1e-9)
    if fewest <= 0:
        return 1.0
    if share <= 0.0 or fewest > count:
        return 0.0
    if share >= 1.0:
        return 1.0
    return max(0.0, 1.0 - sum(_exactly(k, count, share) for k in range(fewest)))


def evidently_missed(misses: float, samples: float, share: float) -> bool:
    return at_least(misses, samples, share) <= EVIDENT


def _exactly(misses: int, samples: int, share: float) -> float:
    ways = math.lgamma(samples + 1) - math.lgamma(misses + 1) - math.lgamma(samples - misses + 1)
    return math.exp(ways + misses * math.log(share) + (samples - misses) * math.log1p(-share))
