"""Speech at the pace of real time for clients that take audio piece by piece, with silence between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

FRAME_SECONDS = 0.02


class Microphone:
    """Frames of 20 ms, 16 bits a sample."""

    def __init__(self, give: Callable[[bytes], Awaitable[None]], rate: int) -> None:
        self._give = give
        self._frame_bytes = int(rate * FRAME_SECONDS) * 2
        self._to_say = bytearray()

    async def say(self, audio: bytes) -> None:
        """Returns when all of it has been said."""
        self._to_say += audio
        while self._to_say:
            await asyncio.sleep(FRAME_SECONDS)

    @asynccontextmanager
    async def switched_on(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._run())
            yield
            task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            frame = bytes(self._to_say[: self._frame_bytes])
            await self._give(frame.ljust(self._frame_bytes, b"\0"))
            del self._to_say[: len(frame)]
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))
