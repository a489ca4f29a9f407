"""Where speech is in a file: by the probabilities of a vad, or by loudness alone. Spans are in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from antiphon_runtime.engines.protocols import HEARD_RATE, VAD_SAMPLES, Samples

Span: TypeAlias = tuple[float, float]
FRAME_MS = VAD_SAMPLES * 1000 / HEARD_RATE
THRESHOLD = 0.5
_PAUSE_MS = 250.0
"""Shorter pauses do not break a span."""
_LEAST_MS = 96.0
"""Shorter sounds are not speech."""
_BELOW_PEAK, _ABOVE_FLOOR = 10 ** (-30 / 20), 10 ** (6 / 20)
_LEAST_LOUDNESS = 1e-4


def spans_of(probabilities: Sequence[float], threshold: float = THRESHOLD) -> list[Span]:
    """From the probability of speech in each frame."""
    return _spans(np.asarray(probabilities) >= threshold)


def loud_spans(samples: Samples) -> list[Span]:
    """Frames clearly louder than the quietest, and not far below the loudest. Loud noise passes for speech."""
    frames = samples[: len(samples) - len(samples) % VAD_SAMPLES].reshape(-1, VAD_SAMPLES)
    if not len(frames):
        return []
    loudness = np.sqrt(np.mean(frames.astype(np.float64) ** 2, axis=1))
    floor, peak = np.percentile(loudness, 10), np.percentile(loudness, 95)
    return _spans(loudness > max(min(floor * _ABOVE_FLOOR, peak / 2), peak * _BELOW_PEAK, _LEAST_LOUDNESS))


def _spans(speech: np.typing.NDArray[np.bool_]) -> list[Span]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], speech, [False])).astype(np.int8))) * FRAME_MS
    spans: list[Span] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if spans and start - spans[-1][1] < _PAUSE_MS:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return [(start, end) for start, end in spans if end - start >= _LEAST_MS]
