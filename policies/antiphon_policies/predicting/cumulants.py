"""What is told of the time that calls take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Batching:
    """Of calls that leave a stage in batches: what the next stage has to know."""

    alpha_ms: Floats
    beta_ms: Floats
    noise: Floats
    cap: Floats
    size: Floats
    """Mean size of the batch that a call is in."""
    size_spread: Floats
    spread_ms: Floats
    """Standard deviation of the time that the size of a call's batch makes: common to the stages it goes through as one."""
    apart_ms: Floats
    """Time from one batch to the next at least."""


@dataclass(frozen=True, slots=True)
class Times:
    """From the call to its first result. Infinite where `utilisation` is 1 or more.

    All are cumulants, so that those of independent times add up.
    """

    utilisation: Floats
    """Share of what the stage can do at most that is asked of it. Of several stages: that of the busiest."""
    mean_ms: Floats
    variance: Floats
    third: Floats
    """Third central moment."""
    waiting_ms: Floats | float = 0.0
    """Part of the mean: before the call was taken up."""
    waiting_variance: Floats | float = 0.0
    """Part of the variance."""
    batching: Batching | None = None
    """Of a stage of batches; else its calls leave one by one."""
    free_places: Floats | float = np.inf
    """Of a stage of streams: how many calls that come at once find a place, on average."""
    place_ms: Floats | float = 0.0
    """Of a stage of streams: until the next place is free when none is."""
    together: Floats | float = 1.0
    """Of several stages that end with one not of batches: calls that leave it at once, as they left one of batches before."""


def limited(
    used: Floats,
    cumulants: tuple[Floats, Floats, Floats],
    waiting: tuple[Floats, Floats],
    batching: Batching | None = None,
) -> Times:
    """Infinite where too much is asked. `cumulants`: the three; `waiting`: its mean and variance, which stay finite."""
    mean, variance, third = (np.where(used >= 1, np.inf, each) for each in cumulants)
    return Times(used, mean, variance, third, *waiting, batching)


def noise_third(noise: Floats) -> Floats:
    """Third central moment of the factor that the noise is."""
    square = noise**2
    return square**2 * (3 + square)


def joined(parts: Sequence[Times], shape: tuple[int, ...]) -> Times:
    """One after another, brought into the shape."""
    batchings = [part.batching for part in parts if part.batching is not None]
    batching = Batching(**_columns(Batching, batchings, shape)) if batchings else None
    return Times(**_columns(Times, parts, shape, "batching"), batching=batching)


def _columns(kind: type, parts: Sequence[object], shape: tuple[int, ...], *without: str) -> dict[str, Any]:
    names = [column.name for column in fields(kind) if column.name not in without]
    return {name: _column([getattr(part, name) for part in parts], shape) for name in names}


def _column(values: Sequence[Floats | float], shape: tuple[int, ...]) -> Floats | float:
    """A plain figure is the same for all."""
    first = values[0]
    return first if isinstance(first, float) else np.concatenate(values).reshape(shape)
