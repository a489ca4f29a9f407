"""Callers for tests: they speak in tones, in real time, over a real WebSocket, and listen as a player does."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import websockets

RATE = 24_000
FRAME_SECONDS = 0.02
_SAMPLES = int(RATE * FRAME_SECONDS)


def audio_event(samples: Any) -> str:
    """As a client appends it; the samples are 16-bit numbers."""
    audio = base64.b64encode(samples.astype("<i2").tobytes()).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio})


SPEECH = audio_event(9000 * np.sin(np.arange(_SAMPLES) * 0.1))
SILENCE = audio_event(np.zeros(_SAMPLES))


@dataclass(slots=True)
class Caller:
    """One call. Times are those of the loop."""

    url: str
    events: list[dict[str, Any]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    gaps: int = 0
    """Times that all audio had been played while more of the answer was to come."""
    close_code: int | None = None
    _plays_until: float = 0.0
    _answering: bool = False

    async def call(self, turns: int, *, speaks_seconds: float = 1.0, waits_seconds: float = 3.0) -> None:
        """So many turns; then it hangs up. Ends early when the other side does."""
        async with websockets.connect(self.url, max_size=None) as socket:
            listening = asyncio.create_task(self._listen(socket))
            try:
                for _ in range(turns):
                    await self._send(socket, SPEECH, speaks_seconds)
                    await self._send(socket, SILENCE, waits_seconds)
            except websockets.ConnectionClosed:
                pass
            else:
                await socket.close()
            await listening
            self.close_code = socket.close_code

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def answers(self) -> list[str]:
        """What became of each."""
        return [event["response"]["status"] for event in self.of("response.done")]

    async def _send(self, socket: websockets.ClientConnection, event: str, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for _ in range(round(seconds / FRAME_SECONDS)):
            await socket.send(event)
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _listen(self, socket: websockets.ClientConnection) -> None:
        with suppress(websockets.ConnectionClosedError):  # the caller looks at the code
            async for message in socket:
                self._take(json.loads(message))

    def _take(self, event: dict[str, Any]) -> None:
        self.kinds[event["type"]] += 1
        if event["type"] == "response.output_audio.delta":
            self._play(len(event["delta"]) * 3 / 4 / 2 / RATE)
        else:
            self.events.append(event)
            self._answering = self._answering and event["type"] != "response.done"

    def _play(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        if self._answering and now > self._plays_until:
            self.gaps += 1
        self._plays_until = max(self._plays_until, now) + seconds
        self._answering = True
