"""A crowd of callers whose number follows a plan: calls of a minute or so come and go, in real time, over real WebSockets.

They send 100 ms of audio at a time, as many telephony gateways do, so that a hundred of them leave the machine room.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import websockets
from callers import RATE, audio_event

FRAME_SECONDS = 0.1
BEGINS_EACH_SECONDS = 0.4
"""A crowd does not dial in the same moment."""
_SAMPLES = int(RATE * FRAME_SECONDS)


_SPEECH = audio_event(9000 * np.sin(np.arange(_SAMPLES) * 0.1))
_SILENCE = audio_event(np.zeros(_SAMPLES))


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn as its caller lived it. Times are those of the loop."""

    at: float
    """When the user fell silent."""
    seconds: float | None
    """Until the first audio of the answer came. None: none came before the user spoke again or the call ended."""


@dataclass(slots=True)
class CrowdTotals:
    """What became of all calls."""

    begun: int = 0
    ended: int = 0
    refused: int = 0
    dropped: int = 0
    """Calls that the other side ended, other than by refusing them at once."""
    live: int = 0
    turns: list[Turn] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Manners:
    """How callers talk."""

    speaks_seconds: float = 1.0
    waits_seconds: float = 5.0
    """From falling silent to speaking again; the answer is to come, and be heard, within it."""
    turns: tuple[int, int] = (4, 10)
    """Of a call: at least, at most."""


class Crowd:
    """`run` it; it keeps as many calls going as `wanted` says at each moment since its start."""

    def __init__(self, url: str, wanted: Callable[[float], int], seed: int = 0, manners: Manners | None = None) -> None:
        self._url = url
        self._wanted = wanted
        self._chance = random.Random(seed)
        self._manners = manners or Manners()
        self._calls: set[asyncio.Task[None]] = set()
        self.totals = CrowdTotals()

    async def run(self, seconds: float) -> CrowdTotals:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (elapsed := loop.time() - began) < seconds:
            missing = self._wanted(elapsed) - self.totals.live
            if missing > 0:
                self._begin()
                await asyncio.sleep(BEGINS_EACH_SECONDS)
            else:
                await asyncio.sleep(0.1)
        await asyncio.gather(*self._calls)
        return self.totals

    def _begin(self) -> None:
        self.totals.begun += 1
        self.totals.live += 1
        call = asyncio.create_task(self._call(self._chance.randint(*self._manners.turns), self._chance.random()))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _call(self, turns: int, phase: float) -> None:
        try:
            async with websockets.connect(self._url, max_size=None) as socket:
                await self._talk(socket, turns, phase)
        except (OSError, websockets.WebSocketException) as error:
            self.totals.dropped += 1
            self.totals.troubles.append(f"{type(error).__name__}: {error}")
        finally:
            self.totals.live -= 1

    async def _talk(self, socket: websockets.ClientConnection, turns: int, phase: float) -> None:
        ear = _Ear(socket)
        listening = asyncio.create_task(ear.listen())
        try:
            await self._send(socket, _SILENCE, phase * self._manners.waits_seconds)
            for _ in range(turns):
                await self._turn(socket, ear)
        except websockets.ConnectionClosed:
            self._ended_by_the_other_side(ear)
        else:
            await socket.close()
            self.totals.ended += 1
        await listening

    async def _turn(self, socket: websockets.ClientConnection, ear: _Ear) -> None:
        loop = asyncio.get_running_loop()
        await self._send(socket, _SPEECH, self._manners.speaks_seconds)
        ear.forget()
        silent_at = loop.time()
        try:
            await self._send(socket, _SILENCE, self._manners.waits_seconds)
        finally:
            self.totals.turns.append(Turn(silent_at, ear.seconds_after(silent_at)))

    def _ended_by_the_other_side(self, ear: _Ear) -> None:
        if ear.was_refused:
            self.totals.refused += 1
        else:
            self.totals.dropped += 1
            self.totals.troubles.append(f"ended by the other side: {ear.last_error or 'without a word'}")

    async def _send(self, socket: websockets.ClientConnection, event: str, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for _ in range(round(seconds / FRAME_SECONDS)):
            await socket.send(event)
            due += FRAME_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))


class _Ear:
    """Listens to one call."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._first_audio_at: float | None = None
        self.last_error = ""
        self.was_refused = False

    def forget(self) -> None:
        """What comes from now on answers the next turn."""
        self._first_audio_at = None

    def seconds_after(self, moment: float) -> float | None:
        return None if self._first_audio_at is None else self._first_audio_at - moment

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(websockets.ConnectionClosedError):
            async for message in self._socket:
                if '"response.output_audio.delta"' in message[:200]:
                    if self._first_audio_at is None:
                        self._first_audio_at = loop.time()
                elif '"error"' in message[:200]:
                    error = json.loads(message).get("error") or {}
                    self.last_error = str(error.get("code") or error)
                    self.was_refused = self.was_refused or self.last_error.startswith("session_refused")
