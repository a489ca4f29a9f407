"""Tells the speakers of one session's audio while it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from antiphon_crds.stage_options import DiarizationOptions
from antiphon_runtime.diarizing.heard_audio import HeardAudio
from antiphon_runtime.diarizing.segments import SpeakerSegment, joined
from antiphon_runtime.diarizing.speakers import Speakers
from antiphon_runtime.diarizing.windows import SpanWindows, Window
from antiphon_runtime.engines.protocols import Samples

Embed: TypeAlias = Callable[[Samples], Awaitable[Samples]]
"""Direction of the voice in a stretch of audio."""
_BEHIND_MS = 30_000
"""Speech that may wait to be judged; where the encoder is slower than speech, what is older goes with what comes after it."""
_BEFORE_MS = 2_000
"""Audio kept from before it is known to be speech."""
_MOST_UNPLACED = 64
"""Short stretches at the beginning that wait for somebody to speak for longer."""


class Diarizer:
    """Fed with all audio and with where the speech in it is; `advance` tells the segments that won't change any more.

    `hear`, `speech_started` and `speech_stopped` cost nothing; what takes time happens in `advance` and `finish`, which
    are called one after another. Times are milliseconds of the session's audio; segments have seconds of it. The memory
    does not grow with the session.
    """

    def __init__(self, embed: Embed, options: DiarizationOptions) -> None:
        self.speakers = Speakers(options)
        self._embed = embed
        self._options = options
        self._audio = HeardAudio()
        self._open: SpanWindows | None = None
        self._due: list[tuple[Window, Samples]] = []
        self._last_stop_ms = 0.0
        self._unplaced: list[tuple[Window, Samples]] = []
        self._untold: list[SpeakerSegment] = []

    def hear(self, samples: Samples) -> None:
        """The next audio, at 16 kHz."""
        self._audio.add(samples)
        oldest_ms = self._audio.end_ms - self._options.window_ms - _BEFORE_MS
        self._audio.forget_before(min(oldest_ms, self._open.needed_from_ms) if self._open else oldest_ms)
        self._collect()

    def speech_started(self, at_ms: float) -> None:
        """It may have begun a little while ago."""
        if self._open is None:
            start_ms = max(at_ms, self._audio.start_ms, self._last_stop_ms)
            self._open = SpanWindows(start_ms, self._options)

    def speech_stopped(self, at_ms: float) -> None:
        """Its end may lie a little while ago, too."""
        if self._open is None:
            return
        self._last_stop_ms = min(max(at_ms, self._open.start_ms), self._audio.end_ms)
        for window in self._open.over(self._last_stop_ms):
            self._put(window)
        self._open = None

    async def advance(self) -> list[SpeakerSegment]:
        """Segments that are over and known since the last call."""
        await self._judge()
        return self._tell(all_of_them=False)

    async def finish(self) -> list[SpeakerSegment]:
        """The rest, now: at the end of the session, or of a turn whose speaker must be known at once.

        Speech that goes on is cut there.
        """
        if self._open is not None:
            self.speech_stopped(self._audio.end_ms)
            self.speech_started(self._audio.end_ms)
        await self._judge()
        self._place_unplaced()
        return self._tell(all_of_them=True)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        if self._open is not None:
            for window in self._open.until(self._audio.end_ms):
                self._put(window)

    def _put(self, window: Window) -> None:
        self._due.append((window, self._audio.cut(window.start_ms, window.end_ms)))
        while self._due[-1][0].end_ms - self._due[0][0].end_ms > _BEHIND_MS:
            (late, _), (following, samples), *others = self._due
            if late.cell_end_ms == following.cell_start_ms:
                following = replace(following, cell_start_ms=late.cell_start_ms)
            self._due = [(following, samples), *others]

    async def _judge(self) -> None:
        """What can't be judged now is tried again with the next."""
        due, self._due = self._due, []
        try:
            directions = await asyncio.gather(*(self._embed(samples) for _, samples in due))
        except BaseException:
            self._due = [*due, *self._due]
            raise
        for (window, _), direction in zip(due, directions, strict=True):
            self._place(window, direction)

    def _place(self, window: Window, direction: Samples) -> None:
        label = self.speakers.place(direction, window.seconds, window.cell_seconds)
        if label is None:
            self._unplaced.append((window, direction))
            if len(self._unplaced) < _MOST_UNPLACED:
                return
        if self._unplaced:
            self._place_unplaced()
        if label is not None:
            self._add(window, label)

    def _place_unplaced(self) -> None:
        unplaced, self._unplaced = self._unplaced, []
        for window, direction in unplaced:
            label = self.speakers.nearest(direction) or self.speakers.place_surely(direction, window.seconds)
            self._add(window, label)

    def _add(self, window: Window, label: str) -> None:
        segment = SpeakerSegment(label, window.cell_start_ms / 1000, window.cell_end_ms / 1000)
        self._untold = joined([*self._untold, segment])

    def _tell(self, *, all_of_them: bool) -> list[SpeakerSegment]:
        """The last one may go on, unless its span is over and all of it is judged."""
        told, self._untold = self._untold, []
        if told and not all_of_them and self._goes_on(told[-1]):
            self._untold = [told.pop()]
        return told

    def _goes_on(self, segment: SpeakerSegment) -> bool:
        if self._due and self._due[0][0].cell_start_ms / 1000 == segment.end_seconds:
            return True
        return self._open is not None and segment.end_seconds * 1000 > self._open.start_ms
