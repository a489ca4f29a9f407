"""Whether a user who speaks over the agent takes the floor, by what is said: "mhm" does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from antiphon_runtime.turns import backchannels
from antiphon_runtime.turns.backchannels import Floor
from antiphon_runtime.voice.hearing import Hearing
from antiphon_runtime.voice.recognising import Recognition
from antiphon_runtime.voice.room import Room, last_said

_EVERY_SECONDS = 0.25
_LEAST_MS = 300.0
"""Shorter speech is not worth a look at its words."""


@dataclass(slots=True, eq=False)
class FloorWatch:
    """Of one beginning of speech; until it is decided the agent goes on, and the client is told nothing."""

    room: Room
    hearing: Hearing
    recognition: Recognition
    start_ms: float
    onset_ms: float
    on_yield: Callable[[], None]
    _task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = self.room.tasks.start(self._watch(), "floor")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def judge(self) -> Floor:
        """By what is known now."""
        expected = last_said(self.room.protocol).rstrip().endswith("?")
        return backchannels.floor(await self._words(), self._spoken_ms, is_answer_expected=expected)

    async def _watch(self) -> None:
        while await self.judge() is not Floor.YIELD:
            await asyncio.sleep(_EVERY_SECONDS)
        self._task = None
        self.on_yield()

    async def _words(self) -> str | None:
        """None: not known; then time decides."""
        if self._spoken_ms < _LEAST_MS:
            return None
        samples = self.room.protocol.turns.buffer.view(int(self.start_ms))
        with suppress(Exception):
            return (await self.recognition.transcribe(samples, final=False)).text
        return None

    @property
    def _spoken_ms(self) -> float:
        return self.hearing.endpointer.now_ms - self.onset_ms
