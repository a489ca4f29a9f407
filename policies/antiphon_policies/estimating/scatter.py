"""The noise of a service: how far single batches lie from the mean of their size."""

from __future__ import annotations

import math
from dataclasses import dataclass

from antiphon_policies.estimating.line import Line
from antiphon_policies.seeing.observation import StageWork

NOISE_UNKNOWN = 0.2
SEED_BATCHES, NO_SEED_BATCHES, MOST_BATCHES = 100.0, 5.0, 1000.0
"""What a profile's noise weighs, in batches; what the guess weighs; and what all that was learned weighs at most."""
FEW_BATCHES = 20.0
"""The scatter of means of more batches tells of the machine's drift, not of noise."""
BOUNDS = (0.01, 2.0)


@dataclass(frozen=True, slots=True)
class Scatter:
    """Mean square of the noise as a share, and how many batches it rests on."""

    square: float
    batches: float

    @property
    def noise(self) -> float:
        low, high = BOUNDS
        return min(high, max(low, math.sqrt(self.square)))

    @classmethod
    def of(cls, noise: float | None) -> Scatter:
        return cls(NOISE_UNKNOWN**2, NO_SEED_BATCHES) if noise is None else cls(noise**2, SEED_BATCHES)


def learn_scatter(scatter: Scatter, work: StageWork, line: Line) -> Scatter:
    found = _from_squares(work, line) if work.busy_square is not None else _from_mean(work, line)
    if found is None or not math.isfinite(found[0]):
        return scatter
    square, worth = min(found[0], BOUNDS[1] ** 2), found[1]
    weight = min(scatter.batches + worth, MOST_BATCHES)
    gain = min(1.0, worth / weight)
    return Scatter(scatter.square + gain * (square - scatter.square), weight)


def _from_squares(work: StageWork, line: Line) -> tuple[float, float] | None:
    """Of the single times. What comes of sizes that differ is taken off, as if they were spread as Poisson's: less than
    they are, so that the noise is rather said too large."""
    if work.busy_square is None or work.batches < 2:
        return None
    mean, size = work.busy_ms / work.batches, work.items / work.batches
    spread = (work.busy_square - work.batches * mean**2) / (work.batches - 1)
    if not spread >= -1e-6 * mean**2:
        return None
    by_size = line.slope_ms**2 * max(0.0, size - 1.0)
    return max(0.0, spread - by_size) / mean**2, work.batches - 1


def _from_mean(work: StageWork, line: Line) -> tuple[float, float] | None:
    """Where only sums are known: the means of few batches scatter by the noise over the root of their number."""
    if work.batches > FEW_BATCHES:
        return None
    mean, size = work.busy_ms / work.batches, work.items / work.batches
    miss = (mean - line.mean_ms(size)) ** 2 - max(0.0, line.variance(size))
    return max(0.0, miss) * work.batches / mean**2, 1.0
