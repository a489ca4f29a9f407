"""Stages in lockstep: once a period all that are active make one step."""

from __future__ import annotations

import math

import numpy as np

from antiphon_policies.predicting.cumulants import Floats, Times, limited, noise_third

_NOBODY = 1e-12
_LEAST = 1e-3
"""Share of a period that is left free at least, so that what is late stays finite."""
_STEPS = np.array([1, 2, 3, 4, 6, 10, 20, 40, 80, 160, 320, 640, 1280])
_WEIGHTS = np.concatenate([1 / _STEPS[:3], np.gradient(np.log(_STEPS))[3:]])
"""Of a sum over k of so much / k: the first ones each, then in strides."""


def step_times(
    alpha: Floats,
    beta: Floats,
    noise: Floats,
    people: Floats,
    _rate: Floats,
    _cap: Floats,
    period: Floats,
    duty: Floats,
) -> Times:
    """Of a step, from when it was due. The active ones are binomial: `people` with the chance `duty`; where none is, no step
    is made, and a call takes as long as the last step that was.

    Calls do not wait for one another here, so that no stage before or after makes this wait shorter: none is told apart.
    """
    there, size, spread, crooked = _active(people, duty)
    mean = alpha + beta * size
    spread, crooked = beta**2 * spread, beta**3 * crooked
    square, cube = noise**2, noise_third(noise)
    variance = spread * (1 + square) + square * mean**2
    third = crooked * (1 + 3 * square + cube) + cube * (mean**3 + 3 * mean * spread) + 6 * square * mean * spread
    used = there * mean / period
    waiting, waiting_variance, waiting_third = _late(there, mean, variance, period)
    nothing = np.zeros_like(used)
    return limited(used, (mean + waiting, variance + waiting_variance, third + waiting_third), (nothing, nothing))


def _active(people: Floats, duty: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Chance that somebody is active; then how many: mean, variance and third central moment."""
    there = np.maximum(1 - (1 - duty) ** people, _NOBODY)
    whole, idle = people * duty, 1 - duty
    first = whole / there
    second = (whole * idle + whole**2) / there
    third = (whole * idle * (1 - 2 * duty) + 3 * whole**2 * idle + whole**3) / there
    return there, first, second - first**2, third - 3 * first * second + 2 * first**3


def _late(there: Floats, mean: Floats, variance: Floats, period: Floats) -> tuple[Floats, Floats, Floats]:
    """How late a step begins because those before it overran: mean, variance, third central moment.

    Spitzer's: of the steps before, k together overrun by so much, for each k a k-th of it; sums are taken as normal. They are
    no later than if somebody were active in each period.
    """
    over = np.minimum(there * mean - period, -_LEAST * period)
    spread = np.sqrt(there * (variance + (1 - there) * mean**2))
    spread_if_all = np.sqrt(variance)
    total = np.zeros((3, *mean.shape))
    for steps, weight in zip(_STEPS, _WEIGHTS, strict=True):
        root = math.sqrt(steps)
        together = _beyond(steps * over, root * spread)
        total += weight * np.minimum(together, _beyond(steps * (mean - period), root * spread_if_all))
    return total[0], total[1], total[2]


def _beyond(mean: Floats, spread: Floats) -> Floats:
    """Raw moments of the part of a normal figure that is above 0."""
    spread = np.maximum(spread, 1e-9)
    z = np.clip(mean / spread, -30.0, 30.0)
    above = 0.5 * (1 + np.tanh(z * (0.7988 + 0.03528 * z**2)))
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    first = np.maximum(0.0, z * above + density)
    second = np.maximum(0.0, (1 + z**2) * above + z * density)
    third = np.maximum(0.0, z * (3 + z**2) * above + (2 + z**2) * density)
    return np.stack([spread * first, spread**2 * second, spread**3 * third])
