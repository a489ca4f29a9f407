"""Leading silence goes, the sound stays, however the audio was cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

np = pytest.importorskip("numpy")

from antiphon_runtime.turns.trimming import LeadingSilence  # noqa: E402

RATE = 1000
"""A sample is a millisecond."""
samples = st.lists(st.sampled_from([0.0, 0.001, -0.005, 0.2, -0.9]), max_size=80)
quiet = st.lists(st.sampled_from([0.0, 0.001]), max_size=80)


def _trim(audio: list[float], cuts: list[int], most_ms: float) -> tuple[list[float], float]:
    trimmer = LeadingSilence(RATE, most_trimmed_ms=most_ms)
    whole = np.array(audio, np.float32)
    pieces = np.split(whole, sorted(cut for cut in cuts if cut < len(audio)))
    came = [trimmer.cut(piece) for piece in pieces]
    return [float(sample) for piece in (*came, trimmer.flush()) for sample in piece], trimmer.trimmed_ms


@given(quiet, samples, st.lists(st.integers(0, 160)), st.integers(0, 100))
def test_what_comes_out_is_the_end_of_what_went_in_however_it_is_cut(
    silence: list[float], rest: list[float], cuts: list[int], most_ms: int
) -> None:
    audio = [float(np.float32(sample)) for sample in silence + rest]
    came, trimmed_ms = _trim(audio, cuts, most_ms)
    assert came == audio[len(audio) - len(came) :]
    assert trimmed_ms == len(audio) - len(came) <= most_ms
    assert all(abs(sample) < 0.01 for sample in audio[: len(audio) - len(came)])
    assert (came, trimmed_ms) == _trim(audio, [], most_ms)


@given(quiet)
def test_ten_milliseconds_are_left_before_the_sound(silence: list[float]) -> None:
    came, trimmed_ms = _trim([*silence, 0.5], [], 1000)
    assert len(came) == min(len(silence), 10) + 1
    assert trimmed_ms == max(len(silence) - 10, 0)


def test_the_sound_comes_out_as_soon_as_it_is_there() -> None:
    trimmer = LeadingSilence(RATE)
    assert trimmer.cut(np.zeros(100, np.float32)).size == 0
    assert trimmer.cut(np.full(5, 0.5, np.float32)).size == 15
    assert trimmer.cut(np.zeros(7, np.float32)).size == 7


def test_silence_that_is_too_long_to_be_cut_is_not_held_back() -> None:
    trimmer = LeadingSilence(RATE, most_trimmed_ms=50)
    assert trimmer.cut(np.zeros(100, np.float32)).size == 50
    assert trimmer.cut(np.zeros(7, np.float32)).size == 7
