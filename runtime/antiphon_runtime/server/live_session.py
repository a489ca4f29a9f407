"""A session with its client: connected, or kept for a while for its client to come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Literal, TypeAlias

from antiphon_runtime.realtime.errors import RealtimeError
from antiphon_runtime.server.admission import Slot
from antiphon_runtime.server.outbox import Outbox
from antiphon_runtime.telemetry.labels import SessionEnd
from antiphon_runtime.voice.session import Session

_log = logging.getLogger(__name__)
Doing: TypeAlias = Literal["idle", "listening", "speaking", "resumable"]


class LiveSession:
    """It ends once: `ended` is then done, and says why. The slot is given back by who opened it."""

    def __init__(
        self, make: Callable[[Outbox], Session], slot: Slot, *, idle_seconds: float, longest_seconds: float
    ) -> None:
        self.outbox = Outbox()
        self.slot = slot
        self.session = make(self.outbox)
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[SessionEnd] = loop.create_future()
        self.is_attached = False
        self._idle_seconds = idle_seconds
        self._last_active = loop.time()
        self._grace: asyncio.TimerHandle | None = None
        self._longest = loop.call_later(
            longest_seconds, self._expire, "max_duration", f"it has lasted {longest_seconds:g} s"
        )
        self._idle = loop.call_later(idle_seconds, self._check_idle)

    @property
    def id(self) -> str:
        return self.session.id

    @property
    def doing(self) -> Doing:
        if not self.is_attached:
            return "resumable"
        if self.session.is_speaking:
            return "speaking"
        return "listening" if self.session.is_listening else "idle"

    @property
    def is_busy(self) -> bool:
        return self.session.is_busy or self.outbox.waiting_bytes > 0

    def attach(self) -> None:
        """A connection takes it, and is told what the session is before all else."""
        self.is_attached = True
        self.outbox.put_first(self.session.protocol.open().events)
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None

    def detach(self, grace_seconds: float, why: SessionEnd) -> None:
        """The connection is gone; it ends when nobody comes back within the grace."""
        self.is_attached = False
        if grace_seconds <= 0:
            self.end(why)
        else:
            self._grace = asyncio.get_running_loop().call_later(grace_seconds, self.end, why)

    def end(self, why: SessionEnd) -> None:
        if not self.ended.done():
            self.ended.set_result(why)

    def tell(self, code: str, message: str) -> None:
        """An error of the server's that the client is told."""
        error = RealtimeError(message, code=code, kind="server_error")
        self.outbox.put([self.session.protocol.events.error(error)])

    async def close(self) -> None:
        """Gives back all it has."""
        self._longest.cancel()
        self._idle.cancel()
        if self._grace is not None:
            self._grace.cancel()
        await self.session.close()
        self.slot.free()

    def _check_idle(self) -> None:
        loop = asyncio.get_running_loop()
        if self.session.is_busy:
            self._last_active = loop.time()
        left = self._last_active + self._idle_seconds - loop.time()
        if left <= 0:
            self._expire("idle", f"nobody has spoken for {self._idle_seconds:g} s")
        else:
            self._idle = loop.call_later(min(left, 1.0), self._check_idle)

    def _expire(self, why: SessionEnd, because: str) -> None:
        self.tell("session_expired", f"the session is over: {because}")
        self.end(why)
