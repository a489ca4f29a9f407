"""How many requests a second the API server gets from us, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from antiphon_operator.kube.calls import Call

_MANY_LANES = 256


@dataclass(frozen=True)
class Rates:
    """Requests a second, and how many may come at once after a pause."""

    reads_per_second: float = 200.0
    """Reads come from watches that begin anew; our decisions read the stores, which cost nothing."""
    reads_burst: int = 400
    """At the start all is listed at once."""
    writes_per_second: float = 1000.0
    """An agent has ten children or so. A core makes fewer writes than this: it bounds a loop gone mad, not the work."""
    writes_burst: int = 1000
    lane_per_second: float = 5.0
    """Lists and watches of one path. kopf asks 4,200 times a second where each watch ends as soon as it begins."""
    lane_burst: int = 5


class TokenBucket:
    """Grants `burst` at once and `per_second` in the long run. The clock is passed in."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval_seconds = 1 / per_second
        self._ahead_seconds = (burst - 1) / per_second
        self._due = float("-inf")
        """When the next would come, if all came evenly."""

    def reserve(self, now: float) -> float:
        """Takes the next place; returns how many seconds are to be waited for it."""
        due = max(self._due, now)
        self._due = due + self._interval_seconds
        return max(due - self._ahead_seconds - now, 0.0)

    def is_idle(self, now: float) -> bool:
        """It knows nothing that a new one would not."""
        return self._due <= now


class Throttle:
    """Places for requests, in the order in which they ask. Only lists and watches have lanes."""

    def __init__(self, rates: Rates | None = None, clock: Callable[[], float] | None = None) -> None:
        self._rates = rates or Rates()
        self._clock = clock
        self._reads = TokenBucket(self._rates.reads_per_second, self._rates.reads_burst)
        self._writes = TokenBucket(self._rates.writes_per_second, self._rates.writes_burst)
        self._lanes: dict[str, TokenBucket] = {}

    async def turn(self, call: Call, path: str) -> None:
        """Returns when the request may go."""
        clock = self._clock or asyncio.get_running_loop().time
        if call.verb in ("list", "watch") and (seconds := self._lane(path, clock()).reserve(clock())):
            await asyncio.sleep(seconds)
        bucket = self._writes if call.writes else self._reads
        if seconds := bucket.reserve(clock()):
            await asyncio.sleep(seconds)

    def _lane(self, path: str, now: float) -> TokenBucket:
        if len(self._lanes) >= _MANY_LANES:
            self._lanes = {path: lane for path, lane in self._lanes.items() if not lane.is_idle(now)}
        if path not in self._lanes:
            self._lanes[path] = TokenBucket(self._rates.lane_per_second, self._rates.lane_burst)
        return self._lanes[path]
