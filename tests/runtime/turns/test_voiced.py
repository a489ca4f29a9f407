from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.engines.protocols import HEARD_RATE
from antiphon_runtime.turns.voiced import Span, VoicedSpans, without_silence

FRAMES = st.lists(st.booleans(), min_size=1, max_size=200)


def spans_of(frames: list[bool]) -> VoicedSpans:
    spans = VoicedSpans()
    for index, voiced in enumerate(frames):
        if voiced:
            spans.add(index * 32.0, (index + 1) * 32.0)
    return spans


@given(FRAMES)
def test_spans_cover_exactly_the_voiced_frames(frames: list[bool]) -> None:
    found = spans_of(frames).within(0, len(frames) * 32.0)
    covered = [any(span.start_ms <= index * 32 < span.end_ms for span in found) for index in range(len(frames))]
    assert covered == frames
    assert all(before.end_ms < after.start_ms for before, after in itertools.pairwise(found))


def test_spans_are_cut_to_what_is_asked_for() -> None:
    assert spans_of([True] * 10).within(40, 100) == [Span(40, 100)]
    assert spans_of([True] * 10).within(400, 500) == []


@given(FRAMES)
def test_no_speech_is_lost_and_none_comes_twice(frames: list[bool]) -> None:
    samples = np.arange(len(frames) * 512, dtype=np.float32)
    kept = without_silence(samples, 0, spans_of(frames).within(0, len(frames) * 32.0))
    assert (np.diff(kept) > 0).all()
    voiced = np.repeat(frames, 512)
    if voiced.any():
        assert set(samples[voiced]) <= set(kept)
    else:
        assert len(kept) == len(samples)


def test_long_silence_goes_short_silence_stays() -> None:
    second = HEARD_RATE
    samples = np.ones(5 * second, np.float32)
    kept = without_silence(samples, 1000, [Span(1000, 2000), Span(5000, 6000)])
    assert len(kept) == second * 2 + 2 * round(0.2 * HEARD_RATE)
    assert len(without_silence(samples, 1000, [Span(1000, 2000), Span(2300, 6000)])) == len(samples)


def test_old_spans_are_forgotten() -> None:
    spans = VoicedSpans()
    for minute in range(100):
        spans.add(minute * 60_000.0, minute * 60_000.0 + 32)
    assert len(spans.within(0, 100 * 60_000.0)) <= 12
