"""What a stage adds to a turn that has come through others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from antiphon_policies.predicting.cumulants import Batching, Floats, Times

_EVEN = 3.86
"""Where a stage that is quicker than the one before begins to have a queue of its own, as what comes is spaced out. Fitted to
simulations of three stages in a row, as are all constants here."""
_UNEVEN, _HALF, _UNEVEN_FULL, _FREE, _UNEVEN_VARIANCE = 0.114, 0.348, 0.13, 0.003, 0.063
"""Of what batches that vary in time wait for those before them."""
_SIZE, _SIZE_SPREAD, _BATCHES, _BATCHES_VARIANCE = 0.0283, 0.165, 0.18, 0.179
"""How much of the less of two is left: sizes of batches, waits for batches behind batches, and their variances."""
_APART, _APART_VARIANCE = 0.62, 0.674
"""How much more is left of it where the later stage is slow but takes many at once: its wait is no queue."""
_CALLS, _CALLS_VARIANCE = 0.224, 0.598
"""The same of waits behind streams."""
_LUMPS, _LUMPS_VARIANCE = 0.0573, 2.14
"""And how much more of waits for streams behind batches, the larger these are."""
_SOME = 0.429
"""And of waits for streams, the more places there are: behind a single one nothing comes at once."""
_SIZE_SKEWED = 1.28
"""Skewness of the time that the size of a batch makes, which is common to stages in a row."""
_LEAST = 1e-9


def followed(before: Times, after: Times) -> Times:
    """Of both together."""
    with np.errstate(invalid="ignore", over="ignore"):
        if before.batching is not None and after.batching is not None:
            return _batched(before, before.batching, after, after.batching)
        return _one_by_one(before, after)


def _one_by_one(before: Times, after: Times) -> Times:
    together = before.together if before.batching is None else before.batching.size
    free, less, less_variance = _behind(before, after)
    waiting = _both(before.waiting_ms, after.waiting_ms, free * less)
    variance = _both(before.waiting_variance, after.waiting_variance, free * less_variance)
    late = _late_ms(together, after)
    return Times(
        np.maximum(before.utilisation, after.utilisation),
        before.mean_ms + after.mean_ms - (before.waiting_ms + after.waiting_ms - waiting) + late,
        before.variance + after.variance - (before.waiting_variance + after.waiting_variance - variance),
        before.third + after.third,
        waiting,
        variance,
        after.batching,
        place_ms=np.maximum(before.place_ms, after.place_ms),
        together=np.minimum(together, np.maximum(1.0, after.free_places)),
    )


def _behind(before: Times, after: Times) -> tuple[Floats | float, Floats | float, Floats | float]:
    """How much of its own queue a stage keeps, and how much of the less of both queues is left, and of their variances."""
    own, came = after.batching, before.batching
    if own is not None:
        apart = 1 - 1 / _fuller(own, own.size)
        free = _crowded(before.place_ms / (own.alpha_ms + own.beta_ms))
        return free, _more(_CALLS, apart), _more(_CALLS_VARIANCE, apart)
    some = _SOME * (1 - 1 / np.maximum(1.0, after.free_places / np.maximum(1 - after.utilisation, _LEAST)))
    if came is None:
        free = _crowded(before.place_ms / np.maximum(after.place_ms, _LEAST))
        return free, _more(_CALLS, some), _more(_CALLS_VARIANCE, some)
    lumps = 1 - 1 / came.size
    free = _crowded(came.apart_ms / np.maximum(after.place_ms * came.size, _LEAST))
    less, less_variance = _CALLS + _LUMPS * lumps, _CALLS_VARIANCE + _LUMPS_VARIANCE * lumps
    return free, _more(less, some), _more(less_variance, some)


def _late_ms(together: Floats | float, after: Times) -> Floats:
    """What calls that come at once wait for one another on average, where not all find a place among the streams."""
    over = np.maximum(0.0, together - np.maximum(1.0, after.free_places))
    return np.asarray(over / together * over * after.place_ms / 2)


def _batched(before: Times, came: Batching, after: Times, own: Batching) -> Times:
    """Batches come, spaced out by the stage before: they are computed again as batches, in parts if they are too large."""
    free = _crowded(came.apart_ms / _whole(own, came.size))
    size = 1 + _both(free * (own.size - 1), came.size - 1, _SIZE)
    size_spread = _both(free * own.size_spread, came.size_spread, _SIZE_SPREAD)
    parts = np.maximum(1.0, size / own.cap)
    part_ms = own.alpha_ms + own.beta_ms * np.minimum(size, own.cap)
    taken = part_ms * (parts + 1) / 2
    by_size = np.where(parts > 1, part_ms * size_spread / own.cap / 2, own.beta_ms * size_spread)
    uneven = _uneven_ms(taken, came.noise, own, after.utilisation)
    apart = free * (1 - 1 / _fuller(own, size))
    waiting = _both(before.waiting_ms, free * after.waiting_ms, _more(_BATCHES, _APART * apart))
    waiting_variance = _both(
        before.waiting_variance,
        free**2 * after.waiting_variance,
        _more(_BATCHES_VARIANCE, _APART_VARIANCE * apart),
    )
    rest = before.variance - before.waiting_variance - came.spread_ms**2
    alone = (own.noise * taken) ** 2 + ((parts - 1) * part_ms) ** 2 / 12 + _UNEVEN_VARIANCE * uneven**2
    together = 3 * came.spread_ms * by_size * (came.spread_ms + by_size)
    batching = replace(
        own,
        size=np.minimum(size, own.cap),
        size_spread=size_spread,
        spread_ms=came.spread_ms + by_size,
        apart_ms=part_ms * parts,
    )
    never = np.where(after.utilisation < 1, 0.0, np.inf)
    return Times(
        np.maximum(before.utilisation, after.utilisation),
        before.mean_ms - before.waiting_ms + taken + uneven + waiting + never,
        rest + alone + batching.spread_ms**2 + waiting_variance + never,
        np.maximum(before.third, 0.0) + free**3 * np.maximum(after.third, 0.0) + _SIZE_SKEWED * together,
        waiting,
        waiting_variance,
        batching,
    )


def _uneven_ms(taken: Floats, came: Floats, own: Batching, used: Floats) -> Floats:
    """What batches wait as some that come are quicker, and some before them slower, than others.

    Such delays add up from batch to batch until nobody is there, and no further than to about half of a batch, as what waits
    longer becomes part of the next one; near saturation that is no bound.
    """
    used = np.minimum(used, 1.0)
    square = np.square(came) + np.square(own.noise)
    here = used * taken * own.cap / (own.alpha_ms + own.beta_ms * own.cap)
    idle = 1 / np.square(np.square(1 + here / 4))
    grown = _UNEVEN * square / (np.minimum(idle, 1 - used) + _FREE)
    return np.asarray(
        taken * (_HALF * np.sqrt(grown / (1 + grown)) + _UNEVEN_FULL * square * used / (1 - used + _FREE))
    )


def _fuller(stage: Batching, size: Floats) -> Floats:
    """How many times as long calls keep the stage as if its batches were as large as can be. At least 1."""
    share = stage.alpha_ms / np.minimum(size, stage.cap) + stage.beta_ms
    return np.asarray(share / (stage.alpha_ms / stage.cap + stage.beta_ms))


def _whole(stage: Batching, size: Floats) -> Floats:
    """How long it takes so many calls that come at once."""
    in_parts = (stage.alpha_ms + stage.beta_ms * stage.cap) * size / stage.cap
    return np.where(size <= stage.cap, stage.alpha_ms + stage.beta_ms * size, in_parts)


def _crowded(apart: Floats) -> Floats:
    """How much of its own queue a stage keeps behind one from which calls come so far apart, in its own time. 0 to 1."""
    fourth = np.square(np.square(apart))
    return np.asarray(1 / (1 + np.square(fourth) * fourth / _EVEN))


def _more(share: Floats | float, rest: Floats) -> Floats:
    return np.asarray(share + (1 - share) * np.minimum(1.0, rest))


def _both(one: Floats | float, other: Floats | float, less: Floats | float) -> Floats:
    """Of two queues in a row: the longer one makes the shorter nearly vanish."""
    return np.asarray(np.maximum(one, other) + less * np.minimum(one, other))
