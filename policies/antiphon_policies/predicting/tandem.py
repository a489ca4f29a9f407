"""What a stage adds to a turn that has come through others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from antiphon_policies.predicting.cumulants import Batching, Floats, Times

_EVEN = 5.14
"""Where a stage that is quicker than the one before begins to have a queue of its own, as what comes is spaced out. Fitted to
simulations of three stages in a row, as are all constants here."""
_UNEVEN, _UNEVEN_FULL, _FREE, _UNEVEN_VARIANCE = 0.296, 0.158, 0.0157, 2.8
"""Of what batches that vary in time wait for those before them."""
_SIZE, _BATCHES, _BATCHES_VARIANCE = 0.259, 0.163, 0.132
"""How much of the less of two is left: sizes of batches, waits for batches behind batches, and their variances."""
_APART, _APART_VARIANCE = 0.675, 1.52
"""How much more is left of it where the later stage is slow but takes many at once: its wait is no queue."""
_CALLS, _CALLS_VARIANCE = 0.293, 0.482
"""The same of waits behind streams."""
_MIXED, _MIXED_VARIANCE = 0.575, 0.847
"""And of waits for streams behind batches."""
_LEAST = 1e-9


def followed(before: Times, after: Times) -> Times:
    """Of both together."""
    with np.errstate(invalid="ignore", over="ignore"):
        if before.batching is not None and after.batching is not None:
            return _batched(before, before.batching, after, after.batching)
        return _one_by_one(before, after)


def _one_by_one(before: Times, after: Times) -> Times:
    batches = before.batching is not None
    together = before.together if before.batching is None else before.batching.size
    waiting = _both(before.waiting_ms, after.waiting_ms, _MIXED if batches else _CALLS)
    variance = _both(before.waiting_variance, after.waiting_variance, _MIXED_VARIANCE if batches else _CALLS_VARIANCE)
    late = _late_ms(together, after)
    return Times(
        np.maximum(before.utilisation, after.utilisation),
        before.mean_ms + after.mean_ms - (before.waiting_ms + after.waiting_ms - waiting) + late,
        before.variance + after.variance - (before.waiting_variance + after.waiting_variance - variance),
        before.third + after.third,
        waiting,
        variance,
        after.batching,
        together=np.minimum(together, after.free_places),
    )


def _late_ms(together: Floats | float, after: Times) -> Floats:
    """What calls that come at once wait for one another on average, where not all find a place among the streams."""
    over = np.maximum(0.0, together - after.free_places)
    return np.asarray(over / together * over * after.place_ms / 2)


def _batched(before: Times, came: Batching, after: Times, own: Batching) -> Times:
    """Batches come, spaced out by the stage before: they are computed again as batches, in parts if they are too large."""
    free = _crowded(_whole(own, came.size) / came.apart_ms)
    size = 1 + _both(free * (own.size - 1), came.size - 1, _SIZE)
    size_spread = np.hypot(free * own.size_spread, came.size_spread)
    parts = np.maximum(1.0, size / own.cap)
    part_ms = own.alpha_ms + own.beta_ms * np.minimum(size, own.cap)
    taken = part_ms * (parts + 1) / 2
    by_size = np.where(parts > 1, part_ms * size_spread / own.cap / 2, own.beta_ms * size_spread)
    uneven = _uneven_ms(taken, came.noise, own.noise, after.utilisation)
    apart = free * (1 - np.minimum(1.0, after.utilisation / np.maximum(before.utilisation, _LEAST)))
    waiting = _both(before.waiting_ms, free * after.waiting_ms, _more(_BATCHES, _APART * apart))
    waiting_variance = _both(
        before.waiting_variance,
        free**2 * after.waiting_variance,
        _more(_BATCHES_VARIANCE, _APART_VARIANCE * apart),
    )
    rest = before.variance - before.waiting_variance - came.spread_ms**2
    alone = (own.noise * taken) ** 2 + ((parts - 1) * part_ms) ** 2 / 12 + _UNEVEN_VARIANCE * uneven**2
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
        before.mean_ms - before.waiting_ms + taken + uneven + waiting + busy,
        rest + alone + batching.spread_ms**2 + waiting_variance + busy,
        np.maximum(before.third, 0.0) + free**3 * np.maximum(after.third, 0.0),
        waiting,
        waiting_variance,
        batching,
    )


def _uneven_ms(taken: Floats, came: Floats, own: Floats, used: Floats) -> Floats:
    """What batches wait as some that come are quicker, and some before them slower, than others."""
    used = np.minimum(used, 1.0)
    noise = np.hypot(came, own)
    return np.asarray(taken * noise * used * (_UNEVEN + _UNEVEN_FULL * noise / (1 - used + _FREE)))


def _whole(stage: Batching, size: Floats) -> Floats:
    """How long it takes so many calls that come at once."""
    in_parts = (stage.alpha_ms + stage.beta_ms * stage.cap) * size / stage.cap
    return np.where(size <= stage.cap, stage.alpha_ms + stage.beta_ms * size, in_parts)


def _crowded(ratio: Floats) -> Floats:
    """How much of its own queue a stage keeps behind one that is so many times as quick. 0 to 1."""
    fourth = np.square(np.square(ratio))
    strength = _EVEN * np.square(fourth) * fourth
    return np.asarray(strength / (1 + strength))


def _more(share: float, rest: Floats) -> Floats:
    return np.asarray(share + (1 - share) * np.minimum(1.0, rest))


def _both(one: Floats | float, other: Floats | float, less: Floats | float) -> Floats:
    """Of two queues in a row: the longer one makes the shorter nearly vanish."""
    return np.asarray(np.maximum(one, other) + less * np.minimum(one, other))
