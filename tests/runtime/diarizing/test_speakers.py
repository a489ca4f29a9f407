from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.stage_options import DiarizationOptions
from antiphon_runtime.diarizing.speakers import Speakers, label
from antiphon_runtime.engines.protocols import Samples

SIZE = 64
stretches = st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1), st.floats(0.1, 6)), max_size=60)
options = st.builds(
    DiarizationOptions, max_speakers=st.integers(1, 8), similarity=st.floats(0, 1), window_ms=st.just(3000)
)


def voice(who: int, spread: float = 0.0, seed: int = 0) -> Samples:
    """Voices are at right angles to each other; `spread` moves a stretch away from its voice."""
    noise = np.random.default_rng(seed).standard_normal(SIZE) / np.sqrt(SIZE)
    direction = np.eye(1, SIZE, who)[0] + spread * noise
    unit: Samples = (direction / np.linalg.norm(direction)).astype(np.float32)
    return unit


def turned(degrees: float) -> Samples:
    """From one voice towards another."""
    angle = np.radians(degrees)
    unit: Samples = (np.cos(angle) * voice(0) + np.sin(angle) * voice(1)).astype(np.float32)
    return unit


@given(stretches, options)
def test_what_holds_for_any_voices(given_stretches: list[tuple[int, float, float]], chosen: DiarizationOptions) -> None:
    speakers = Speakers(chosen)
    gone: set[str] = set()
    for seed, (who, spread, seconds) in enumerate(given_stretches):
        before = speakers.labels
        told = speakers.place(voice(who, spread, seed), seconds)
        assert told in speakers.labels or (told is None and not speakers.labels)
        if seconds < speakers.founding_seconds:
            assert speakers.labels == before, "short stretches change nothing"
        gone |= set(before) - set(speakers.labels)
        assert not gone & set(speakers.labels), "a label that is gone does not come back"
        assert len(speakers.labels) <= chosen.max_speakers
        assert speakers.labels == sorted(speakers.labels, key=lambda name: (len(name), name))


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(2, 6)), min_size=1, max_size=40))
def test_voices_that_differ_are_told_apart_and_keep_their_labels(turns: list[tuple[int, float]]) -> None:
    speakers = Speakers(DiarizationOptions())
    told = [(who, speakers.place(voice(who, 0.3, seed), seconds)) for seed, (who, seconds) in enumerate(turns)]
    assert len(set(told)) == len({who for who, _ in told}) == len({name for _, name in told})


def test_labels_are_letters_in_the_order_of_appearance() -> None:
    speakers = Speakers(DiarizationOptions())
    assert [speakers.place(voice(who), 3) for who in (3, 1, 3, 2)] == ["A", "B", "A", "C"]
    assert [label(index) for index in (0, 25, 26, 27, 701, 702)] == ["A", "Z", "AA", "AB", "ZZ", "AAA"]


def test_a_short_stretch_is_somebodys_and_changes_nothing() -> None:
    speakers = Speakers(DiarizationOptions())
    assert speakers.place(voice(0), 1) is None
    assert speakers.place(voice(0), 3) == "A"
    assert speakers.place(voice(1), 1) == "A"
    assert speakers.place(voice(1), 3) == "B"
    assert Speakers(DiarizationOptions()).place_surely(voice(0), 0.5) == "A"


def test_windows_shorter_than_usual_may_found_speakers_too() -> None:
    speakers = Speakers(DiarizationOptions(window_ms=1000, step_ms=500))
    assert [speakers.place(voice(who), 1) for who in (0, 1)] == ["A", "B"]


def test_speakers_that_turn_out_the_same_are_merged_and_the_younger_label_is_not_used_again() -> None:
    speakers = Speakers(DiarizationOptions())
    assert [speakers.place(turned(degrees), 3) for degrees in (0, 50)] == ["A", "B"]
    for degrees in (35, 15) * 5 + (25,) * 5:
        last = speakers.place(turned(degrees), 3)
    assert speakers.labels == ["A"]
    assert last == "A"
    assert speakers.place(voice(5), 3) == "C"


def test_no_more_speakers_than_allowed() -> None:
    speakers = Speakers(DiarizationOptions(max_speakers=2))
    told = [speakers.place(voice(who), 3) for who in range(4)]
    assert told[:2] == ["A", "B"]
    assert set(told) == {"A", "B"}


def test_a_voice_may_change_slowly() -> None:
    speakers = Speakers(DiarizationOptions())
    for degrees in np.linspace(0, 80, 200):
        assert speakers.place(turned(degrees), 3) == "A"
