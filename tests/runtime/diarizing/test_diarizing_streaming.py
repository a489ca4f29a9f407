"""With an encoder that knows every voice by its pitch."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_crds.stage_options import DiarizationOptions
from antiphon_runtime.diarizing.scoring import score
from antiphon_runtime.diarizing.segments import SpeakerSegment
from antiphon_runtime.diarizing.streaming import Diarizer
from antiphon_runtime.engines.protocols import HEARD_RATE, Samples

OPTIONS = DiarizationOptions()
HANGOVER_MS = 320


def voice(who: int, seconds: float) -> Samples:
    """A voice is a loudness."""
    return np.full(int(seconds * HEARD_RATE), (who + 1) / 10, np.float32)


async def by_loudness(samples: Samples) -> Samples:
    await asyncio.sleep(0)
    shares = np.bincount(np.round(samples * 10).astype(int), minlength=16)[1:].astype(np.float32)
    unit: Samples = shares / max(float(np.linalg.norm(shares)), 1e-9)
    return unit


class Session:
    """Feeds a diarizer as a pod does: 20 ms of audio at a time, speech told late."""

    def __init__(self, diarizer: Diarizer, every_ms: int = 100) -> None:
        self.diarizer = diarizer
        self.told: list[SpeakerSegment] = []
        self.truth: list[SpeakerSegment] = []
        self.now_ms = 0
        self._every_ms = every_ms

    async def speak(self, who: int, seconds: float, pause_seconds: float = 0.5) -> None:
        start = self.now_ms
        self.truth.append(SpeakerSegment(str(who), start / 1000, start / 1000 + seconds))
        await self._hear(voice(who, seconds), start + 100, lambda: self.diarizer.speech_started(start))
        end = self.now_ms
        silence = np.zeros(int(pause_seconds * HEARD_RATE), np.float32)
        await self._hear(silence, end + HANGOVER_MS, lambda: self.diarizer.speech_stopped(end))

    async def finish(self) -> list[SpeakerSegment]:
        self.told += await self.diarizer.finish()
        return self.told

    async def _hear(self, samples: Samples, tell_at_ms: int, tell: object) -> None:
        is_told = False
        for at in range(0, len(samples), 320):
            self.diarizer.hear(samples[at : at + 320])
            self.now_ms += 20
            if not is_told and self.now_ms >= tell_at_ms:
                is_told = True
                tell()  # type: ignore[operator]
            if self.now_ms % self._every_ms == 0:
                self.told += await self.diarizer.advance()


async def talk(turns: Sequence[tuple[int, float]], options: DiarizationOptions = OPTIONS) -> Session:
    session = Session(Diarizer(by_loudness, options))
    for who, seconds in turns:
        await session.speak(who, seconds)
    await session.finish()
    return session


turns = st.lists(
    st.tuples(st.integers(0, 3), st.integers(10, 40).map(lambda tenths: tenths / 5)), min_size=1, max_size=8
)


@settings(max_examples=25, deadline=None)
@given(turns)
def test_every_turn_gets_its_speaker(said: list[tuple[int, float]]) -> None:
    session = asyncio.run(talk(said))
    assert score(session.truth, session.told).rate < 0.001
    starts = [segment.start_seconds for segment in session.told]
    assert starts == sorted(starts)


def test_a_change_without_a_pause_is_found_within_a_step() -> None:
    async def story() -> list[SpeakerSegment]:
        diarizer = Diarizer(by_loudness, OPTIONS)
        diarizer.speech_started(0)
        diarizer.hear(np.concatenate([voice(0, 8), voice(3, 8)]))
        return await diarizer.finish()

    found = asyncio.run(story())
    truth = [SpeakerSegment("x", 0, 8), SpeakerSegment("y", 8, 16)]
    assert score(truth, found).confusion_seconds <= 1.0


def test_segments_are_told_while_the_session_goes_on() -> None:
    async def story() -> tuple[list[SpeakerSegment], list[SpeakerSegment]]:
        session = Session(Diarizer(by_loudness, OPTIONS))
        await session.speak(0, 4)
        early = list(session.told)
        await session.speak(1, 4)
        return early, await session.finish()

    early, told = asyncio.run(story())
    assert early == [SpeakerSegment("A", 0, 4)]
    assert told == [SpeakerSegment("A", 0, 4), SpeakerSegment("B", 4.5, 8.5)]


def test_short_words_at_the_beginning_wait_until_somebody_is_known() -> None:
    async def story() -> tuple[list[SpeakerSegment], list[SpeakerSegment]]:
        session = Session(Diarizer(by_loudness, OPTIONS))
        await session.speak(0, 1)
        early = list(session.told)
        await session.speak(0, 4)
        return early, await session.finish()

    early, told = asyncio.run(story())
    assert early == []
    assert [segment.speaker for segment in told] == ["A", "A"]


def test_a_turn_can_be_finished_at_once_and_the_session_goes_on() -> None:
    async def story() -> list[SpeakerSegment]:
        session = Session(Diarizer(by_loudness, OPTIONS))
        await session.speak(0, 1)
        assert [one.speaker for one in await session.finish()] == ["A"]
        await session.speak(1, 4)
        await session.speak(0, 4)
        return await session.finish()

    assert [one.speaker for one in asyncio.run(story())] == ["A", "B", "A"]


def test_an_encoder_that_fails_once_loses_nothing() -> None:
    failures = [True]

    async def sometimes(samples: Samples) -> Samples:
        if failures and failures.pop():
            raise RuntimeError("out of memory")
        return await by_loudness(samples)

    async def story() -> list[SpeakerSegment]:
        diarizer = Diarizer(sometimes, OPTIONS)
        diarizer.speech_started(0)
        diarizer.hear(voice(0, 5))
        with pytest.raises(RuntimeError, match="out of memory"):
            await diarizer.advance()
        return await diarizer.finish()

    assert asyncio.run(story()) == [SpeakerSegment("A", 0, 5)]


def test_an_encoder_slower_than_speech_is_not_asked_for_all_of_it() -> None:
    asked = 0

    async def count(samples: Samples) -> Samples:
        nonlocal asked
        asked += 1
        return await by_loudness(samples)

    async def story() -> list[SpeakerSegment]:
        diarizer = Diarizer(count, OPTIONS)
        diarizer.speech_started(0)
        for _ in range(300):
            diarizer.hear(voice(0, 1))
        return await diarizer.finish()

    assert asyncio.run(story()) == [SpeakerSegment("A", 0, 300)]
    assert asked <= 62


def test_hours_of_audio_take_no_more_memory_than_minutes() -> None:
    async def story() -> tuple[int, int]:
        diarizer = Diarizer(by_loudness, OPTIONS)
        second = voice(0, 1)
        sizes = []
        tracemalloc.start()
        for now in range(3600):
            diarizer.hear(second.copy())
            if now % 20 == 2:
                diarizer.speech_started(now * 1000)
            if now % 20 == 12:
                diarizer.speech_stopped(now * 1000)
            await diarizer.advance()
            if now in (120, 3599):
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        return sizes[0], sizes[1]

    minutes, hour = asyncio.run(story())
    assert hour < minutes + 200_000
