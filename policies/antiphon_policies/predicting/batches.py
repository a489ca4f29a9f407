"""Stages of batches: looked up in the table of those that were solved exactly."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from antiphon_policies.predicting.crowds import calmed
from antiphon_policies.predicting.cumulants import Batching, Floats, Times, limited, noise_third
from antiphon_policies.predicting.grid import (
    COLUMNS,
    HIGHEST,
    LARGEST_CAP,
    LARGEST_NOISE,
    LOADS,
    NOISES,
    SHAPE,
    SHARES,
    position_of_load,
)

_Axis: TypeAlias = tuple[NDArray[np.intp], Floats]
"""Point below on one axis of the table, and how far above it."""


def batch_times(alpha: Floats, beta: Floats, noise: Floats, people: Floats, rate: Floats, cap: Floats) -> Times:
    """`rate`: calls per millisecond. All of one shape."""
    most = np.minimum(cap, people)
    used = rate * (alpha + beta * most) / most
    alone = alpha + beta
    grouped = np.maximum(1.0, most / LARGEST_CAP)
    unit = alpha + beta * grouped
    share = beta * grouped / unit
    found = _interpolated(share, most / grouped, noise, rate / grouped * unit * (people - 1) / people)
    mean, spread, skewed, size, size_spread = found
    sensitive = _sensitive(beta / alone, size * grouped / most)
    calm = calmed(np.maximum(0.0, mean - 1) * unit, rate, people, sensitive)
    calm_spread = calm * np.sqrt(calm)
    size = 1 + (size * grouped - 1) * calm
    size_spread = size_spread * grouped * calm_spread
    taken = alpha + beta * size
    by_size = beta * size_spread
    mean_ms = unit * (1 + (mean - 1) * calm)
    quiet = (noise * unit) ** 2
    variance = quiet + np.maximum(0.0, (unit * spread) ** 2 - quiet) * calm_spread**2
    third = _third(unit, noise, skewed, calm_spread)
    waiting = np.maximum(0.0, mean_ms - taken)
    waiting_variance = np.maximum(0.0, variance - (noise * taken) ** 2 - by_size**2)
    batching = Batching(alpha, beta, noise, most, size, size_spread, by_size, taken)
    return limited(used, (mean_ms, variance, third), (waiting, waiting_variance), batching)


def _third(unit: Floats, noise: Floats, skewed: Floats, calm: Floats) -> Floats:
    quiet = noise_third(noise)
    return unit**3 * (quiet + (skewed**3 - quiet) * calm**3)


def _sensitive(share: Floats, fill: Floats) -> Floats:
    """How much a wait depends on the sessions' number: fully where batches save nothing or are full, 1. Else what waits goes
    with the next batch, however few there are."""
    square = fill * fill
    return np.maximum(share * np.sqrt(share), square * square * square * fill)


def _interpolated(share: Floats, cap: Floats, noise: Floats, rate: Floats) -> Floats:
    """The figures of `COLUMNS`, in units of a batch of one. Beyond the table's last load what waits grows on."""
    most = cap / (1.0 - share + share * cap)
    used = rate / most
    spot = position_of_load(np.minimum(rate, HIGHEST * most), most)
    found = _corners(
        _split(np.sqrt(share) * (SHARES - 1), SHAPE[0]),
        _split(np.log2(cap), SHAPE[1]),
        _split_noise(np.minimum(noise, 1.0) / LARGEST_NOISE * (NOISES - 1)),
        _split(spot * (LOADS - 1), LOADS),
    )
    found[:3] *= np.maximum(1.0, (1 - HIGHEST) / np.maximum(1e-9, 1 - used))
    return found


def _split(value: Floats, count: int) -> _Axis:
    low = np.clip(value.astype(np.intp), 0, count - 2)
    return low, value - low


def _split_noise(value: Floats) -> _Axis:
    """In its square, with which times grow."""
    low = np.minimum(value.astype(np.intp), NOISES - 2)
    return low, (value**2 - low**2) / (2 * low + 1)


def _corners(share: _Axis, cap: _Axis, noise: _Axis, load: _Axis) -> Floats:
    """Linear on all four axes."""
    point = ((share[0] * (SHAPE[1] - 1) + cap[0]) * (SHAPE[2] - 1) + noise[0]) * (SHAPE[3] - 1) + load[0]
    found = _table()[point.ravel()]
    for _, part in (share, cap, noise, load):
        half = found.shape[1] // 2
        low, high = found[:, :half], found[:, half:]
        found = low + (high - low) * part.ravel()[:, None].astype(np.float32)
    return np.ascontiguousarray(found.T, dtype=float).reshape(len(COLUMNS), *point.shape)


@cache
def _table() -> NDArray[np.float32]:
    """By cell, the figures of its sixteen corners in a row: the halves are those of the lower and the higher share, the
    quarters of the lower and the higher cap, and so on."""
    with np.load(Path(__file__).with_name("batches.npz")) as stored:
        cells = stored["times"]
    for axis in (3, 2, 1, 0):
        low, high = (np.take(cells, range(begin, SHAPE[axis] - 1 + begin), axis) for begin in (0, 1))
        cells = np.concatenate([low, high], axis=-1)
    return np.ascontiguousarray(cells.reshape(-1, cells.shape[-1]))
