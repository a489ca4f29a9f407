"""Bounds of what combinations of options come to, from sums over the stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from antiphon_policies.planning.devices import device_least
from antiphon_policies.planning.fleet import Fleet, Floats, Whole
from antiphon_policies.planning.judging import SATURATED
from antiphon_policies.planning.options import Options
from antiphon_policies.planning.weighing import least_ratio, third_of

_MOST_VARIANCE = 4.0
"""Times the sum of the stages' variances: a turn has no more, without waits for a device."""

Over = Callable[[Floats], Floats]
"""From a figure of options to that of combinations."""


@dataclass(frozen=True, slots=True)
class Overs:
    """How figures of options become those of combinations: summed at least, and at most; and the largest, at least."""

    least: Over
    most: Over
    top: Over


def least_score(fleet: Fleet, options: Options, agent: Whole, mode: Whole, stages: int, overs: Overs) -> Floats:
    """No combination has a score below it; admission is left out."""
    least = options.least
    mean = overs.least(least.mean) + overs.top(least.waiting)
    variance = overs.least(least.variance) + overs.top(least.waiting_variance)
    third = overs.most(least.third) * third_of(stages)
    most = overs.most(options.parts[2]) * _MOST_VARIANCE
    own, excess = overs.top(options.own), overs.least(options.excess)
    skewness: Floats | float = 0.0
    if options.figures is not None:
        for device, figures in enumerate(options.figures):
            there = fleet.device_turns[agent, device]
            apart = (slice(None), *(None,) * (mean.ndim - 1))
            counts = there[apart], fleet.device_stages[agent, device][apart]
            low = [overs.least(each) for each in figures]
            high = None if overs.most is overs.least else [overs.most(each) for each in figures]
            found = device_least(low, high, *counts)
            mean, variance = mean + found.mean, variance + found.variance
            skewness = skewness + np.where(counts[1] > 0, found.skewness, 0.0)
            most = np.where(counts[1] > 0, 1e60, most)
            own = np.where(found.excess > 0, np.maximum(own, SATURATED), own)
            excess = np.maximum(excess, found.excess)
    ratio = least_ratio(fleet, agent, mode, mean, variance, third, most, skewness)
    return np.where(own >= SATURATED, SATURATED + excess, np.maximum(ratio, np.where(np.isfinite(own), own, np.inf)))
