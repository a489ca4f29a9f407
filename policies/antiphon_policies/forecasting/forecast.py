"""Sessions ahead: what is likely, and what should be ready for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from antiphon_policies.forecasting.history import COARSE_SECONDS, MINUTE_SECONDS, History
from antiphon_policies.forecasting.population import (
    HOLDING_UNKNOWN_SECONDS,
    RATE_SECONDS,
    Population,
    Rate,
    ahead,
    chance_variance,
    holding_seconds,
    steady_rate,
)
from antiphon_policies.forecasting.rings import quantile
from antiphon_policies.forecasting.season import Season, season
from antiphon_policies.forecasting.trend import OF_RATES_SECONDS, Trend, trend

CHOSEN = 2.0
"""The time over which arrivals are counted was chosen by the same counts: their variance is so many times what they say."""
UPPER_SHARE = 0.9
UPPER_DEVIATIONS = 1.2816
"""Of the normal distribution, at that share."""
STALE_SECONDS = 60.0
TREND_DOUBT = 0.4
"""A change that is foretold may end, or quicken: its standard deviation as a share of itself."""
DISPERSION_BOUNDS = (1.0, 25.0)
OF_MEANS = 2 / 3
"""Means over two neighbouring steps differ by so much less, in variance, than numbers one step apart."""
FEWEST_CHANGES = 20


@dataclass(frozen=True, slots=True)
class Forecast:
    """Sessions at one time ahead."""

    expected: float
    upper: float
    """Not exceeded in nine cases of ten."""
    trend: Trend
    """Of the sessions, as it was found."""
    holding_seconds: float | None = None
    """Mean length of a session, where it is known."""
    season: Season | None = None
    """What comes again, where it was used."""
    dispersion: float = 1.0
    """Variance of this agent's traffic by that of independent callers."""

    @property
    def is_burst(self) -> bool:
        return self.trend.is_burst


def forecast(history: History, now: float, ahead_seconds: float) -> Forecast | None:
    """None: nothing is known of the last minute, and nothing follows from that."""
    if history.last is None or now - history.last > STALE_SECONDS:
        return None
    known = holding_seconds(history, now)
    holding = known or HOLDING_UNKNOWN_SECONDS
    found = trend(history, now, "sessions", partial(_chance, holding))
    local = _local(history, now, ahead_seconds, known, found)
    again = history.once("season", COARSE_SECONDS, now, season)
    expected = _with_season(history, now, ahead_seconds, local.mean, again)
    dispersion = history.once("dispersion", MINUTE_SECONDS, now, partial(_dispersion, holding))
    deviation = math.sqrt(dispersion * max(local.variance, 0.0))
    upper = expected + UPPER_DEVIATIONS * deviation
    return Forecast(expected, upper, found, known, again, dispersion)


def _local(history: History, now: float, seconds: float, holding: float | None, found: Trend) -> Population:
    """By the last minutes alone. Where arrivals are known they tell first; a growth of the sessions is not less."""
    sessions, arrivals = history.sessions, history.arrivals_per_second
    change = found.change(seconds)
    if holding is None or arrivals is None:
        mean = max(0.0, sessions + change)
        chance = chance_variance(max(sessions, mean), holding or HOLDING_UNKNOWN_SECONDS, seconds)
        return Population(mean, chance + (TREND_DOUBT * change) ** 2)
    coming = trend(history, now, "arrivals", _rate_chance, OF_RATES_SECONDS)
    rate = steady_rate(history, now, arrivals)
    if coming.per_second:
        rate = Rate(max(0.0, arrivals + coming.per_second * RATE_SECONDS / 2), RATE_SECONDS)
    slope = coming.change(seconds) / seconds if seconds > 0 else 0.0
    population = ahead(sessions, rate.per_second, slope, holding, seconds)
    kept = holding * (1.0 - math.exp(-seconds / holding))
    unsure = CHOSEN * kept**2 * rate.variance + (TREND_DOUBT * (population.mean - sessions)) ** 2
    grown = sessions + change if change > 0 else 0.0
    return Population(max(population.mean, grown), population.variance + unsure)


def _with_season(history: History, now: float, seconds: float, local: float, again: Season | None) -> float:
    if again is None:
        return local
    repeated = history.sessions * again.factor(now, now + seconds)
    weight = again.strength * seconds / (seconds + again.step_seconds)
    return (1 - weight) * local + weight * repeated


def _dispersion(holding: float, history: History, now: float) -> float:
    """By the changes from minute to minute of the last hours, so that nine of ten of them stay below the upper share. A
    few steps and ramps among them do not count."""
    minutes = history.minutes(now - MINUTE_SECONDS)
    changes = minutes[1:] - minutes[:-1]
    known = ~np.isnan(changes)
    changes, levels = changes[known], minutes[:-1][known]
    if len(changes) < FEWEST_CHANGES:
        return 1.0
    chance = OF_MEANS * chance_variance(1.0, holding, MINUTE_SECONDS) * np.maximum(levels, 1.0)
    large = quantile(changes**2 / chance, 2 * UPPER_SHARE - 1)
    low, high = DISPERSION_BOUNDS
    return min(high, max(low, large / UPPER_DEVIATIONS**2))


def _chance(holding: float, level: float, seconds: float) -> float:
    return chance_variance(level, holding, seconds)


def _rate_chance(rate: float, seconds: float) -> float:
    """Of the difference of two rates that were each counted over a minute or the window, whichever is longer."""
    return 2.0 * (rate + 1 / RATE_SECONDS) / max(RATE_SECONDS, seconds / 2)
