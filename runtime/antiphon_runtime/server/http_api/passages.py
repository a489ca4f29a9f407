"""Long audio, recognised window by window: cut where it is quiet, joined with times of the whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace

import numpy as np

from antiphon_runtime.engines.protocols import HEARD_RATE, Samples, Transcript, Utterance, Word
from antiphon_runtime.stages.working import Recognizing

_LONGEST_SAMPLES = 28 * HEARD_RATE
"""What recognizers take is 30 s; some of them want silence after the last word."""
_SEARCHED_SAMPLES = 10 * HEARD_RATE
"""A window ends at the quietest place of its last 10 s."""
_QUIET_SAMPLES = HEARD_RATE // 5
_STEP_SAMPLES = HEARD_RATE // 50
_SHORTEST_SAMPLES = HEARD_RATE // 10
_AT_ONCE = 4
"""Windows of one file that wait at the recognizer; sessions go between them."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A window with its words. All times are those of the whole."""

    start_seconds: float
    end_seconds: float
    transcript: Transcript

    @property
    def text(self) -> str:
        return self.transcript.text.strip()


async def passages(samples: Samples, manner: Utterance, recognizing: Recognizing) -> AsyncGenerator[Passage, None]:
    """In order. `manner`: how all windows are to be heard."""
    session = object()
    spans = windows(samples)
    for at in range(0, len(spans), _AT_ONCE):
        some = spans[at : at + _AT_ONCE]
        heard = [asyncio.ensure_future(_hear(samples, span, manner, recognizing, session)) for span in some]
        try:
            for passage in heard:
                yield await passage
        finally:
            for passage in heard:
                passage.cancel()
            await asyncio.gather(*heard, return_exceptions=True)


def windows(samples: Samples) -> list[tuple[int, int]]:
    """Start and end of each; joined they are the whole."""
    found, start = [], 0
    while len(samples) - start > _LONGEST_SAMPLES:
        searched = start + _LONGEST_SAMPLES - _SEARCHED_SAMPLES
        end = searched + _quietest(samples[searched : start + _LONGEST_SAMPLES])
        found.append((start, end))
        start = end
    if len(samples) - start < _SHORTEST_SAMPLES and found:
        return [*found[:-1], (found[-1][0], len(samples))]
    return [*found, (start, len(samples))]


def _quietest(samples: Samples) -> int:
    """Middle of the quietest fifth of a second."""
    energy = np.concatenate(([0.0], np.cumsum(samples.astype(np.float64) ** 2)))[::_STEP_SAMPLES]
    width = _QUIET_SAMPLES // _STEP_SAMPLES
    return int(np.argmin(energy[width:] - energy[:-width])) * _STEP_SAMPLES + _QUIET_SAMPLES // 2


async def _hear(
    samples: Samples, span: tuple[int, int], manner: Utterance, recognizing: Recognizing, session: object
) -> Passage:
    start, end = span
    heard = await recognizing.transcribe(replace(manner, samples=samples[start:end]), session=session)
    start_seconds, end_seconds = start / HEARD_RATE, end / HEARD_RATE
    words = tuple(_moved(word, start_seconds, end_seconds) for word in heard.words)
    return Passage(start_seconds, end_seconds, replace(heard, words=words))


def _moved(word: Word, by_seconds: float, most_seconds: float) -> Word:
    start, end = (min(by_seconds + at, most_seconds) for at in (word.start_seconds, word.end_seconds))
    return Word(word.text, start, max(start, end))
