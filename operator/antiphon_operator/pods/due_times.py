"""Which pod is to be asked when: one heap for all."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
_GOLDEN = (math.sqrt(5) - 1) / 2


class DueTimes(Generic[Key]):
    """Each key is due once. Times are those of any one clock, in seconds."""

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._count = itertools.count()

    def __len__(self) -> int:
        return len(self._due)

    def put(self, key: Key, at: float) -> None:
        """In place of when it was due before."""
        if self._due.get(key) == at:
            return
        self._due[key] = at
        heapq.heappush(self._heap, (at, next(self._count), key))
        if len(self._heap) > 64 + 2 * len(self._due):
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)

    def hasten(self, key: Key, at: float) -> bool:
        """At `at` if it is due later than that; whether it was. What is not due at all stays so."""
        if self._due.get(key, -math.inf) <= at:
            return False
        self.put(key, at)
        return True

    def drop(self, key: Key) -> None:
        self._due.pop(key, None)

    def next_at(self) -> float | None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self, now: float) -> Key | None:
        """One that is due; it is then no longer."""
        at = self.next_at()
        if at is None or at > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._due[key]
        return key


def phase_of(number: int) -> float:
    """A share of the interval for the number-th pod: however many there are, they lie evenly."""
    return number * _GOLDEN % 1.0


def next_in_phase(now: float, interval: float, phase: float) -> float:
    """The pod's next own moment, half an interval from now at the earliest and one and a half at the latest."""
    earliest = now + interval / 2
    turns = math.ceil(earliest / interval - phase)
    return (turns + phase) * interval
