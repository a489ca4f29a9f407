"""Where in a session's audio somebody spoke, and audio without the silence between."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from antiphon_runtime.engines.protocols import HEARD_RATE, Samples

_KEPT_MS = 11 * 60_000.0
"""A little more than the longest turn."""
_PADDING_MS = 200.0
"""Silence that is left around speech, so that no sound is clipped."""


@dataclass(frozen=True, slots=True)
class Span:
    """In milliseconds of the session's audio."""

    start_ms: float
    end_ms: float


class VoicedSpans:
    """Told frame by frame, in their order."""

    def __init__(self) -> None:
        self._spans: deque[Span] = deque()

    def add(self, start_ms: float, end_ms: float) -> None:
        """Somebody spoke in this frame."""
        last = self._spans[-1] if self._spans else None
        if last is not None and last.end_ms >= start_ms:
            self._spans[-1] = Span(last.start_ms, end_ms)
        else:
            self._spans.append(Span(start_ms, end_ms))
        while self._spans[0].end_ms < end_ms - _KEPT_MS:
            self._spans.popleft()

    def within(self, start_ms: float, end_ms: float) -> list[Span]:
        return [
            Span(max(span.start_ms, start_ms), min(span.end_ms, end_ms))
            for span in self._spans
            if span.end_ms > start_ms and span.start_ms < end_ms
        ]


def without_silence(samples: Samples, start_ms: float, spans: Sequence[Span]) -> Samples:
    """The speech of a stretch that begins at `start_ms`, and a little around it. All of it where nobody spoke."""
    parts: list[Samples] = []
    taken = 0
    for span in spans:
        first = max(_index(span.start_ms - _PADDING_MS - start_ms), taken)
        last = min(_index(span.end_ms + _PADDING_MS - start_ms), len(samples))
        if last > first:
            parts.append(samples[first:last])
            taken = last
    return np.concatenate(parts) if parts else samples


def _index(ms: float) -> int:
    return max(0, round(ms * HEARD_RATE / 1000))
