"""The straight line through measured times: a batch of n takes alpha + beta x n."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    alpha: float
    beta: float

    def at(self, size: float) -> float:
        return self.alpha + self.beta * size


def fit(means: Mapping[int, float]) -> Line:
    """Least squares over (batch size, time), with neither part below 0. Of one size alone the whole time is the items'."""
    if not means:
        raise ValueError("there is no batch size to fit a line to")
    sizes, times = list(means), list(means.values())
    through_zero = Line(0.0, sum(map(_product, sizes, times)) / sum(map(_product, sizes, sizes)))
    if len(means) == 1:
        return through_zero
    beta, alpha = statistics.linear_regression(sizes, times)
    if beta < 0:
        return Line(statistics.fmean(times), 0.0)
    return Line(alpha, beta) if alpha >= 0 else through_zero


def spread(samples: Mapping[int, Sequence[float]]) -> float:
    """Standard deviation as a share of the mean, over all batch sizes."""
    squares = [
        (statistics.pstdev(values) / mean) ** 2
        for values in samples.values()
        if values and (mean := statistics.fmean(values)) > 0
    ]
    return math.sqrt(statistics.fmean(squares)) if squares else 0.0


def _product(one: float, other: float) -> float:
    return one * other
