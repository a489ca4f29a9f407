"""Stages of batches: looked up in the table of those that were solved exactly."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from antiphon_policies.predicting.crowds import calmed, crowding, fewness, roughness
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

_EVEN_TIME, _EVEN_VARIANCE = 1.4, 0.16
"""Of a call that meets a batch of calls which come evenly: mean time in batches, and its variance in their square."""
_GROWS, _GROWS_SPREAD = 1.05, 1.18
"""By how much less a wait is calmed, and its spread, where batches grow by what comes meanwhile."""
_CROWD, _FEW, _ROUGH = 7.5, 48.1, 0.9
"""What calms the mean of a wait, and how much of it is left by service times that vary. Fitted to simulations, as are the
constants here, in `streams` and in `tandem` (see docs/prediction.md)."""
_CROWD_SPREAD, _INSIDE_SPREAD, _ROUGH_SPREAD = 21, 48.5, 1.34
"""The same of its standard deviation; by how much of its time a session is inside the stage."""
_HARDLY = 1e-9

_Axis: TypeAlias = tuple[NDArray[np.intp], Floats]
"""Point below on one axis of the table, and how far above it."""


def batch_times(alpha: Floats, beta: Floats, noise: Floats, people: Floats, rate: Floats, cap: Floats) -> Times:
    """`rate`: calls per millisecond. All of one shape."""
    most = np.minimum(cap, people)
    used = rate * (alpha + beta * most) / most
    others = rate * (people - 1) / people
    grouped = np.maximum(1.0, most / LARGEST_CAP)
    unit = alpha + beta * grouped
    found = _interpolated(beta * grouped / unit, most / grouped, noise, others / grouped * unit)
    open_ms = found[0] * unit
    quiet = (noise * unit) ** 2
    met, batch, even_ms = _even(alpha, beta, others, most)
    over = np.maximum(0.0, open_ms - even_ms)
    grows = beta / (alpha + beta) * (1 - 1 / most)
    calm, calm_spread = _calm(over, open_ms, noise, people, rate, used, grows)
    mean_ms = open_ms - over * (1 - calm)
    size, size_spread = found[3] * grouped, found[4] * grouped * calm_spread
    open_variance = quiet + (unit * found[1]) ** 2
    even_variance = np.minimum(open_variance, quiet + met * ((noise**2 + _EVEN_VARIANCE) * batch**2 - quiet))
    variance = even_variance + (open_variance - even_variance) * calm_spread**2
    third = unit**3 * (noise_third(noise) + (found[2] * calm_spread) ** 3)
    taken = alpha + beta * size
    by_size = beta * size_spread
    waiting = np.maximum(0.0, mean_ms - taken)
    waiting_variance = np.maximum(0.0, variance - (noise * taken) ** 2 - by_size**2)
    batching = Batching(alpha, beta, noise, most, size, size_spread, by_size, taken)
    return limited(used, (mean_ms, variance, third), (waiting, waiting_variance), batching)


def _even(alpha: Floats, beta: Floats, others: Floats, most: Floats) -> tuple[Floats, Floats, Floats]:
    """Of calls that come evenly: how surely one meets others, a batch's time, and a call's time.

    Batches save time, and so calls go in batches however regularly they come: that much of a wait is never calmed.
    """
    size = np.minimum(others * alpha / np.maximum(1e-9, 1 - others * beta), most)
    met = np.square(np.minimum(size, 1.0))
    batch = alpha + beta * np.maximum(size, 1.0)
    return met, batch, (1 - met) * (alpha + beta) + met * _EVEN_TIME * batch


def _calm(
    over: Floats, open_ms: Floats, noise: Floats, people: Floats, rate: Floats, used: Floats, grows: Floats
) -> tuple[Floats, Floats]:
    """Shares that are left of the wait beyond that of calls which come evenly, and of its spread. `grows`: how far a batch may
    grow by what comes meanwhile; the more, the sooner a wait is over by itself."""
    others = (people - 1) / people
    busy = np.minimum(used, 1.0)
    crowd = crowding(over, rate, people, np.maximum(1 - used * others, 1e-6))
    inside = np.minimum(1.0, open_ms * rate / people) * others
    return (
        calmed((_CROWD * crowd + _FEW * fewness(busy, people)) / (1 + _GROWS * grows), roughness(noise, _ROUGH, busy)),
        calmed(
            (_CROWD_SPREAD * crowd + _INSIDE_SPREAD * inside**2) / (1 + _GROWS_SPREAD * grows),
            roughness(noise, _ROUGH_SPREAD, busy),
        ),
    )


def _interpolated(share: Floats, cap: Floats, noise: Floats, rate: Floats) -> Floats:
    """The figures of `COLUMNS` beyond the noise, in units of a batch of one. Beyond the table's last load what waits grows on."""
    most = cap / (1.0 - share + share * cap)
    used = rate / most
    spot = position_of_load(np.minimum(rate, HIGHEST * most), most)
    load = _split(spot * (LOADS - 1), LOADS)
    found = _corners(
        _split(np.sqrt(share) * (SHARES - 1), SHAPE[0]),
        _split(np.log2(cap), SHAPE[1]),
        _split_noise(np.minimum(noise, 1.0) / LARGEST_NOISE * (NOISES - 1)),
        load,
    )
    _begin(found, load)
    found[:3] *= np.maximum(1.0, (1 - HIGHEST) / np.maximum(1e-9, 1 - used))
    return found


def _begin(found: Floats, load: _Axis) -> None:
    """Up to the first load the variance grows with it: the spread grows as its root."""
    found[1] /= np.sqrt(np.where(load[0] > 0, 1.0, np.maximum(load[1], _HARDLY)))


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
    noises = (np.arange(NOISES) * LARGEST_NOISE / (NOISES - 1))[:, None]
    cells[..., 1] = np.sqrt(np.maximum(0.0, cells[..., 1] ** 2 - noises**2))
    cells[..., 2] = np.cbrt(cells[..., 2] ** 3 - noise_third(noises))
    for axis in (3, 2, 1, 0):
        low, high = (np.take(cells, range(begin, SHAPE[axis] - 1 + begin), axis) for begin in (0, 1))
        cells = np.concatenate([low, high], axis=-1)
    return np.ascontiguousarray(cells.reshape(-1, cells.shape[-1]))
