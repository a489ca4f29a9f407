"""How late the event loop does what is due: what is heard when something computes on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Self

EVERY_SECONDS = 0.1


class LoopLag:
    """Measures from its making to `close`. Made on the event loop."""

    def __init__(self, tell: Callable[[float], None], every_seconds: float = EVERY_SECONDS) -> None:
        """`tell` gets the lag in seconds."""
        self._tell = tell
        self._every_seconds = every_seconds
        self._loop = asyncio.get_running_loop()
        self._next = self._plan()

    def close(self) -> None:
        self._next.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _plan(self) -> asyncio.TimerHandle:
        due = self._loop.time() + self._every_seconds
        return self._loop.call_at(due, self._measure, due)

    def _measure(self, due: float) -> None:
        self._next = self._plan()
        self._tell(max(self._loop.time() - due, 0.0))
