"""Places for sessions: how many are needed so that few callers are refused, and how many sessions work at once."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

MOST_PLACES = 1_000_000


def blocking(offered: float, places: int) -> float:
    """Share of callers that find no place (Erlang B). `offered`: calls a second times the seconds a call lasts."""
    _offered(offered)
    if places < 0:
        raise ValueError(f"{places} places can't be")
    blocked = 1.0
    for place in range(1, places + 1):
        blocked = offered * blocked / (place + offered * blocked)
    return blocked


def places(offered: float, most_blocking: float) -> int:
    """Fewest places at which no larger share of callers is refused."""
    _offered(offered)
    if not 0 < most_blocking <= 1:
        raise ValueError(f"a share of {most_blocking} can't be promised; it must be above 0 and at most 1")
    blocked, place = 1.0, 0
    while blocked > most_blocking and place < MOST_PLACES:
        place += 1
        blocked = offered * blocked / (place + offered * blocked)
    return place


def reserve(arrivals_per_second: float, start_seconds: float, baseline: float = 0.0) -> int:
    """Places to be kept free: for the sessions that begin while a replica starts, and no fewer than the baseline."""
    if arrivals_per_second < 0 or start_seconds < 0:
        raise ValueError("neither arrivals nor the time to start can be negative")
    return math.ceil(max(baseline, arrivals_per_second * start_seconds) - 1e-9)


@lru_cache(maxsize=65_536)
def active(sessions: int, duty_cycle: float, share: float = 0.95) -> int:
    """At least as many sessions as work at once in this share of the time, if each works by itself (Binomial)."""
    if sessions < 0 or not 0 <= duty_cycle <= 1 or not 0 < share < 1:
        raise ValueError(f"{sessions} sessions, a duty cycle of {duty_cycle} and a share of {share} can't be")
    if duty_cycle in (0.0, 1.0) or sessions == 0:
        return round(sessions * duty_cycle)
    counts = np.arange(1, sessions + 1)
    steps = np.log((sessions - counts + 1) / counts) + math.log(duty_cycle) - math.log1p(-duty_cycle)
    logs = np.concatenate(([0.0], np.cumsum(steps))) + sessions * math.log1p(-duty_cycle)
    below = np.cumsum(np.exp(logs))
    return min(sessions, int(np.searchsorted(below, share - 1e-12)))


def _offered(offered: float) -> None:
    if not (math.isfinite(offered) and offered >= 0):
        raise ValueError(f"an offered load of {offered} can't be")
