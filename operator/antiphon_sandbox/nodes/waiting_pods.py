"""Pods that have no node yet: whose turn it is, and who waits until something changes."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from antiphon_sandbox.nodes.node_room import key_of
from antiphon_sandbox.objects import Obj

Key = tuple[str, str]
Ticket = tuple[int, int]
"""Priority (least is first) and order of coming."""


class WaitingPods:
    """Each is in line or set aside. Those of higher priority come first, then those that wait longest."""

    def __init__(self) -> None:
        self._tickets: dict[Key, Ticket] = {}
        """A pod keeps its ticket for as long as it waits."""
        self._line: list[tuple[Ticket, Key]] = []
        """May still hold who has left it."""
        self._in_line: set[Key] = set()
        self._aside: dict[Key, Obj] = {}
        self._numbers = count()

    def knows(self, key: Key) -> bool:
        return key in self._tickets

    def join(self, pod: Obj) -> None:
        """In line; nothing changes for one that stands there already."""
        key = key_of(pod)
        if key not in self._tickets:
            self._tickets[key] = (-(pod["spec"].get("priority") or 0), next(self._numbers))
        self._queue(key)

    def leave(self, key: Key) -> None:
        """It waits no more."""
        self._tickets.pop(key, None)
        self._aside.pop(key, None)
        self._in_line.discard(key)

    def next(self) -> Key | None:
        """Whose turn it is. It is in line no more: it is to be set aside, or to leave."""
        while self._line:
            ticket, key = heapq.heappop(self._line)
            if key in self._in_line and self._tickets[key] == ticket:
                self._in_line.remove(key)
                return key
        return None

    def set_aside(self, pod: Obj) -> None:
        """Until it is called."""
        self._aside[key_of(pod)] = pod

    def call(self, whom: Callable[[Obj], bool] = lambda _: True) -> bool:
        """Those set aside are in line again; whether there are any."""
        called = [key for key, pod in self._aside.items() if whom(pod)]
        for key in called:
            self._queue(key)
        return bool(called)

    def _queue(self, key: Key) -> None:
        self._aside.pop(key, None)
        if key not in self._in_line:
            self._in_line.add(key)
            heapq.heappush(self._line, (self._tickets[key], key))
