"""What has happened so far in a simulation, in counters that only grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.simulating.speeds import Floats
from antiphon_policies.simulating.talking import Talk

_NOTHING: Floats = np.zeros(0)


class Buckets:
    """A histogram that only grows, and what it was at earlier times."""

    def __init__(self, bounds_ms: tuple[float, ...]) -> None:
        self.bounds = bounds_ms
        self._inner = np.asarray(bounds_ms[:-1])
        self.counts = np.zeros(len(bounds_ms))
        self.total = 0.0

    def add(self, values_ms: Floats) -> None:
        if len(values_ms):
            places = np.searchsorted(self._inner, values_ms)
            self.counts += np.bincount(places, minlength=len(self.bounds))
            self.total += float(values_ms.sum())


class Window:
    """What came to a histogram within the last so many seconds."""

    def __init__(self, buckets: Buckets, seconds: float) -> None:
        self._buckets, self._seconds = buckets, seconds
        self._marks: deque[tuple[float, Floats, float]] = deque([(0.0, buckets.counts.copy(), buckets.total)])

    def look(self, now: float) -> tuple[Distribution, float]:
        """And the seconds that it covers."""
        marks, buckets = self._marks, self._buckets
        marks.append((now, buckets.counts.copy(), buckets.total))
        while len(marks) > 2 and marks[1][0] <= now - self._seconds:
            marks.popleft()
        then, counts, total = marks[0]
        gained = tuple((buckets.counts - counts).tolist())
        return Distribution(buckets.bounds, gained, buckets.total - total), now - then


class Rates:
    """How much several counters grew within the last so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._marks: deque[tuple[float, tuple[float, ...]]] = deque()

    def look(self, now: float, counters: tuple[float, ...]) -> tuple[tuple[float, ...], float]:
        """And the seconds that this covers."""
        marks = self._marks
        if not marks:
            marks.append((0.0, tuple(0.0 for _ in counters)))
        marks.append((now, counters))
        while len(marks) > 2 and marks[1][0] <= now - self._seconds:
            marks.popleft()
        then, before = marks[0]
        return tuple(count - was for count, was in zip(counters, before, strict=True)), now - then


@dataclass(slots=True)
class Ledger:
    """Of one world."""

    talk: Talk
    offered: int = 0
    before: int = 0
    """Of these, those that were live already when the world began."""
    rejected: int = 0
    dropped: int = 0
    ended: int = 0
    answered: int = 0
    told: dict[str, Buckets] = field(default_factory=dict)
    """Histograms as pods tell them: of `turn`, of `response`, or of both."""
    turns: list[Floats] = field(default_factory=list)
    """In milliseconds, in pieces."""
    responses: list[Floats] = field(default_factory=list)

    @property
    def failed(self) -> int:
        return self.talk.failed

    @property
    def live(self) -> int:
        return self.offered - self.rejected - self.dropped - self.ended

    def collect(self, factor: float = 1.0) -> None:
        """Takes in the turns answered since the last time; `factor`: by how much their times are told too long."""
        talk = self.talk
        if not talk.turns:
            return
        turns, responses = np.asarray(talk.turns) * 1000, np.asarray(talk.responses) * 1000
        talk.turns, talk.responses = [], []
        self.answered += len(turns)
        self.turns.append(turns)
        self.responses.append(responses)
        for name, values in (("turn", turns), ("response", responses)):
            if name in self.told:
                self.told[name].add(values * factor)

    def times_since(self, piece: int, response: bool) -> Floats:
        """Of the pieces from that number on."""
        pieces = (self.responses if response else self.turns)[piece:]
        return np.concatenate(pieces) if pieces else _NOTHING

    def ratios(self) -> Mapping[str, tuple[float, float]]:
        """Part and whole, by indicator."""
        begun = self.offered - self.rejected
        return {
            "rejectedSessions": (self.rejected, self.offered),
            "droppedSessions": (self.dropped, begun),
            "failedTurns": (self.failed, self.answered + self.failed),
        }
