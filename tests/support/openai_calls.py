"""Calls with the `openai` SDK as it comes: a microphone at the pace of real time, and every event checked."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from microphones import Microphone
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from voice_process import PodProcess
from voice_server import http_url, websocket_url

from antiphon_runtime.engines.protocols import Samples

RATE = 24_000
MODEL = "hello-world"
_EVENTS: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
"""The SDK reads whatever comes; this is strict."""


def pcm(samples: Samples) -> bytes:
    return (np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes()


def humming(seconds: float, rate: int = RATE) -> Samples:
    """Loud enough to be speech for an emulated VAD."""
    samples: Samples = (0.3 * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 300 / rate)).astype(np.float32)
    return samples


def base64_of(audio: bytes) -> str:
    return base64.b64encode(audio).decode()


@dataclass
class Call:
    """What went over one connection. `heard` is what came as audio, in the format of the session."""

    connection: AsyncRealtimeConnection
    events: list[Any] = field(default_factory=list)
    heard: bytes = b""
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self._microphone = Microphone(self.give, RATE)

    @classmethod
    @contextlib.asynccontextmanager
    async def to(
        cls, pod: PodProcess, *, microphone: bool = False, errors: int = 0, **session: Any
    ) -> AsyncIterator[Self]:
        """`session` is set at first. With a microphone silence is sent while nothing is said. `errors` are to come."""
        client = AsyncOpenAI(api_key="none", base_url=http_url(pod), websocket_base_url=websocket_url(pod))
        async with client.realtime.connect(model=MODEL) as connection, asyncio.TaskGroup() as group:
            call = cls(connection)
            listening = group.create_task(call._listen())
            await call.wait("session.created")
            if session:
                wanted: Any = {"type": "realtime", **session}
                await connection.session.update(session=wanted)
                await call.wait("session.updated")
            async with call._microphone.switched_on() if microphone else contextlib.nullcontext():
                yield call
            listening.cancel()
        found = call.of("error")
        assert len(found) == errors, found
        await client.close()

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    @property
    def kinds(self) -> list[str]:
        """In their order; of deltas that follow each other the first."""
        names = [event.type for event in self.events]
        return [name for at, name in enumerate(names) if not (at and name == names[at - 1] and name.endswith("delta"))]

    async def wait(self, kind: str, number: int = 1, *, seconds: float = 20.0) -> Any:
        """The event of this type with that number, counted from 1."""
        try:
            async with asyncio.timeout(seconds), self._arrived:
                await self._arrived.wait_for(lambda: len(self.of(kind)) >= number)
        except TimeoutError:
            raise AssertionError(f"no {kind} number {number} within {seconds:g} s; there were: {self.kinds}") from None
        return self.of(kind)[number - 1]

    async def say(self, audio: bytes) -> None:
        """Through the microphone; returns when all of it has been said."""
        await self._microphone.say(audio)

    async def give(self, audio: bytes) -> None:
        """All at once, into the input buffer."""
        await self.connection.input_audio_buffer.append(audio=base64_of(audio))

    async def _listen(self) -> None:
        while True:
            data = await self.connection.recv_bytes()
            _EVENTS.validate_json(data)
            event = self.connection.parse_event(data)
            if event.type == "response.output_audio.delta":
                self.heard += base64.b64decode(event.delta, validate=True)
            async with self._arrived:
                self.events.append(event)
                self._arrived.notify_all()
