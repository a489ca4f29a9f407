"""What is kept of an agent's past: fine for the last minutes, coarse for the last two weeks; about 40 kB an agent."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeVar

from antiphon_policies.forecasting.rings import Floats, Ring

FINE_SECONDS, MINUTE_SECONDS, COARSE_SECONDS = 5.0, 60.0, 600.0
FINE_STEPS, MINUTE_STEPS, COARSE_STEPS = 146, 400, 15 * 144
Series = Literal["sessions", "arrivals"]
_T = TypeVar("_T")


class History:
    """Sessions, and arrivals a second, over time. One writer: the loop, or whoever fills it from Prometheus at a start."""

    def __init__(self) -> None:
        self._coarse = Ring(COARSE_SECONDS, COARSE_STEPS)
        self._rings: dict[Series, tuple[Ring, ...]] = {
            "sessions": (Ring(FINE_SECONDS, FINE_STEPS), Ring(MINUTE_SECONDS, MINUTE_STEPS), self._coarse),
            "arrivals": (Ring(FINE_SECONDS, FINE_STEPS), Ring(MINUTE_SECONDS, MINUTE_STEPS)),
        }
        self._found: dict[str, tuple[int, object]] = {}
        self.first: float | None = None
        self.last: float | None = None
        """Unix time of the newest sample."""
        self.sessions = 0.0
        """Of the newest sample."""
        self.arrivals_per_second: float | None = None
        """The same; None: not known."""

    def add(self, at: float, sessions: float | None, arrivals_per_second: float | None = None) -> None:
        """In order of time. What is not known, can't be, or comes late is not kept."""
        if sessions is None or not _possible(sessions) or (self.last is not None and at < self.last):
            return
        arrivals = arrivals_per_second if arrivals_per_second is not None and _possible(arrivals_per_second) else None
        self._put("sessions", at, sessions)
        if arrivals is not None:
            self._put("arrivals", at, arrivals)
        self.first = at if self.first is None else self.first
        self.last, self.sessions, self.arrivals_per_second = at, sessions, arrivals

    def mean(self, series: Series, start: float, end: float) -> float | None:
        """From the finest ring that reaches back so far and has steps short enough for the span."""
        last, span = start if self.last is None else self.last, end - start
        for ring in self._rings[series]:
            if span >= ring.step_seconds and start >= last - ring.span_seconds:
                return ring.mean(start, end)
        return None

    def minutes(self, end: float) -> Floats:
        """Sessions of the last hours, up to the minute of `end`."""
        return self._rings["sessions"][1].series(end)

    def coarse(self, end: float) -> Floats:
        """Sessions of the last two weeks, in steps of ten minutes."""
        return self._coarse.series(end)

    def seconds_known(self, now: float) -> float:
        return 0.0 if self.first is None else max(0.0, now - self.first)

    def once(self, name: str, every_seconds: float, now: float, find: Callable[[History, float], _T]) -> _T:
        """What was found by this name, sought again only when a step of time has gone by."""
        step = math.floor(now / every_seconds)
        found = self._found.get(name)
        if found is None or found[0] != step:
            found = self._found[name] = (step, find(self, now))
        return found[1]  # type: ignore[return-value]  # each name is asked with one kind of find

    def _put(self, series: Series, at: float, value: float) -> None:
        for ring in self._rings[series]:
            ring.add(at, value)


def _possible(value: float) -> bool:
    return math.isfinite(value) and value >= 0
