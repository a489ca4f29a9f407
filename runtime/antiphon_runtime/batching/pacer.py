"""When the ticks of a clock may start, if some of them take too long."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Start:
    """When a tick starts. All times are of one clock, in seconds."""

    at: float
    due: float
    skipped: int
    """Ticks left out before it."""


class Pacer:
    """Ticks are due once a period. Late ones are made up for, never in a burst, and never more than a few.

    Two ticks start at least `hurry` of a period apart, so lateness shrinks by the rest of the period each time. What is
    more than `most_late` periods late is skipped.
    """

    def __init__(self, period_seconds: float, *, hurry: float = 0.8, most_late: float = 3.0) -> None:
        if period_seconds <= 0 or not 0 < hurry <= 1 or most_late < 0:
            raise ValueError(f"no pace: period {period_seconds:g} s, hurry {hurry:g}, most_late {most_late:g}")
        self.period_seconds = period_seconds
        self._gap = hurry * period_seconds
        self._most_late = most_late

    def first(self, now: float) -> Start:
        return Start(now, now, 0)

    def after(self, last: Start, now: float) -> Start:
        """The tick after `last`, which is over now."""
        due = last.due + self.period_seconds
        earliest = max(now, last.at + self._gap)
        late = (earliest - due) / self.period_seconds
        skipped = math.floor(late) if late > self._most_late else 0
        due += skipped * self.period_seconds
        return Start(max(due, earliest), due, skipped)
