"""Who said what in a turn: the session's diarization, joined with the words that were recognised."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace

from antiphon_crds.stage_options import DiarizationOptions
from antiphon_runtime.diarizing.joining import SpokenSegment, spoken_segments
from antiphon_runtime.diarizing.segments import SpeakerSegment
from antiphon_runtime.diarizing.streaming import Diarizer
from antiphon_runtime.engines.protocols import Samples, Transcript
from antiphon_runtime.stages.served import Served
from antiphon_runtime.stages.working import Distinguishing
from antiphon_runtime.voice.tasks import Tasks

_log = logging.getLogger(__name__)
_MOST_SEGMENTS = 1000


class SpeakerWatch:
    """Follows one session's audio. What fails here costs the names of speakers, and nothing else."""

    def __init__(
        self, stage: Served[Distinguishing], options: DiarizationOptions, tasks: Tasks, session_id: str
    ) -> None:
        self._stage = stage
        self._session_id = session_id
        self._tasks = tasks
        self._diarizer = Diarizer(self._embed, options)
        self._every_ms = float(options.step_ms)
        self._segments: deque[SpeakerSegment] = deque(maxlen=_MOST_SEGMENTS)
        self._one_at_a_time = asyncio.Lock()
        self._is_voiced = False
        self._judged_ms = 0.0

    def hear(self, samples: Samples) -> None:
        self._diarizer.hear(samples)

    def judged(self, until_ms: float, frame_ms: float, is_voiced: bool) -> None:
        """A frame was found to be speech, or not."""
        if is_voiced and not self._is_voiced:
            self._diarizer.speech_started(until_ms - frame_ms)
        elif self._is_voiced and not is_voiced:
            self._diarizer.speech_stopped(until_ms - frame_ms)
        self._is_voiced = is_voiced
        if is_voiced and until_ms - self._judged_ms >= self._every_ms:
            self._judged_ms = until_ms
            self._tasks.start(self._advance(), "speakers")

    async def segments(self, heard: Transcript, start_ms: float, end_ms: float) -> list[SpokenSegment]:
        """What each speaker said in a turn; seconds are those of the turn's audio."""
        async with self._one_at_a_time:
            try:
                self._segments += await self._diarizer.finish()
            except Exception as error:
                _log.warning("the speakers of a turn are not known: %s", error)
                return []
        within = [_moved(each, -start_ms / 1000) for each in self._segments if each.end_seconds * 1000 > start_ms]
        return spoken_segments(heard.words, [each for each in within if each.start_seconds * 1000 < end_ms - start_ms])

    async def _advance(self) -> None:
        async with self._one_at_a_time:
            try:
                self._segments += await self._diarizer.advance()
            except Exception as error:
                _log.warning("speakers are told apart late: %s", error)

    async def _embed(self, samples: Samples) -> Samples:
        async with self._stage.lease() as distinguishing:
            return await distinguishing.embed(samples, session=self._session_id)


def _moved(segment: SpeakerSegment, seconds: float) -> SpeakerSegment:
    start, end = segment.start_seconds + seconds, segment.end_seconds + seconds
    return replace(segment, start_seconds=start, end_seconds=end)
