"""The silence that a model puts before its first sound, cut away as the audio streams by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AUDIBLE = 0.01
"""Amplitude from which a sample can be heard; full scale is 1."""
KEPT_MS = 10.0
"""Silence that is left before the first sound, so that its onset is not clipped."""


class LeadingSilence:
    """What comes out is the end of what went in, the same however it was cut into pieces."""

    def __init__(self, sample_rate: int, *, most_trimmed_ms: float = 2000.0) -> None:
        """Of a longer silence only so much is cut: it is meant."""
        self._sample_rate = sample_rate
        self._kept_samples = round(sample_rate * KEPT_MS / 1e3)
        self._most_samples = round(sample_rate * most_trimmed_ms / 1e3)
        self._held: NDArray[np.float32] = np.zeros(0, np.float32)
        self._trimmed_samples = 0
        self._is_over = False

    @property
    def trimmed_ms(self) -> float:
        return self._trimmed_samples * 1e3 / self._sample_rate

    def cut(self, piece: NDArray[np.float32]) -> NDArray[np.float32]:
        """What of the audio so far can go on; empty while all is silence."""
        if self._is_over:
            return piece
        held = np.concatenate((self._held, piece))
        sounds = np.flatnonzero(np.abs(held) >= AUDIBLE)
        silent = int(sounds[0]) if sounds.size else held.size
        allowed = self._most_samples - self._trimmed_samples
        trimmed = min(max(silent - self._kept_samples, 0), allowed)
        self._trimmed_samples += trimmed
        self._is_over = bool(sounds.size) or trimmed == allowed
        self._held = held[trimmed:]
        return self._release() if self._is_over else self._held[:0]

    def flush(self) -> NDArray[np.float32]:
        """The rest, when the audio ends in silence."""
        self._is_over = True
        return self._release()

    def _release(self) -> NDArray[np.float32]:
        held, self._held = self._held, self._held[:0]
        return held
