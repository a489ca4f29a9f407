"""What was generated, sent and played are apart; what was heard is a beginning of what was said."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.turns.heard import Playback, Spoken, heard_text

texts = st.text("ab .,é", min_size=1, max_size=30)


@st.composite
def clauses(draw: st.DrawFn) -> Spoken:
    text = draw(texts)
    milliseconds = draw(st.floats(1, 5000))
    kind = draw(st.sampled_from(["none", "words", "phonemes"]))
    names = [] if kind == "none" else text.split() if kind == "words" else ["f\u0259"] * draw(st.integers(1, 9))
    step = milliseconds / max(len(names), 1)
    marks = tuple((name, step * place, step * (place + 1)) for place, name in enumerate(names))
    return Spoken(text, milliseconds, marks)


@given(st.lists(clauses(), max_size=4), st.lists(st.floats(-10, 30000), min_size=2, max_size=6))
def test_it_is_a_beginning_of_the_text_and_grows_with_time(said: list[Spoken], moments: list[float]) -> None:
    whole = "".join(clause.text for clause in said)
    heard = [heard_text(said, moment) for moment in sorted(moments)]
    for earlier, later in pairwise(heard):
        assert later.startswith(earlier)
    assert whole.startswith(heard[-1])
    assert heard_text(said, sum(clause.milliseconds for clause in said) + 1) == whole
    assert heard_text(said, 0) == ""


@given(st.lists(clauses(), max_size=4), st.floats(0, 30000))
def test_it_has_whole_words_only(said: list[Spoken], moment: float) -> None:
    whole = "".join(clause.text for clause in said)
    heard = heard_text(said, moment)
    ends = {0}
    for clause in said:
        ends.add(max(ends) + len(clause.text))
    following = whole[len(heard) : len(heard) + 1]
    assert len(heard) in ends or not following.isalnum() or not heard[-1].isalnum()


def test_marks_of_words_are_exact() -> None:
    said = [
        Spoken(
            "Well, the blue whale.",
            1000,
            (("well", 0, 600), ("the", 600, 650), ("blue", 650, 800), ("whale", 800, 990)),
        )
    ]
    assert heard_text(said, 599) == ""
    assert heard_text(said, 600) == "Well"
    assert heard_text(said, 700) == "Well, the"
    assert heard_text(said, 995) == "Well, the blue whale"


def test_phonemes_tell_of_pauses_that_time_does_not() -> None:
    marks = (("w", 0, 10), ("\u025b", 10, 20), ("l", 20, 30), ("n", 800, 850), ("o\u028a", 850, 900))
    assert heard_text([Spoken("well no", 1000, marks)], 500) == "well"
    assert heard_text([Spoken("well no", 1000)], 500) == ""


def test_without_marks_it_is_by_time() -> None:
    assert heard_text([Spoken("one two", 1000), Spoken(" three four", 1000)], 1600) == "one two three"


sendings = st.lists(st.tuples(st.floats(0, 2), st.floats(1, 2000)), max_size=12)


@given(sendings, st.floats(0, 0.5), st.lists(st.floats(0, 40), min_size=1))
def test_played_never_exceeds_sent_and_never_falls(
    pieces: list[tuple[float, float]], latency: float, moments: list[float]
) -> None:
    playback = Playback(latency_seconds=latency)
    at = 0.0
    for gap, milliseconds in pieces:
        at += gap
        playback.sent(at, milliseconds)
    played = [playback.played_ms(moment) for moment in sorted(moments)]
    assert played == sorted(played)
    assert all(0 <= milliseconds <= playback.sent_ms + 1e-6 for milliseconds in played)
    ends = playback.ends_at_seconds()
    assert (ends is None) == (not pieces)
    if ends is not None:
        assert playback.played_ms(ends + 1e-6) == pytest.approx(playback.sent_ms, abs=0.01)


def test_generated_sent_and_played_are_apart() -> None:
    playback = Playback(latency_seconds=0.05)
    playback.generated(3000)
    playback.sent(10.0, 500)
    playback.sent(10.1, 500)
    assert playback.played_ms(10.65) == pytest.approx(600)
    assert (playback.generated_ms, playback.sent_ms, playback.underruns) == (3000, 1000, 0)


def test_a_piece_that_comes_too_late_is_an_underrun() -> None:
    playback = Playback()
    playback.sent(0.0, 100)
    playback.sent(0.2, 100)
    assert playback.underruns == 1
    assert playback.played_ms(0.25) == pytest.approx(150)
