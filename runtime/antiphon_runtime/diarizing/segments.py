"""Stretches of audio with their speakers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class SpeakerSegment:
    speaker: str
    start_seconds: float
    end_seconds: float

    @property
    def seconds(self) -> float:
        return self.end_seconds - self.start_seconds


def joined(segments: Iterable[SpeakerSegment], gap_seconds: float = 0.0) -> list[SpeakerSegment]:
    """Neighbours of one speaker become one segment where no more than a gap lies between them. In order of their start."""
    found: list[SpeakerSegment] = []
    for segment in segments:
        last = found[-1] if found else None
        if last and last.speaker == segment.speaker and segment.start_seconds <= last.end_seconds + gap_seconds + 1e-9:
            found[-1] = replace(last, end_seconds=max(last.end_seconds, segment.end_seconds))
        else:
            found.append(segment)
    return found
