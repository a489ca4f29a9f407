"""An answer in the making: the model writes, the voice speaks clause by clause, pieces wait to be delivered.

A draft may be begun before it is known whether it will be wanted. Until it is committed it speaks its first clause only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from antiphon_runtime.engines.protocols import Chat, Samples, Token
from antiphon_runtime.stages.served import Served
from antiphon_runtime.stages.working import Answering, Speaking
from antiphon_runtime.turns.clauses import Clause, ClauseSplitter
from antiphon_runtime.turns.timeline import Anchor
from antiphon_runtime.turns.trimming import AUDIBLE, KEPT_MS, LeadingSilence
from antiphon_runtime.voice.failures import code_and_message
from antiphon_runtime.voice.phrases import Manner, Phrases
from antiphon_runtime.voice.pieces import Audio, ClauseOver, Ended, Failed, Piece, Text, ToolCall

_MOST_AHEAD_SECONDS = 4.0
"""Of audio that the client has and has not played: then the next clause waits, for it may never be heard."""
_CLAUSES_WAITING = 64
_Part: TypeAlias = Clause | ToolCall | None


@dataclass(frozen=True, slots=True)
class SpokenBy:
    """Who speaks the answer, and how."""

    tts: Served[Speaking]
    phrases: Phrases
    manner: Manner
    trim: bool = True
    """Cut the silence before the first sound."""


class Draft:
    """Begins at once. `discard` must be called in the end, whatever came of it."""

    def __init__(
        self, chat: Chat, llm: Served[Answering], spoken_by: SpokenBy | None, *, committed: bool = True
    ) -> None:
        """`spoken_by` None: the answer is written only."""
        self.chat = chat
        self.times: dict[Anchor, float] = {}
        """When what happened first, in the loop's seconds."""
        self.leading_silence_seconds: float | None = None
        """Of the first clause, as far as the client gets it."""
        self.seconds_ahead: Callable[[], float] = lambda: 0.0
        """How much audio the client has that it has not played. Set by who delivers."""
        self._llm = llm
        self._spoken_by = spoken_by
        self._trims = spoken_by is not None and spoken_by.trim
        self._committed = asyncio.Event()
        if committed:
            self._committed.set()
        self._pieces: asyncio.Queue[Piece] = asyncio.Queue()
        self._waiting_seconds = 0.0
        """Audio among the pieces that were not delivered yet."""
        self._ended = Ended("stop", 0, 0)
        self._task = asyncio.create_task(self._make(), name="draft")

    def commit(self) -> None:
        """It is wanted."""
        self._committed.set()

    async def pieces(self) -> AsyncIterator[Piece]:
        """All of them; the last one is Ended or Failed."""
        while True:
            piece = await self._pieces.get()
            yield piece
            if isinstance(piece, Audio):
                self._waiting_seconds -= len(piece.samples) / piece.sample_rate
            if isinstance(piece, Ended | Failed):
                return

    async def discard(self) -> None:
        """Ends what is still under way; returns when it has ended."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    # --- making ----------------------------------------------------------------------------------------------------

    async def _make(self) -> None:
        try:
            async with self._llm.lease() as answering:
                if self._spoken_by is None:
                    await self._write(answering)
                else:
                    await self._write_and_speak(answering, self._spoken_by)
            self._pieces.put_nowait(self._ended)
        except Exception as error:  # whatever an engine may raise ends this answer, and nothing else
            self._pieces.put_nowait(Failed(*code_and_message(error)))

    async def _write(self, answering: Answering) -> None:
        async with aclosing(self._tokens(answering)) as tokens:
            async for token in tokens:
                if token.text:
                    self._pieces.put_nowait(Text(token.text))
                if token.tool_call is not None:
                    self._pieces.put_nowait(ToolCall(token.tool_call))

    async def _write_and_speak(self, answering: Answering, spoken_by: SpokenBy) -> None:
        parts: asyncio.Queue[_Part] = asyncio.Queue(_CLAUSES_WAITING)
        async with spoken_by.tts.lease() as speaking:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._write_clauses(answering, parts))
                    group.create_task(self._speak(speaking, spoken_by, parts))
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None

    async def _write_clauses(self, answering: Answering, parts: asyncio.Queue[_Part]) -> None:
        splitter = ClauseSplitter()
        async with aclosing(self._tokens(answering)) as tokens:
            async for token in tokens:
                for clause in splitter.push(token.text) if token.text else ():
                    await self._pass_on(clause, parts)
                if token.tool_call is not None:
                    await self._pass_all_on(splitter, parts)
                    splitter = ClauseSplitter()
                    await parts.put(ToolCall(token.tool_call))
        await self._pass_all_on(splitter, parts)
        await parts.put(None)

    async def _pass_all_on(self, splitter: ClauseSplitter, parts: asyncio.Queue[_Part]) -> None:
        """What is said before a call, or the end, is complete."""
        for clause in splitter.flush():
            await self._pass_on(clause, parts)

    async def _pass_on(self, clause: Clause, parts: asyncio.Queue[_Part]) -> None:
        if clause.spoken:
            self._mark(Anchor.FIRST_SENTENCE)
        await parts.put(clause)

    async def _tokens(self, answering: Answering) -> AsyncGenerator[Token, None]:
        self._mark(Anchor.ANSWER_ASKED)
        async with aclosing(answering.answer(self.chat, final=self._committed.is_set())) as tokens:
            async for token in tokens:
                self._mark(Anchor.ANSWER_BEGAN)
                if token.finish is not None:
                    self._ended = Ended(token.finish, token.prompt_tokens, token.completion_tokens)
                yield token

    async def _speak(self, speaking: Speaking, spoken_by: SpokenBy, parts: asyncio.Queue[_Part]) -> None:
        is_first = True
        while (part := await parts.get()) is not None:
            if not is_first or isinstance(part, ToolCall):
                await self._committed.wait()
            if isinstance(part, ToolCall):
                self._pieces.put_nowait(part)
                continue
            if part.spoken:
                await self._let_play()
            self._pieces.put_nowait(Text(part.text))
            if part.spoken:
                await self._speak_clause(speaking, spoken_by, part.spoken, is_first=is_first)
                is_first = False

    async def _speak_clause(self, speaking: Speaking, by: SpokenBy, text: str, *, is_first: bool) -> None:
        rate = speaking.engine.sample_rate
        silence = LeadingSilence(rate) if is_first else None
        self._mark(Anchor.SPEECH_ASKED)
        silent = 0
        async with aclosing(by.phrases.speak(speaking, text, by.manner, final=self._committed.is_set())) as pieces:
            async for samples in pieces:
                self._mark(Anchor.FIRST_SOUND)
                if silence is not None and self.leading_silence_seconds is None:
                    silent = self._measure_silence(samples, silent, rate)
                kept = silence.cut(samples) if silence is not None and by.trim else samples
                self._put_audio(kept, rate)
        if silence is not None and by.trim:
            self._put_audio(silence.flush(), rate)
        self._pieces.put_nowait(ClauseOver())

    def _put_audio(self, samples: Samples, rate: int) -> None:
        if len(samples):
            self._waiting_seconds += len(samples) / rate
            self._pieces.put_nowait(Audio(samples, rate))

    def _measure_silence(self, samples: Samples, silent: int, rate: int) -> int:
        """Samples of silence so far; notes how long it was once a sound is found."""
        sounds = np.flatnonzero(np.abs(samples) >= AUDIBLE)
        if sounds.size:
            self._mark(Anchor.SOUND_MADE)
            made = (silent + int(sounds[0])) / rate
            self.leading_silence_seconds = min(made, KEPT_MS / 1000) if self._trims else made
        return silent + len(samples)

    async def _let_play(self) -> None:
        while (ahead := self.seconds_ahead() + self._waiting_seconds) > _MOST_AHEAD_SECONDS:
            await asyncio.sleep(ahead - _MOST_AHEAD_SECONDS)

    def _mark(self, anchor: Anchor) -> None:
        self.times.setdefault(anchor, asyncio.get_running_loop().time())
