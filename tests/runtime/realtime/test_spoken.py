"""Cutting text to what was heard: whole words, never more than was said, and more the longer one listens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.realtime.spoken import SpokenText

clauses = st.lists(st.tuples(st.text(alphabet="ab ", min_size=1, max_size=30), st.integers(0, 2_000)), max_size=6)


def spoken(said: list[tuple[str, int]]) -> SpokenText:
    answer, end_ms = SpokenText(), 0
    for text, length_ms in said:
        answer.add_text(text)
        end_ms += length_ms
        answer.add_audio(end_ms)
    answer.complete()
    return answer


@given(clauses, st.integers(0, 15_000), st.integers(0, 15_000))
def test_more_listening_hears_more(said: list[tuple[str, int]], early_ms: int, late_ms: int) -> None:
    early_ms, late_ms = sorted((early_ms, late_ms))
    early, late = spoken(said), spoken(said)
    whole = early.text
    early.cut(early_ms)
    late.cut(late_ms)
    assert whole.startswith(late.text)
    assert late.text.startswith(early.text)
    assert early.audio_ms <= early_ms


@given(clauses)
def test_who_hears_all_hears_every_word(said: list[tuple[str, int]]) -> None:
    answer = spoken(said)
    whole = answer.text
    answer.cut(answer.audio_ms)
    assert answer.text == whole


@given(clauses, st.integers(0, 15_000))
def test_no_word_is_cut_in_two(said: list[tuple[str, int]], heard_ms: int) -> None:
    answer = spoken(said)
    ends = {0, len(answer.text)}
    at = 0
    for text, _ in said:
        ends |= {at + index for index, letter in enumerate(text) if letter == " "}
        ends |= {at + index + 1 for index, letter in enumerate(text) if letter == " "}
        at += len(text)
        ends.add(at)
    answer.cut(heard_ms)
    assert len(answer.text) in ends


def test_after_a_cut_nothing_is_added() -> None:
    answer = spoken([("one two", 1_000)])
    answer.cut(600)
    answer.add_text(" three")
    answer.add_audio(5_000)
    assert (answer.text, answer.audio_ms, answer.is_cut) == ("one", 600, True)


def test_text_that_has_no_audio_yet_was_not_heard() -> None:
    answer = spoken([("one two", 1_000)])
    answer.add_text(" three four")
    answer.cut(1_000)
    assert answer.text == "one two"
