"""What comes again: a day, a week, an hour, where at least two of them were seen and resemble each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from antiphon_policies.forecasting.history import COARSE_SECONDS, MINUTE_SECONDS, History
from antiphon_policies.forecasting.rings import Floats

DAY_SECONDS, WEEK_SECONDS, HOUR_SECONDS = 86_400.0, 7 * 86_400.0, 3_600.0
PERIODS = ((WEEK_SECONDS, COARSE_SECONDS), (DAY_SECONDS, COARSE_SECONDS), (HOUR_SECONDS, MINUTE_SECONDS))
"""Each with the step in which it is kept; the longest that is shown is used."""
FEWEST_PERIODS = 2
LEAST_KNOWN = 0.8
"""Share of the steps of a period that must have been seen."""
LEAST_STRENGTH = 0.4
"""Share of the last period's variance that the ones before it must foretell."""
FACTOR_BOUNDS = (0.2, 5.0)


@dataclass(frozen=True, slots=True)
class Season:
    """The mean of the periods seen, by the time since a period's begin."""

    period_seconds: float
    step_seconds: float
    levels: Floats
    strength: float
    """0 to 1: how much of the last period the ones before it foretold."""

    def at(self, time: float) -> float:
        """Between the middles of steps by a straight line."""
        place = (time % self.period_seconds) / self.step_seconds - 0.5
        before = int(np.floor(place))
        share = place - before
        steps = len(self.levels)
        return float((1 - share) * self.levels[before % steps] + share * self.levels[(before + 1) % steps])

    def factor(self, start: float, end: float) -> float:
        """By what a number changes from one time to another; near nothing the shape is not trusted."""
        floor = 0.05 * float(np.mean(self.levels)) + 0.5
        low, high = FACTOR_BOUNDS
        return min(high, max(low, (self.at(end) + floor) / (self.at(start) + floor)))


def season(history: History, now: float) -> Season | None:
    """The longest period that the history shows; None where it shows none."""
    found = (_of_period(history, now, period, step) for period, step in PERIODS)
    return next((each for each in found if each), None)


def _of_period(history: History, now: float, period: float, step: float) -> Season | None:
    if history.seconds_known(now) < FEWEST_PERIODS * period:
        return None
    series = history.minutes if step == MINUTE_SECONDS else history.coarse
    table = _table(series, now, period, step)
    if table is None:
        return None
    known = ~np.isnan(table)
    usable = table[known.mean(axis=1) >= LEAST_KNOWN]
    if len(usable) < FEWEST_PERIODS:
        return None
    strength = _strength(_filled(usable[:-1]), usable[-1])
    if strength < LEAST_STRENGTH:
        return None
    return Season(period, step, _smooth(_filled(usable)), strength)


def _table(series: Callable[[float], Floats], now: float, period: float, step: float) -> Floats | None:
    """A row for each whole period up to now, the newest last; columns count from the begin of a period."""
    values = series(now - step)
    steps = round(period / step)
    rows = len(values) // steps
    if rows < FEWEST_PERIODS:
        return None
    tail = values[len(values) - rows * steps :].reshape(rows, steps)
    begun = int(np.floor((now - step) / step)) + 1
    return np.roll(tail, begun % steps, axis=1)


def _filled(table: Floats) -> Floats:
    """The mean of the rows, its gaps closed by straight lines."""
    known = ~np.isnan(table)
    counts = known.sum(axis=0)
    mean: Floats = np.where(counts > 0, np.nansum(table, axis=0) / np.maximum(counts, 1), np.nan)
    gaps = np.isnan(mean)
    places = np.arange(len(mean))
    mean[gaps] = np.interp(places[gaps], places[~gaps], mean[~gaps], period=len(mean))
    return mean


def _strength(foretold: Floats, came: Floats) -> float:
    known = ~np.isnan(came)
    spread = float(np.sum((came[known] - np.mean(came[known])) ** 2))
    missed = float(np.sum((came[known] - foretold[known]) ** 2))
    return max(0.0, 1.0 - missed / spread) if spread > 0 else 0.0


def _smooth(levels: Floats) -> Floats:
    around: Floats = (np.roll(levels, 1) + 2 * levels + np.roll(levels, -1)) / 4
    return around
