"""How long calls of a stage take, and what the times of stages that follow one another add up to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from antiphon_policies.facts import Discipline
from antiphon_policies.predicting.batches import batch_times
from antiphon_policies.predicting.cumulants import Floats, Times, joined
from antiphon_policies.predicting.lockstep import step_times
from antiphon_policies.predicting.streams import stream_times
from antiphon_policies.predicting.tandem import followed

__all__ = ["Floats", "Times", "added", "callers", "mean_above_ms", "quantile_ms", "stage_times"]

_BESIDE = 2.03
_PART = 1 << 13
_MOST_SKEWED, _RARE, _RARER = 6.0, 4.0, 0.4
"""Skewness beyond the second comes of waits that are rare and long: what most calls meet has less of them than the curve says."""
_SMALL = 1e-4
SHARES = 20
"""Percentiles whose average is a mean."""
_EVEN = np.asarray([NormalDist().inv_cdf((index + 0.5) / SHARES) for index in range(SHARES)])
"""Of percentiles whose average is a mean."""


def stage_times(
    discipline: Discipline,
    *,
    alpha_ms: ArrayLike,
    beta_ms: ArrayLike,
    noise: ArrayLike,
    cap: ArrayLike,
    calls_per_second: ArrayLike,
    sessions: ArrayLike,
    rest_alpha_ms: ArrayLike = 0.0,
    rest_beta_ms: ArrayLike = 0.0,
    period_ms: ArrayLike | None = None,
    duty_cycle: ArrayLike | None = None,
) -> Times:
    """Of one replica, to which `calls_per_second` come from `sessions`, each of which has at most one call under way.

    All figures may be arrays, and are broadcast. A stage in lockstep needs `period_ms`; of its sessions the share
    `duty_cycle` (default: all) makes a step.
    """
    shared = (alpha_ms, beta_ms, noise, np.maximum(1.0, sessions), np.divide(calls_per_second, 1000.0))
    if discipline == "batches":
        return _in_parts(batch_times, *shared, cap)
    if discipline == "streams":
        return _in_parts(stream_times, *shared, cap, rest_alpha_ms, rest_beta_ms)
    if period_ms is None:
        raise ValueError("a stage in lockstep needs its period")
    return _in_parts(step_times, *shared, cap, period_ms, 1.0 if duty_cycle is None else duty_cycle)


def _in_parts(timed: Callable[..., Times], *figures: ArrayLike) -> Times:
    """In parts that stay in the processor's cache."""
    spread = np.broadcast_arrays(*(np.asarray(figure, dtype=float) for figure in figures))
    shape, size = spread[0].shape, spread[0].size
    if size <= _PART:
        return timed(*spread)
    flat = [figure.ravel() for figure in spread]
    parts = [timed(*(figure[begin : begin + _PART] for figure in flat)) for begin in range(0, size, _PART)]
    return joined(parts, shape)


def callers(sessions: float, calls_beside: float) -> float:
    """Sessions that would ask as much one call at a time, where of each turn some calls come beside those waited for."""
    return sessions * (1 + _BESIDE * calls_beside)


def added(times: Sequence[Times]) -> Times:
    """Of stages that a turn goes through in this order.

    Not only a sum: a stage that comes after a slower one has less of a queue, and meets the batches of the one before.
    """
    total = times[0]
    for after in times[1:]:
        total = followed(total, after)
    return total


def quantile_ms(times: Times, percentile: float) -> Floats:
    """The time that `percentile` percent of the calls do not exceed. Infinite where they can't be kept up with."""
    return _at(times, np.asarray(NormalDist().inv_cdf(percentile / 100)))


def mean_above_ms(times: Times, floor_ms: float) -> float:
    """Mean of the time, or of the floor where that is longer. Of one stage or turn, not of an array."""
    return float(np.maximum(_at(times, _EVEN), floor_ms).mean())


def _at(times: Times, z: Floats) -> Floats:
    spread = np.sqrt(np.maximum(times.variance, 1e-18))
    with np.errstate(invalid="ignore"):
        skewness = np.clip(times.third / spread**3, -_MOST_SKEWED, _MOST_SKEWED)
        sixth = (skewness + _RARER * np.maximum(0.0, skewness - _RARE)) / 6
        sixth = np.where(np.abs(sixth) < _SMALL, _SMALL, sixth)
        cube = np.maximum(1 + sixth * z - sixth**2, 0.0) ** 3
        value = times.mean_ms + spread * (cube - 1) / (3 * sixth)
    return np.where(np.isfinite(times.mean_ms), value, np.inf)
