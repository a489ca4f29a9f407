"""What is due, in the order in which it is due."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeAlias

Act: TypeAlias = Callable[[float, Any], None]
"""Called with the time and with what it is about."""

Due: TypeAlias = tuple[float, int, Act, Any]


class Clockwork:
    """Simulated time in seconds. What is due at the same moment happens in the order in which it was asked for."""

    __slots__ = ("due", "happened", "ticket")

    def __init__(self) -> None:
        self.due: list[Due] = []
        """A heap. Loops that must be quick push to it themselves: (time, ticket(), act, what)."""
        self.ticket = count().__next__
        self.happened = 0

    def at(self, when: float, act: Act, what: Any = None) -> None:
        heappush(self.due, (when, self.ticket(), act, what))

    def run_until(self, end: float) -> None:
        """All that is due up to and at `end`, and what follows from it."""
        due, pop, happened = self.due, heappop, 0
        while due and due[0][0] <= end:
            now, _, act, what = pop(due)
            act(now, what)
            happened += 1
        self.happened += happened
