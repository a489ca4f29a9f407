"""What a stage adds to a turn that has come through others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from antiphon_policies.predicting.cumulants import Batching, Floats, Times

_EVEN = 4.8
"""Where a stage that is quicker than the one before begins to have a queue of its own, as what comes is spaced out. Fitted to
simulations of three stages in a row, as are the powers in `_longer`, `_wider`, `_larger` and `_crowded`."""
_LEAST = 1e-30


def followed(before: Times, after: Times) -> Times:
    """Of both together."""
    with np.errstate(invalid="ignore", over="ignore"):
        if before.batching is not None and after.batching is not None:
            return _batched(before, before.batching, after, after.batching)
        return _one_by_one(before, after)


def _one_by_one(before: Times, after: Times) -> Times:
    waiting = _longer(before.waiting_ms, after.waiting_ms)
    variance = _wider(before.waiting_variance, after.waiting_variance)
    late, late_variance = _late(before.batching, after)
    return Times(
        np.maximum(before.utilisation, after.utilisation),
        before.mean_ms + after.mean_ms - (before.waiting_ms + after.waiting_ms - waiting) + late,
        before.variance
        + after.variance
        - (before.waiting_variance + after.waiting_variance - variance)
        + late_variance,
        before.third + after.third,
        waiting,
        variance,
        after.batching,
    )


def _late(came: Batching | None, after: Times) -> tuple[Floats | float, Floats | float]:
    """Mean and variance of what calls of one batch wait for one another, where not all find a place among the streams."""
    if came is None:
        return 0.0, 0.0
    over = np.maximum(0.0, came.size - after.free_places)
    share, longest = over / came.size, over * after.place_ms
    return share * longest / 2, share * longest**2 / 3 - (share * longest / 2) ** 2


def _batched(before: Times, came: Batching, after: Times, own: Batching) -> Times:
    """Batches come, spaced out by the stage before: they are computed again as batches, in parts if they are too large."""
    free = _crowded(_whole(own, came.size) / came.apart_ms)
    size = 1 + _larger(free * (own.size - 1), came.size - 1)
    size_spread = np.hypot(free * own.size_spread, came.size_spread)
    parts = np.maximum(1.0, size / own.cap)
    part_ms = own.alpha_ms + own.beta_ms * np.minimum(size, own.cap)
    taken = part_ms * (parts + 1) / 2
    by_size = np.where(parts > 1, part_ms * size_spread / own.cap / 2, own.beta_ms * size_spread)
    waiting = _longer(before.waiting_ms, free * after.waiting_ms)
    waiting_variance = _wider(before.waiting_variance, free**2 * after.waiting_variance)
    rest = before.variance - before.waiting_variance - came.spread_ms**2
    alone = (own.noise * taken) ** 2 + ((parts - 1) * part_ms) ** 2 / 12
    batching = replace(
        own,
        size=np.minimum(size, own.cap),
        size_spread=size_spread,
        spread_ms=came.spread_ms + by_size,
        apart_ms=part_ms * parts,
    )
    busy = np.where(after.utilisation < 1, 0.0, np.inf)
    return Times(
        np.maximum(before.utilisation, after.utilisation),
        before.mean_ms - before.waiting_ms + taken + waiting + busy,
        rest + alone + batching.spread_ms**2 + waiting_variance + busy,
        np.maximum(before.third, 0.0) + free**3 * np.maximum(after.third, 0.0),
        waiting,
        waiting_variance,
        batching,
    )


def _whole(stage: Batching, size: Floats) -> Floats:
    """How long it takes so many calls that come at once."""
    in_parts = (stage.alpha_ms + stage.beta_ms * stage.cap) * size / stage.cap
    return np.where(size <= stage.cap, stage.alpha_ms + stage.beta_ms * size, in_parts)


def _crowded(ratio: Floats) -> Floats:
    """How much of its own queue a stage keeps behind one that is so many times as quick. 0 to 1."""
    strength = _EVEN * np.square(np.square(ratio))
    return np.asarray(strength / (1 + strength))


def _longer(one: Floats | float, other: Floats | float) -> Floats:
    """Wait in both: the longer queue makes the shorter one nearly vanish."""
    cubes = np.square(one) * one + _LEAST, np.square(other) * other + _LEAST
    return np.cbrt(np.hypot(*cubes))


def _wider(one: Floats | float, other: Floats | float) -> Floats:
    """Variance of the wait in both."""
    return np.square(np.cbrt(one * np.sqrt(one) + other * np.sqrt(other)))


def _larger(one: Floats, other: Floats) -> Floats:
    """Calls beside one's own in a batch: batches that come are parts of larger ones."""
    return np.square(np.cbrt(one * np.sqrt(one) + other * np.sqrt(other)))
