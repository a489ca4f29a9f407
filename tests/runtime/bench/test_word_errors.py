from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.bench.word_errors import word_error_rate, word_errors, words

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12)


@given(TEXTS, TEXTS)
def test_errors_are_a_distance(said: list[str], heard: list[str]) -> None:
    errors = word_errors(said, heard)
    assert errors == word_errors(heard, said)
    assert (errors == 0) == (said == heard)
    assert abs(len(said) - len(heard)) <= errors <= max(len(said), len(heard))


@given(TEXTS, TEXTS, TEXTS)
def test_a_detour_is_never_shorter(one: list[str], other: list[str], third: list[str]) -> None:
    assert word_errors(one, third) <= word_errors(one, other) + word_errors(other, third)


def test_case_punctuation_and_digits_are_no_errors() -> None:
    assert words("It's NINE, isn't it?") == words("it's 9 isn't it")
    assert words("Zoë, über_alles!") == ["zoë", "über", "alles"]


def test_the_rate_is_of_all_words_said() -> None:
    assert word_error_rate([("one two three", "one three"), ("four", "four five")]) == 2 / 4
    assert word_error_rate([("one", "")]) == 1.0
    assert word_error_rate([("...", "")]) is None
