"""Words with times, and speakers with times, become what each speaker said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from antiphon_runtime.diarizing.segments import SpeakerSegment
from antiphon_runtime.engines.protocols import Word

NOBODY_ELSE = "A"
"""Who spoke where no speaker was found."""


@dataclass(frozen=True, slots=True)
class SpokenSegment:
    speaker: str
    text: str
    start_seconds: float
    end_seconds: float


def spoken_segments(words: Sequence[Word], segments: Sequence[SpeakerSegment]) -> list[SpokenSegment]:
    """Every word once, in the order given. Words of one speaker that follow each other belong together."""
    spoken: list[SpokenSegment] = []
    for word in words:
        speaker = speaker_of(word, segments)
        last = spoken[-1] if spoken else None
        if last is not None and last.speaker == speaker:
            spoken[-1] = _with(last, word)
        else:
            spoken.append(SpokenSegment(speaker, word.text.strip(), word.start_seconds, word.end_seconds))
    return spoken


def speaker_of(word: Word, segments: Sequence[SpeakerSegment]) -> str:
    """Who speaks during most of it; else who speaks nearest to it in time."""
    if not segments:
        return NOBODY_ELSE
    return max(segments, key=lambda segment: _overlap_seconds(word, segment)).speaker


def _overlap_seconds(word: Word, segment: SpeakerSegment) -> float:
    """Negative: the gap between them."""
    return min(word.end_seconds, segment.end_seconds) - max(word.start_seconds, segment.start_seconds)


def _with(spoken: SpokenSegment, word: Word) -> SpokenSegment:
    text = f"{spoken.text} {word.text.strip()}".strip()
    end_seconds = max(spoken.end_seconds, word.end_seconds)
    return SpokenSegment(spoken.speaker, text, spoken.start_seconds, end_seconds)
