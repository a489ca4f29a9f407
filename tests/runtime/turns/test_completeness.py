"""Whether a turn is over, by what was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.turns.completeness import Completeness, read


@pytest.mark.parametrize(
    "text",
    [
        *(
            "What is the capital of France?",
            "Yes.",
            "no",
            "Thanks",
            "Stop",
            "I would like a table for two.",
            "Yes, I do.",
        ),
        *(
            "What is it for?",
            "Where are you from?",
            "Turn it on.",
            "My pin is one two three four.",
            "I am twenty-five.",
        ),
        *("It costs one hundred twenty five dollars.", "My number is 07700 900123.", "If it rains, we stay at home."),
        *("My phone number is 555 123 4567.", "I want that one."),
    ],
)
def test_complete(text: str) -> None:
    assert read(text).completeness is Completeness.COMPLETE, read(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "I would like to",
            "I want the.",
            "It is, um",
            "Well, uh.",
            "You know...",
            "I went to the shop and",
            "My,",
            "so",
        ),
        *("Can you tell me the?", "Because.", "Let me think.", "It's because my", "Hold on", "I'll go with"),
        *(
            "My number is 07700",
            "zero seven seven",
            "my card is 4111 1111",
            "It's J O H",
            "My phone number is five five five.",
        ),
    ],
)
def test_unfinished(text: str) -> None:
    assert read(text).completeness is Completeness.UNFINISHED, read(text)


@pytest.mark.parametrize(
    "text",
    ["", "...ah", "I like trains", "I'm doing well.", "That's what I looked for.", "When it rains.", "I saw her.", "!"],
)
def test_unsure(text: str) -> None:
    assert read(text).completeness is Completeness.UNSURE, read(text)


def test_what_was_asked_for_tells_how_much_is_to_come() -> None:
    assert read("555 0199.").completeness is Completeness.COMPLETE
    assert read("555 0199.", asked="What is your phone number?").completeness is Completeness.UNFINISHED
    assert read("12345.", asked="And the zip?").completeness is Completeness.COMPLETE


def test_other_languages_are_judged_by_punctuation() -> None:
    assert read("Ich will die.", language="de").completeness is Completeness.COMPLETE
    assert read("Ich will die", language="de").completeness is Completeness.UNSURE
    assert read("\u4f60\u597d\u3002", language="zh").completeness is Completeness.COMPLETE
    assert read("I want the.", language="en-GB").completeness is Completeness.UNFINISHED


@given(st.text(max_size=60), st.sampled_from(["en", "de", ""]))
def test_any_text_is_judged_and_white_space_does_not_matter(text: str, language: str) -> None:
    reading = read(text, language=language)
    assert reading.reason
    assert reading == read(f"  {text}\n", language=language)


@given(st.text("abcdefg ", max_size=30), st.sampled_from(["and", "the", "my", "because", "um"]))
def test_an_open_end_is_never_complete(text: str, last: str) -> None:
    for stop in ("", ".", ",", "..."):
        assert read(f"{text} {last}{stop}").completeness is Completeness.UNFINISHED
