"""Moments at which to kill a process: after a while, or right after a write of its, as a proxy in between sees it."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web
from faulty_proxy import FaultyProxy

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_LONGEST_SECONDS = 0.8
"""After the first sign of life: by then ten agents are written."""


@dataclass(frozen=True)
class AfterSeconds:
    """So long after the process was heard of first; or after the script did something, where it ran already."""

    seconds: float


@dataclass(frozen=True)
class AfterWrite:
    """Right after so many writes in this step of the script, before the process hears of the last one."""

    number: int


Moment = AfterSeconds | AfterWrite


def draw_moments(chance: random.Random, writes: Sequence[int], by_time: int, by_write: int) -> list[list[Moment]]:
    """For each step of a script, of which it is known how many writes it takes: spread over all of it."""
    found: list[list[Moment]] = [[] for _ in writes]
    for number in range(by_time):
        found[number % len(writes)].append(AfterSeconds(chance.uniform(0, _LONGEST_SECONDS)))
    share = sum(writes) / by_write if by_write else 0
    for number in range(by_write):
        step, place = _step_of(int((number + chance.random()) * share), writes)
        found[step].append(AfterWrite(place + 1))
    return [_in_turn(chance, moments) for moments in found]


def _step_of(place: int, writes: Sequence[int]) -> tuple[int, int]:
    for step, number in enumerate(writes):
        if place < number:
            return step, place
        place -= number
    return len(writes) - 1, max(writes[-1] - 1, 0)


def _in_turn(chance: random.Random, moments: list[Moment]) -> list[Moment]:
    """Mixed; those after writes in the order of these."""
    chance.shuffle(moments)
    numbers = iter(sorted(moment.number for moment in moments if isinstance(moment, AfterWrite)))
    return [AfterWrite(next(numbers)) if isinstance(moment, AfterWrite) else moment for moment in moments]


class WriteWatcher:
    """Counts the writes that pass a proxy, Leases apart, and kills at one of them."""

    def __init__(self, proxy: FaultyProxy) -> None:
        self._lock = threading.Lock()
        self._armed: tuple[int, int] | None = None
        self._fired = threading.Event()
        self._requests = 0
        self.writes = 0
        """Since `begin`, answered or not."""
        self.total = 0
        self.last_write = time.monotonic()
        self.made: Counter[str] = Counter()
        """Objects that were created by server-side apply, by path."""
        self.removed: Counter[str] = Counter()
        proxy.listen(self._hear)

    def begin(self) -> None:
        """A step: what it makes due has not been written yet."""
        with self._lock:
            self.writes = 0
            self.last_write = time.monotonic()

    def arm(self, number: int, pid: int) -> None:
        """The process is killed at that write since `begin`; at the next one where it is past already."""
        self._fired.clear()
        with self._lock:
            self._armed = (number, pid)

    def disarm(self) -> None:
        with self._lock:
            self._armed = None

    @property
    def fired(self) -> bool:
        return self._fired.is_set()

    @property
    def requests(self) -> int:
        """Of any kind, since the proxy runs."""
        return self._requests

    def quiet_seconds(self) -> float:
        return time.monotonic() - self.last_write

    def _hear(self, request: web.BaseRequest, code: int) -> None:
        """In the proxy's thread, before the answer is passed on."""
        self._requests += 1
        if request.method not in WRITES or "/leases" in request.path:
            return
        with self._lock:
            self.writes += 1
            self.total += 1
            self.last_write = time.monotonic()
            self._note(request, code)
            if self._armed is not None and self.writes >= self._armed[0]:
                with suppress(ProcessLookupError):
                    os.kill(self._armed[1], signal.SIGKILL)
                self._armed = None
                self._fired.set()

    def _note(self, request: web.BaseRequest, code: int) -> None:
        if request.method == "PATCH" and code == 201:
            self.made[request.path] += 1
        if request.method == "DELETE" and code == 200:
            self.removed[request.path] += 1
