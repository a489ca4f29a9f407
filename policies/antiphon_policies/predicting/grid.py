"""The points at which stages of batches were solved: by share, cap, noise and load."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from antiphon_policies.predicting.chain import BatchStage, Exact, solve

Floats = NDArray[np.float64]

SHARES = 11
"""Evenly over the square root of the share that a further call adds."""
CAPS = 6
"""1, 2, 4 ... 32."""
NOISES = 3
"""0 to 0.5, evenly."""
LARGEST_NOISE = 0.5
LOADS = 17
SHAPE = (SHARES, CAPS, NOISES, LOADS)
LARGEST_CAP = 2 ** (CAPS - 1)
_NEAR = 0.985
"""How much of the load's axis is made finer towards saturation; less than 1."""
HIGHEST = 0.96
"""Utilisation of the last load."""
COLUMNS = ("mean", "spread", "skewed", "size", "size_spread")
"""Mean, standard deviation and cube root of the third central moment of the time; mean size of a call's batch, and its
standard deviation."""


def position_of_load(rate: ArrayLike, most: ArrayLike) -> Floats:
    """Place on the axis of loads, 0 to 1 at `HIGHEST`: finer where batches begin to grow, and towards saturation."""
    growth = np.log1p(rate) / np.log1p(np.multiply(HIGHEST, most))
    crowd = np.log1p(-_NEAR * np.divide(rate, most)) / np.log1p(-_NEAR * HIGHEST)
    return np.asarray(0.5 * (growth + crowd))


def load_at(position: float, most: float) -> float:
    """The rate whose place it is."""
    low, high = 0.0, HIGHEST * most
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if position_of_load(middle, most) < position else (low, middle)
    return high


def stage_at(share: int, cap: int, noise: int) -> BatchStage:
    return BatchStage((share / (SHARES - 1)) ** 2, 2**cap, LARGEST_NOISE * noise / (NOISES - 1))


def row_at(share: int, cap: int, noise: int, load: int) -> tuple[float, ...]:
    """One point of the table, in the order of `COLUMNS`."""
    stage = stage_at(share, cap, noise)
    if load == 0:
        return (1.0, stage.noise, float(np.cbrt(stage.noise**4 * (3 + stage.noise**2))), 1.0, 0.0)
    return _row(solve(stage, load_at(load / (LOADS - 1), stage.most)))


def points() -> Iterator[tuple[int, ...]]:
    yield from np.ndindex(*SHAPE)


def _row(exact: Exact) -> tuple[float, ...]:
    spreads = (max(0.0, exact.variance) ** 0.5, float(np.cbrt(exact.third)), exact.size)
    return (exact.mean, *spreads, max(0.0, exact.size_variance) ** 0.5)
