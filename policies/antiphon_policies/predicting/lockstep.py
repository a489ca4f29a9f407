"""Stages in lockstep: once a period all that are active make one step."""

from __future__ import annotations

import numpy as np

from antiphon_policies.predicting.cumulants import Floats, Times, limited, noise_third


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
    """Of a step, from when it was due. The active ones are binomial: `people` with the chance `duty`."""
    mean = alpha + beta * people * duty
    spread = beta**2 * people * duty * (1 - duty)
    crooked = beta**3 * people * duty * (1 - duty) * (1 - 2 * duty)
    square, cube = noise**2, noise_third(noise)
    variance = spread * (1 + square) + square * mean**2
    third = crooked * (1 + 3 * square + cube) + cube * (mean**3 + 3 * mean * spread) + 6 * square * mean * spread
    used = mean / period
    waiting, waiting_variance, waiting_third = _late(used, mean, variance)
    cumulants = (mean + waiting, variance + waiting_variance, third + waiting_third)
    return limited(used, cumulants, (waiting, waiting_variance))


def _late(used: Floats, mean: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """How late a step begins because the one before overran: mean, variance, third central moment.

    The approximation of Kraemer and Langenbach-Belz for regular arrivals, exponential where it waits at all.
    """
    free = np.maximum(1e-9, 1 - used)
    rough = np.maximum(variance / mean**2, 1e-9)
    chance = np.minimum(used, 1.0) * np.exp(-2 * free / (3 * np.maximum(used, 1e-9) * rough))
    scale = mean * rough / (2 * free)
    return (
        chance * scale,
        (2 * chance - chance**2) * scale**2,
        (6 * chance - 6 * chance**2 + 2 * chance**3) * scale**3,
    )
