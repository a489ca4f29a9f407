"""Sends the frames of all sessions of a process, each when it is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from antiphon_runtime.bench.pacing import FRAME_SECONDS, SLOTS, Lateness, Pace

SendFrame: TypeAlias = Callable[[float], None]
"""Sends one frame; told the time of the loop."""


class Ticker:
    """Of one event loop. Sessions are spread evenly over the slots of a frame."""

    def __init__(self) -> None:
        self.lateness = Lateness()
        self._loop = asyncio.get_running_loop()
        start = self._loop.time() + FRAME_SECONDS
        self._slots = [
            _Slot(self._loop, start + FRAME_SECONDS * index / SLOTS, self.lateness) for index in range(SLOTS)
        ]

    def join(self, send: SendFrame) -> Callable[[], None]:
        """From now on it is called for each frame, until what is returned is called."""
        slot = min(self._slots, key=lambda slot: len(slot.senders))
        slot.senders[id(send)] = send
        return lambda: slot.leave(id(send))

    def close(self) -> None:
        for slot in self._slots:
            slot.timer.cancel()


class _Slot:
    def __init__(self, loop: asyncio.AbstractEventLoop, start: float, lateness: Lateness) -> None:
        self.senders: dict[int, SendFrame] = {}
        self._loop = loop
        self._pace = Pace(start)
        self._lateness = lateness
        self.timer = loop.call_at(start, self._tick)

    def leave(self, key: int) -> None:
        self.senders.pop(key, None)

    def _tick(self) -> None:
        due, slipped = self._pace.due, self._pace.slipped
        for send in tuple(self.senders.values()):
            now = self._loop.time()
            self._lateness.add(now - due)
            send(now)
        self._pace.sent(self._loop.time())
        if self.senders:
            self._lateness.slipped += (self._pace.slipped - slipped) * len(self.senders)
        self.timer = self._loop.call_at(self._pace.due, self._tick)
