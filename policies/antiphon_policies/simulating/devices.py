"""Stages that step with the clock, and stages that take turns on one device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappush

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_policies.simulating.clockwork import Clockwork
from antiphon_policies.simulating.speeds import Speed
from antiphon_policies.simulating.stations import Batches, Call, Station, Streams, answer, answer_one
from antiphon_policies.simulating.talking import Talker


@dataclass(frozen=True, slots=True)
class Beat:
    """Of a stage that steps with the clock."""

    period: float
    duty: float
    sessions: Callable[[], int]
    """Live ones of the replica."""
    rng: np.random.Generator


class Lockstep(Station):
    """Once a period all active sessions make a step. A step that takes longer than a period delays the ones after it.

    A call takes as long as the last step did, counted from when that was due.
    """

    __slots__ = ("beat", "free", "last")

    def __init__(self, stage: Stage, in_turn: bool, clock: Clockwork, speed: Speed, cap: int, beat: Beat) -> None:
        super().__init__(stage, in_turn, clock, speed, cap)
        self.beat = beat
        self.free = 0.0
        self.last: float | None = None

    def begin(self, now: float) -> None:
        """The clock begins to tick."""
        self.clock.at(now + self.beat.period * self.beat.rng.random(), self._tick)

    def wake(self, now: float) -> None:
        while self.line:
            asked, talker = self.line.popleft()
            took = self.speed.single * self.speed.factor() if self.last is None else self.last
            self.speed.asked.append(now + took - asked)
            heappush(self.due, (now + took, self.ticket(), self._stepped, talker))

    def _tick(self, now: float, _: object) -> None:
        if self.dead:
            return
        heappush(self.due, (now + self.beat.period, self.ticket(), self._tick, None))
        if size := self._active():
            self._step(now, size)

    def _active(self) -> int:
        sessions = self.beat.sessions()
        return int(self.beat.rng.binomial(sessions, self.beat.duty)) if sessions else 0

    def _took(self, size: int) -> float:
        speed = self.speed
        took = (speed.alpha + speed.beta * size) * speed.factor()
        speed.sizes.append(size)
        speed.took.append(took)
        self.worked += took
        return took

    def _step(self, now: float, size: int) -> None:
        self.free = max(now, self.free) + self._took(size)
        self.last = self.free - now

    def _stepped(self, now: float, talker: Talker | None) -> None:
        if not self.dead:
            answer_one(now, talker)


class Device:
    """What several stages take turns on: of those that wait, the one whose oldest call was asked first."""

    __slots__ = ("busy", "stations")

    def __init__(self) -> None:
        self.busy = False
        self.stations: list[SharedBatches | SharedStreams | SharedLockstep] = []

    def next(self, now: float) -> None:
        if self.busy:
            return
        waiting = [
            (asked, place) for place, one in enumerate(self.stations) if (asked := one.first_asked()) is not None
        ]
        if waiting:
            self.busy = True
            self.stations[min(waiting)[1]].take(now)

    def give_back(self, now: float) -> None:
        self.busy = False
        self.next(now)


class SharedBatches(Batches):
    """Batches that wait for the device."""

    __slots__ = ("device",)

    def __init__(self, stage: Stage, in_turn: bool, clock: Clockwork, speed: Speed, cap: int, device: Device) -> None:
        super().__init__(stage, in_turn, clock, speed, cap)
        self.device = device
        device.stations.append(self)

    def first_asked(self) -> float | None:
        return self.line[0][0] if self.line else None

    def ask(self, now: float, talker: Talker | None) -> None:
        self.line.append((now, talker))
        self.wake(now)

    def wake(self, now: float) -> None:
        self.device.next(now)

    def take(self, now: float) -> None:
        self._next(now)

    def _done(self, now: float, calls: list[Call]) -> None:
        if not self.dead:
            self.device.give_back(now)
            answer(now, calls)


class SharedStreams(Streams):
    """Streams that take the device, one at a time, to their first results. For the rest they only keep their places."""

    __slots__ = ("device",)

    def __init__(self, stage: Stage, in_turn: bool, clock: Clockwork, speed: Speed, cap: int, device: Device) -> None:
        super().__init__(stage, in_turn, clock, speed, cap)
        self.device = device
        device.stations.append(self)

    def first_asked(self) -> float | None:
        return self.line[0][0] if self.line and self.under_way < self.cap else None

    def wake(self, now: float) -> None:
        self.device.next(now)

    def take(self, now: float) -> None:
        asked, talker = self.line.popleft()
        self._start(now, asked, talker)

    def _first(self, now: float, talker: Talker | None) -> None:
        if not self.dead:
            self.device.give_back(now)
            answer_one(now, talker)

    def _only(self, now: float, talker: Talker | None) -> None:
        if not self.dead:
            self.under_way -= 1
            self.device.give_back(now)
            answer_one(now, talker)


class SharedLockstep(Lockstep):
    """Steps that wait for the device. One that is due while the last one still waits makes up one step with it."""

    __slots__ = ("device", "since", "size")

    def __init__(
        self, stage: Stage, in_turn: bool, clock: Clockwork, speed: Speed, cap: int, beat: Beat, device: Device
    ) -> None:
        super().__init__(stage, in_turn, clock, speed, cap, beat)
        self.device = device
        self.since: float | None = None
        self.size = 0
        device.stations.append(self)

    def first_asked(self) -> float | None:
        return self.since

    def take(self, now: float) -> None:
        since, self.since = self.since, None
        took = self._took(self.size)
        self.clock.at(now + took, self._device_done, since)

    def _step(self, now: float, size: int) -> None:
        self.size = size
        if self.since is None:
            self.since = now
        self.device.next(now)

    def _device_done(self, now: float, since: float) -> None:
        if not self.dead:
            self.last = now - since
            self.device.give_back(now)
