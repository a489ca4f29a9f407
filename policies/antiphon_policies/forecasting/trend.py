"""Growth and fall that go on, told from steps and chance by windows that double in length."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from antiphon_policies.forecasting.history import FINE_SECONDS, History, Series

WINDOWS_SECONDS = (15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3840.0)
"""InferLine's envelope: short windows see a burst at once, long ones a slow ramp beneath the noise."""
OF_RATES_SECONDS = WINDOWS_SECONDS[4:]
"""Of rates that were counted over a minute: no third of a window may be shorter, or a step looks like a ramp."""
UNCLEAR, CLEAR = 2.0, 3.0
"""A change by so many standard deviations of chance does not count yet, or wholly; between them it counts in part."""
BURST = 4.0
"""The same for a burst."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A change that goes on."""

    per_second: float
    """Each second, now."""
    window_seconds: float
    """How long it has been seen to go on."""
    clearness: float
    """In standard deviations of what chance would do."""

    @property
    def is_burst(self) -> bool:
        return self.per_second > 0 and self.clearness >= BURST and self.window_seconds <= 240.0

    def change(self, seconds: float) -> float:
        """Until then: what went on for a while is believed to go on for as long again, and to abate."""
        return self.per_second * self.window_seconds * (1.0 - math.exp(-seconds / self.window_seconds))


STILL = Trend(0.0, WINDOWS_SECONDS[0], 0.0)


def trend(
    history: History,
    now: float,
    series: Series,
    variance: Callable[[float, float], float],
    windows_seconds: tuple[float, ...] = WINDOWS_SECONDS,
) -> Trend:
    """The clearest there is. `variance(level, seconds)`: of the change that chance makes within some seconds."""
    end = math.floor(now / FINE_SECONDS) * FINE_SECONDS + FINE_SECONDS
    clearest = STILL
    for window in windows_seconds:
        found = _in_window(history, end, series, variance, window)
        if found is not None and (found.clearness > clearest.clearness or clearest is STILL):
            clearest = found
    return clearest


def _in_window(
    history: History, end: float, series: Series, variance: Callable[[float, float], float], window: float
) -> Trend | None:
    """By its three thirds: the gentler of both changes, and none where they differ in direction, as after a step, or where
    the latest samples speak against it."""
    third = window / 3
    first = history.mean(series, end - 3 * third, end - 2 * third)
    middle = history.mean(series, end - 2 * third, end - third) if first is not None else None
    last = history.mean(series, end - third, end) if middle is not None else None
    if first is None or middle is None or last is None or (middle - first) * (last - middle) <= 0:
        return None
    gentler = min(middle - first, last - middle, key=abs)
    chance = math.sqrt(variance((first + middle + last) / 3, 2 * third))
    clearness = 2 * abs(gentler) / chance if chance > 0 else 0.0
    if clearness <= UNCLEAR:
        return None
    latest = history.mean(series, end - 2 * FINE_SECONDS, end)
    spread = variance(last, third / 2)
    if latest is None or ((latest - last) * gentler < 0 and (latest - last) ** 2 > spread):
        return None
    sure = min(1.0, (clearness - UNCLEAR) / (CLEAR - UNCLEAR))
    lasting = _lasting(history, series, end, third, last - middle, spread)
    return Trend(sure * lasting * gentler / third, window, lasting * clearness)


def _lasting(history: History, series: Series, end: float, third: float, change: float, chance: float) -> float:
    """Share of the change from third to third that went on within the last one: half of it lies between its halves. After
    a step in the middle nothing does. Where chance hides it, it is taken to have gone on."""
    halves = [history.mean(series, end - n * third / 2, end - (n - 1) * third / 2) for n in (2, 1)]
    before, after = halves
    if before is None or after is None:
        return 1.0
    due = change / 2
    share = min(1.0, max(0.0, (after - before) / due))
    seen = due * due / (due * due + chance)
    return 1.0 - seen * (1.0 - share)
