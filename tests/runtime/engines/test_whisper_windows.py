from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.engines.protocols import HEARD_RATE
from antiphon_runtime.engines.whisper_windows import FULL_WINDOW_FRAMES, is_loop, pieces, window_frames

_SECONDS = st.floats(0, 100)


@given(_SECONDS)
def test_pieces_are_the_audio_again_and_each_fits_a_window(seconds: float) -> None:
    samples = np.arange(int(seconds * HEARD_RATE), dtype=np.float32)
    cut = pieces(samples)
    assert np.array_equal(np.concatenate(cut), samples)
    assert all(len(piece) <= 30 * HEARD_RATE for piece in cut)


def test_long_audio_is_cut_where_it_is_quiet() -> None:
    samples = np.ones(40 * HEARD_RATE, np.float32)
    samples[26 * HEARD_RATE : 27 * HEARD_RATE] = 0
    first, _ = pieces(samples)
    assert 26 <= len(first) / HEARD_RATE <= 27


@given(st.floats(0, 29), st.sampled_from([500, 1000, 3000]))
def test_a_window_holds_the_audio_and_is_no_longer_than_needed(seconds: float, least: int) -> None:
    frames = window_frames(int(seconds * HEARD_RATE), least)
    assert seconds * 100 <= frames <= FULL_WINDOW_FRAMES
    assert frames <= max(least, seconds * 100 + 560)


@pytest.mark.parametrize(
    "text",
    [
        "no no no no no no",
        "and then and then and then and then",
        "thank you. " * 20,
        "la " * 4,
        "Is it far from here? Is it far from here",
    ],
)
def test_a_loop_is_seen(text: str) -> None:
    assert is_loop(text)


@pytest.mark.parametrize(
    "text", ["", "No, no, no!", "bye bye", "It was the best of times, it was the worst of times.", "one two three four"]
)
def test_what_people_say_is_no_loop(text: str) -> None:
    assert not is_loop(text)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4, unique=True), st.integers(4, 9))
def test_few_words_said_four_times_in_a_row_are_a_loop(words: list[str], rounds: int) -> None:
    assert is_loop(" ".join(["before", *words * rounds, "after"]))
