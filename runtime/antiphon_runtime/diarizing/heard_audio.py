"""The end of a session's audio, as much of it as may still be needed."""

from __future__ import annotations

from collections import deque

import numpy as np

from antiphon_runtime.engines.protocols import HEARD_RATE, Samples

_PER_MS = HEARD_RATE // 1000


class HeardAudio:
    """Times are milliseconds since the beginning of the session's audio."""

    def __init__(self) -> None:
        self._pieces: deque[Samples] = deque()
        self._first = 0
        """Sample at which the kept audio begins."""
        self._end = 0

    @property
    def start_ms(self) -> float:
        return self._first / _PER_MS

    @property
    def end_ms(self) -> float:
        return self._end / _PER_MS

    def add(self, samples: Samples) -> None:
        if len(samples):
            self._pieces.append(samples)
            self._end += len(samples)

    def forget_before(self, at_ms: float) -> None:
        """Whole pieces only."""
        while self._pieces and (self._first + len(self._pieces[0])) / _PER_MS <= at_ms:
            self._first += len(self._pieces.popleft())

    def cut(self, start_ms: float, end_ms: float) -> Samples:
        """What is there of it."""
        start, end = round(start_ms * _PER_MS), round(end_ms * _PER_MS)
        parts, at = [], self._first
        for piece in self._pieces:
            if at < end and at + len(piece) > start:
                parts.append(piece[max(0, start - at) : end - at])
            at += len(piece)
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)
