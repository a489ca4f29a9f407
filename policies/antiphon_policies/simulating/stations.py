"""Stages of one replica: how calls wait for each other, by discipline."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heappush
from typing import TypeAlias

from antiphon_crds.stages import Stage
from antiphon_policies.simulating.clockwork import Clockwork
from antiphon_policies.simulating.speeds import Speed
from antiphon_policies.simulating.talking import Talker

Call: TypeAlias = tuple[float, Talker | None]
"""When it was asked, and who waits for it; None: nobody does."""


class Station:
    """One stage of one replica. What is asked of it ends, unless the replica dies."""

    __slots__ = (
        "busy", "cap", "clock", "dead", "due", "in_turn", "line", "loading", "speed", "stage", "ticket", "wanted", "worked",
    )  # fmt: skip

    def __init__(self, stage: Stage, in_turn: bool, clock: Clockwork, speed: Speed, cap: int) -> None:
        self.stage, self.in_turn = stage, in_turn
        self.clock, self.due, self.ticket = clock, clock.due, clock.ticket
        self.line: deque[Call] = deque()
        self.busy = self.dead = False
        self.wanted = cap
        self.worked = 0.0
        """Seconds, added up, that batches and streams have taken or will have when they end."""
        self.speed = speed
        self.loading: Speed | None = None
        """What it is to run with next, while that is loaded."""
        self.cap = max(1, min(cap, speed.most))

    @property
    def waiting(self) -> int:
        return len(self.line)

    def tune(self, now: float, cap: int) -> None:
        """In force from the next batch or stream on."""
        self.wanted = cap
        self.cap = max(1, min(cap, self.speed.most))
        self.wake(now)

    def use(self, now: float, speed: Speed) -> None:
        """What is under way ends as it began."""
        self.speed = speed
        self.tune(now, self.wanted)

    def ask(self, now: float, talker: Talker | None) -> None:
        self.line.append((now, talker))
        self.wake(now)

    def wake(self, now: float) -> None:
        """Begins what can begin."""
        raise NotImplementedError


def answer(now: float, calls: Sequence[Call]) -> None:
    """Those of one batch go on together: what reaches the next stage at one moment may be one batch there too."""
    woken: dict[Station, None] = {}
    for _, talker in calls:
        if talker is None or talker.gone:
            continue
        talker.at += 1
        if talker.at == len(talker.path):
            talker.answered(now)
        else:
            station = talker.path[talker.at]
            station.line.append((now, talker))
            woken[station] = None
    for station in woken:
        station.wake(now)


def answer_one(now: float, talker: Talker | None) -> None:
    if talker is None or talker.gone:
        return
    at = talker.at = talker.at + 1
    path = talker.path
    if at == len(path):
        talker.answered(now)
    else:
        path[at].ask(now, talker)


class Batches(Station):
    """One batch at a time, of what waited when the last one ended."""

    __slots__ = ()

    def ask(self, now: float, talker: Talker | None) -> None:
        if self.busy:
            self.line.append((now, talker))
            return
        self.busy = True
        speed = self.speed
        took = speed.single * speed.factor()
        speed.sizes.append(1)
        speed.took.append(took)
        speed.asked.append(took)
        self.worked += took
        heappush(self.due, (now + took, self.ticket(), self._one_done, talker))

    def wake(self, now: float) -> None:
        if not self.busy and self.line:
            self._next(now)

    def _next(self, now: float) -> None:
        line, speed = self.line, self.speed
        self.busy = True
        size = len(line)
        if size > self.cap:
            size = self.cap
        took = (speed.alpha + speed.beta * size) * speed.factor()
        speed.sizes.append(size)
        speed.took.append(took)
        self.worked += took
        end = now + took
        calls = [line.popleft() for _ in range(size)]
        for asked, _ in calls:
            speed.asked.append(end - asked)
            speed.waited += now - asked
        heappush(self.due, (end, self.ticket(), self._done, calls))

    def _one_done(self, now: float, talker: Talker | None) -> None:
        if self.dead:
            return
        self.busy = False
        if self.line:
            self._next(now)
        answer_one(now, talker)

    def _done(self, now: float, calls: list[Call]) -> None:
        if self.dead:
            return
        self.busy = False
        if self.line:
            self._next(now)
        answer(now, calls)


class Streams(Station):
    """Up to `cap` calls under way. A call keeps its place until its rest has passed."""

    __slots__ = ("under_way",)

    def __init__(self, stage: Stage, in_turn: bool, clock: Clockwork, speed: Speed, cap: int) -> None:
        super().__init__(stage, in_turn, clock, speed, cap)
        self.under_way = 0

    def wake(self, now: float) -> None:
        line = self.line
        while line and self.under_way < self.cap:
            asked, talker = line.popleft()
            self._start(now, asked, talker)

    def _start(self, now: float, asked: float, talker: Talker | None) -> None:
        speed = self.speed
        self.under_way = size = self.under_way + 1
        took = (speed.alpha + speed.beta * size) * speed.factor()
        speed.sizes.append(size)
        speed.took.append(took)
        first = now + took
        speed.asked.append(first - asked)
        speed.waited += now - asked
        rest = speed.rest_alpha + speed.rest_beta * size
        self.worked += took
        if rest > 0:
            rest *= speed.factor()
            self.worked += rest
            heappush(self.due, (first, self.ticket(), self._first, talker))
            heappush(self.due, (first + rest, self.ticket(), self._leave, None))
        else:
            heappush(self.due, (first, self.ticket(), self._only, talker))

    def _first(self, now: float, talker: Talker | None) -> None:
        if not self.dead:
            answer_one(now, talker)

    def _leave(self, now: float, _: object) -> None:
        if not self.dead:
            self.under_way -= 1
            self.wake(now)

    def _only(self, now: float, talker: Talker | None) -> None:
        if not self.dead:
            self.under_way -= 1
            self.wake(now)
            answer_one(now, talker)
