"""How a number of sessions changes by chance: callers that stay, and callers that come."""

from __future__ import annotations

import math
from dataclasses import dataclass

from antiphon_policies.forecasting.history import History

LEARNED_SECONDS = 3600.0
FEWEST_DEPARTURES = 5.0
HOLDING_BOUNDS = (5.0, 6 * 3600.0)
HOLDING_UNKNOWN_SECONDS = 180.0
"""Taken as the mean length of a session until it was seen."""


RATE_SECONDS = 60.0
"""Over which each sample's arrivals a second were counted."""
RATE_WINDOWS_SECONDS = (60.0, 120.0, 240.0, 480.0, 960.0, 1920.0)
SAME_RATE = 1.5
"""Rates that differ by no more standard deviations are one."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Arrivals a second, and for how long they were counted."""

    per_second: float
    seconds: float

    @property
    def variance(self) -> float:
        return (self.per_second + 1 / self.seconds) / self.seconds


@dataclass(frozen=True, slots=True)
class Population:
    """Sessions ahead: their mean, and the variance that chance alone gives."""

    mean: float
    variance: float


def holding_seconds(history: History, now: float) -> float | None:
    """Mean length of a session, by Little's law over those that ended. None: too few did, or arrivals are not known."""
    span = min(LEARNED_SECONDS, history.seconds_known(now))
    arrivals, sessions = history.mean("arrivals", now - span, now), history.mean("sessions", now - span, now)
    if arrivals is None or sessions is None or span <= 0:
        return None
    edge = min(60.0, span / 4)
    begun = history.mean("sessions", now - span, now - span + edge)
    ended = history.mean("sessions", now - edge, now)
    if begun is None or ended is None:
        return None
    departures = arrivals * span - (ended - begun)
    if departures < FEWEST_DEPARTURES or sessions <= 0:
        return None
    low, high = HOLDING_BOUNDS
    return min(high, max(low, sessions * span / departures))


def steady_rate(history: History, now: float, latest: float) -> Rate:
    """Over the longest time with which all shorter ones agree, so that a lasting rate is known well and a new one soon."""
    found: list[Rate] = [Rate(latest, RATE_SECONDS)]
    for window in RATE_WINDOWS_SECONDS[1:]:
        mean = history.mean("arrivals", now - window + RATE_SECONDS, now + 5.0)
        if mean is None or history.seconds_known(now) < window - RATE_SECONDS:
            break
        wider = Rate(mean, window)
        if any(abs(mean - each.per_second) > SAME_RATE * math.sqrt(wider.variance + each.variance) for each in found):
            break
        found.append(wider)
    return found[-1]


def ahead(
    sessions: float,
    arrivals_per_second: float,
    arrivals_trend: float,
    holding: float,
    seconds: float,
) -> Population:
    """After some seconds, with Poisson arrivals whose rate grows by the trend each second, and sessions of random length
    (exponential, of the given mean)."""
    stays = math.exp(-seconds / holding)
    kept = holding * (1.0 - stays)
    come = max(0.0, arrivals_per_second * kept + arrivals_trend * holding * (seconds - kept))
    return Population(sessions * stays + come, sessions * stays * (1.0 - stays) + come)


def chance_variance(sessions: float, holding: float, seconds: float) -> float:
    """Of the change of a number that neither grows nor falls, over some seconds: those that go and those that come."""
    return 2.0 * max(sessions, 1.0) * (1.0 - math.exp(-seconds / holding))
