"""Events on their way to one client, who may read slowly, or not at all, or be away for a while."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from antiphon_runtime.realtime.server_events import ServerEvent

MOST_BYTES = 16 * 2**20
"""Of events that wait: minutes of speech. A client that lets more pile up does not listen."""
SLOWEST_SEND_SECONDS = 30.0
_TOO_MUCH = f"more than {MOST_BYTES >> 20} MiB wait for the client"
SendText: TypeAlias = Callable[[str], Awaitable[None]]


class ClientStalledError(Exception):
    """The client does not read what it is sent."""


class Outbox:
    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._bytes = 0
        self._has_some = asyncio.Event()
        self._overflown = False
        self._sending: asyncio.Timeout | None = None

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    def put(self, events: Sequence[ServerEvent]) -> None:
        for event in events:
            text = json.dumps(event, separators=(",", ":"))
            self._bytes += len(text)
            self._waiting.append(text)
        if self._bytes > MOST_BYTES:
            self._overflow()
        self._has_some.set()

    def put_first(self, events: Sequence[ServerEvent]) -> None:
        """Before all that waits: what a connection begins with."""
        texts = [json.dumps(event, separators=(",", ":")) for event in events]
        self._waiting.extendleft(reversed(texts))
        self._bytes += sum(map(len, texts))
        self._has_some.set()

    async def send_all(self, send: SendText) -> None:
        """Sends as events come, until it is cancelled or the client stalls. What was not sent stays for the next call."""
        while True:
            while self._waiting:
                await self._send_next(send)
            if self._overflown:
                raise ClientStalledError(_TOO_MUCH)
            self._has_some.clear()
            await self._has_some.wait()

    async def flush(self, send: SendText) -> None:
        """Sends what is there, and no more."""
        while self._waiting:
            await self._send_next(send)

    def _overflow(self) -> None:
        """What is being sent is given up too."""
        self._overflown = True
        self._waiting.clear()
        self._bytes = 0
        if self._sending is not None:
            self._sending.reschedule(asyncio.get_running_loop().time())

    async def _send_next(self, send: SendText) -> None:
        text = self._waiting[0]
        try:
            async with asyncio.timeout(SLOWEST_SEND_SECONDS) as self._sending:
                await send(text)
        except TimeoutError:
            stalled = f"the client has read nothing for {SLOWEST_SEND_SECONDS:g} s"
            raise ClientStalledError(_TOO_MUCH if self._overflown else stalled) from None
        finally:
            self._sending = None
        if self._waiting and self._waiting[0] is text:
            self._waiting.popleft()
            self._bytes -= len(text)
