"""How far the predictions of one agent's turns are off, learned from what was measured of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

FEWEST_TURNS = 30.0
"""Below it a percentile says too little."""
STEADY_SECONDS = 30.0
"""A setting must have held so long, beyond the time over which was measured."""
FRESH_SECONDS = 30.0
QUIET = 0.3
"""Utilisation below which next to nothing waits: what is missing then is not load, and the same at any load."""
GAIN_UP, GAIN_DOWN = 0.3, 0.1
"""A prediction that was too low is mended sooner than one that was too high."""
HALF_GAIN_TURNS = 60.0
"""At so many turns a gain is half of what it is at most."""
LEAST_RATIO, MOST_RATIO = 0.8, 2.5
MOST_OVERHEAD_MS = 1000.0
BELIEVABLE = 10.0
"""A measured time that differs from the prediction by more than this factor is not a matter of bias."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A percentile of the turn as it was predicted for what runs and is asked, and as it was measured."""

    predicted_ms: float
    """With the overhead of the bias in it."""
    measured_ms: float
    turns: float
    age_seconds: float
    utilisation: float
    """Of the busiest stage, as predicted."""
    steady_seconds: float
    """Since setting and replicas last changed."""
    window_seconds: float
    """Over which was measured."""


@dataclass(frozen=True, slots=True)
class Bias:
    """What to add to predictions, and what to multiply them by. Without evidence neither changes anything."""

    overhead_ms: float = 0.0
    """Add it to the mode's `TurnShape.overhead_ms`. Never negative."""
    ratio: float = 1.0
    """Measured by predicted, under load. Never below 0.8: luck makes nobody bold."""
    comparisons: int = 0

    @property
    def slack(self) -> float:
        """For `Ask.slack`."""
        return 1.0 / self.ratio


def learn(bias: Bias, seen: Comparison) -> Bias:
    """A machine at rest teaches the overhead, one at work the ratio. What can't be compared teaches nothing."""
    if not _comparable(seen):
        return bias
    missed_ms = seen.measured_ms - seen.predicted_ms
    most = GAIN_UP if missed_ms > 0 else GAIN_DOWN
    gain = most * seen.turns / (seen.turns + HALF_GAIN_TURNS)
    counted = replace(bias, comparisons=bias.comparisons + 1)
    if seen.utilisation < QUIET:
        overhead = min(MOST_OVERHEAD_MS, max(0.0, bias.overhead_ms + gain * missed_ms))
        return replace(counted, overhead_ms=overhead)
    log = math.log(bias.ratio)
    towards = math.log(seen.measured_ms / seen.predicted_ms)
    ratio = math.exp(log + gain * (towards - log))
    return replace(counted, ratio=min(MOST_RATIO, max(LEAST_RATIO, ratio)))


def _comparable(seen: Comparison) -> bool:
    figures = (seen.predicted_ms, seen.measured_ms, seen.turns, seen.utilisation)
    if not all(map(math.isfinite, figures)) or seen.predicted_ms <= 0 or seen.measured_ms <= 0:
        return False
    if not 1 / BELIEVABLE <= seen.measured_ms / seen.predicted_ms <= BELIEVABLE:
        return False
    steady = seen.steady_seconds >= seen.window_seconds + STEADY_SECONDS
    return steady and seen.turns >= FEWEST_TURNS and 0 <= seen.age_seconds <= FRESH_SECONDS and seen.utilisation < 1.0
