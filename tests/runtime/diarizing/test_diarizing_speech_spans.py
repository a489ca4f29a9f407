from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.diarizing.speech_spans import FRAME_MS, loud_spans, spans_of
from antiphon_runtime.engines.protocols import HEARD_RATE


def test_short_pauses_are_bridged_and_short_sounds_are_left_out() -> None:
    probabilities = [0] * 10 + [1] * 10 + [0] * 4 + [0.9] * 6 + [0] * 20 + [1] * 2 + [0] * 10
    assert spans_of(probabilities) == [(10 * FRAME_MS, 30 * FRAME_MS)]


@given(st.lists(st.floats(0, 1)))
def test_spans_are_in_order_and_apart(probabilities: list[float]) -> None:
    edges = [edge for span in spans_of(probabilities) for edge in span]
    assert edges == sorted(set(edges))
    assert all(0 <= edge <= len(probabilities) * FRAME_MS for edge in edges)


def test_loud_parts_are_found_above_noise() -> None:
    samples = np.random.default_rng(0).standard_normal(4 * HEARD_RATE).astype(np.float32) * 0.001
    samples[HEARD_RATE : 2 * HEARD_RATE] *= 100
    ((start, end),) = loud_spans(samples)
    assert abs(start - 1000) <= FRAME_MS
    assert abs(end - 2000) <= FRAME_MS


def test_silence_has_no_spans() -> None:
    assert loud_spans(np.zeros(HEARD_RATE, np.float32)) == []
    assert loud_spans(np.zeros(100, np.float32)) == []
