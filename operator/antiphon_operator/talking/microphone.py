"""A microphone made of recordings: frames of 20 ms in real time, silence where nobody speaks."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import Awaitable, Callable

from antiphon_operator.talking.recordings import RATE, Sound

FRAME_SECONDS = 0.02
_FRAME_BYTES = round(RATE * FRAME_SECONDS) * 2
_MOST_LATE_SECONDS = 0.2
"""Of a frame. After a longer stall the rhythm begins anew: a burst would be heard as one who speaks too fast."""


class Microphone:
    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._frames: deque[tuple[bytes, Callable[[float], None] | None]] = deque()

    async def run(self) -> None:
        """Until it is cancelled: a server that detects turns needs the silence too."""
        loop = asyncio.get_running_loop()
        silence = _appended(bytes(_FRAME_BYTES))
        due = loop.time()
        while True:
            frame, after = self._frames.popleft() if self._frames else (b"", None)
            await self._send(_appended(frame) if frame else silence)
            now = loop.time()
            if after is not None:
                after(now)
            due = max(due + FRAME_SECONDS, now - _MOST_LATE_SECONDS)
            await asyncio.sleep(max(0.0, due - now))

    async def say(self, sound: Sound) -> float:
        """Until all of it is sent. Returns when its last sample that can be heard was spoken, in the loop's time.

        A frame is sent when its last sample was spoken.
        """
        ended: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        data = sound.as_bytes()
        last_start = max(0, (len(data) - 1) // _FRAME_BYTES) * _FRAME_BYTES
        for at in range(0, last_start, _FRAME_BYTES):
            self._frames.append((data[at : at + _FRAME_BYTES], None))
        silent_after = (last_start + _FRAME_BYTES) / 2 / RATE - sound.audible_seconds

        def note(now: float) -> None:
            if not ended.done():
                ended.set_result(now - silent_after)

        self._frames.append((data[last_start:].ljust(_FRAME_BYTES, b"\0"), note))
        return await ended

    def hush(self) -> None:
        """What was not said yet is not said."""
        self._frames.clear()


def _appended(frame: bytes) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(frame).decode()})
