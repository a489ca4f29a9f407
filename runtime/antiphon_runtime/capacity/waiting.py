"""How long a call waits for its stage: 95 % wait no longer.

Formulas of queueing theory, good to about a factor of two: calls are held to come at random, and what else keeps the cores
busy to slow the stage down by as much.
"""

from __future__ import annotations

import math

from antiphon_runtime.capacity.work import StageWork

_LATE = 0.05
"""Share of calls that may wait longer."""
_SPREAD = 0.5
"""Of the length of answers: standard deviation by mean."""


def p95_wait_seconds(work: StageWork, calls_a_second: float, slowed: float = 1.0) -> float:
    """`slowed`: how many times as long the stage takes as when it was measured. Infinite where it can't keep up."""
    if calls_a_second <= 0 or work.is_free:
        return 0.0
    load = calls_a_second * work.seconds_when_full * slowed
    if load >= 1:
        return math.inf
    return _of_streams(work, load, slowed) if work.streams else _of_batches(work, calls_a_second, load, slowed)


def _of_batches(work: StageWork, calls_a_second: float, load: float, slowed: float) -> float:
    """Whoever comes while a batch is computed waits for its rest, which is long after many have come at once; and where
    batches are full, for those before its own."""
    usual = work.whole.seconds(_usual_batch(work, calls_a_second, slowed)) * slowed
    busy = min(1.0, calls_a_second * work.whole.seconds(1) * slowed)
    rest = usual * (1 - _LATE / busy) if busy > _LATE else 0.0
    each = work.whole.beta_seconds * slowed
    crowd = _beyond(each / 2, calls_a_second * each, calls_a_second * each)
    return max(rest + crowd, _beyond(work.whole.seconds(work.max_batch) * slowed / 2, load, load**work.max_batch))


def _of_streams(work: StageWork, load: float, slowed: float) -> float:
    """The M/M/c queue, and less of it, as answers differ less in length than chance would have them."""
    places = work.max_batch
    drain_seconds = work.whole.seconds(places) * slowed / places * (1 + _SPREAD**2) / 2
    return _beyond(drain_seconds, load, _erlang_c(places, load))


def _erlang_c(places: int, load: float) -> float:
    """Share of those who find all places taken."""
    blocked = 1.0
    for place in range(1, places + 1):
        offered = load * places * blocked
        blocked = offered / (place + offered)
    return blocked / (1 - load * (1 - blocked))


def _beyond(drain_seconds: float, load: float, must_wait: float) -> float:
    """Where a share `must_wait` waits at all, and the wait falls off as that of a queue that drains so fast."""
    return drain_seconds / (1 - load) * math.log(must_wait / _LATE) if must_wait > _LATE else 0.0


def _usual_batch(work: StageWork, calls_a_second: float, slowed: float) -> float:
    """As many as come while one batch is computed."""
    left = 1 - calls_a_second * work.whole.beta_seconds * slowed
    if left <= 0:
        return work.max_batch
    return min(work.max_batch, max(1.0, calls_a_second * work.whole.alpha_seconds * slowed / left))
