"""Delivers an answer: from the pieces of its draft to the events of its response."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

from antiphon_runtime.realtime.response_writer import ResponseWriter, Usage
from antiphon_runtime.realtime.server_events import ServerEvent
from antiphon_runtime.turns.playback import Playback
from antiphon_runtime.turns.timeline import Anchor, Timeline
from antiphon_runtime.turns.trimming import AUDIBLE
from antiphon_runtime.voice.draft import Draft
from antiphon_runtime.voice.pieces import Audio, ClauseOver, Ended, Failed, Piece, Text, ToolCall

Tell = Callable[[Sequence[ServerEvent]], None]


class Delivery:
    """Of one response. The events are told at once; how fast the client reads is another's care."""

    def __init__(
        self, writer: ResponseWriter, timeline: Timeline, tell: Tell, *, chunk_ms: int, first_chunk_ms: int
    ) -> None:
        self.playback = Playback()
        self.on_audible: Callable[[], None] = lambda: None
        """Called once, when the first sound has been sent."""
        self._writer = writer
        self._timeline = timeline
        self._tell = tell
        self._chunk_ms = chunk_ms
        self._first_chunk_ms = first_chunk_ms
        self._loop = asyncio.get_running_loop()
        self._has_sound = False
        self._is_audible = False

    @property
    def seconds_ahead(self) -> float:
        """Audio that the client has and has not played, if it plays what it gets."""
        ends = self.playback.ends_at_seconds()
        return max(ends - self._loop.time(), 0.0) if ends is not None else 0.0

    @property
    def is_audible(self) -> bool:
        """Something of it has been sent that can be heard."""
        return self._is_audible

    async def deliver(self, draft: Draft) -> None:
        draft.seconds_ahead = lambda: self.seconds_ahead
        async for piece in draft.pieces():
            before_ms = self._writer.audio_ms
            self._tell(self._events(piece))
            self._account(self._writer.audio_ms - before_ms)

    def _events(self, piece: Piece) -> list[ServerEvent]:
        match piece:
            case Text(text):
                return self._writer.text(text)
            case Audio(samples, rate):
                self._has_sound = self._has_sound or bool(np.max(np.abs(samples), initial=0) >= AUDIBLE)
                self.playback.generated(len(samples) * 1000 / rate)
                return self._writer.speak(samples, rate, chunk_ms=self._chunk_ms, first_chunk_ms=self._first_chunk_ms)
            case ClauseOver():
                return self._writer.pause()
            case ToolCall(delta):
                return self._writer.tool_call(delta)
            case Ended():
                return self._end(piece)
            case Failed(code, message):
                return self._writer.finish("failed", error=(code, message))

    def _end(self, ended: Ended) -> list[ServerEvent]:
        usage = Usage(input_text_tokens=ended.prompt_tokens, output_text_tokens=ended.completion_tokens)
        if ended.finish == "length":
            return self._writer.finish("incomplete", reason="max_output_tokens", usage=usage)
        return self._writer.finish(usage=usage)

    def _account(self, sent_ms: int) -> None:
        """A new message counts its audio from 0, and has none yet."""
        if sent_ms <= 0:
            return
        now = self._loop.time()
        self.playback.sent(now, sent_ms)
        if self._has_sound and not self._is_audible:
            self._is_audible = True
            self._timeline.mark(Anchor.FIRST_AUDIBLE, now)
            self.on_audible()
