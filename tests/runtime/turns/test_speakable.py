"""What is written and what of it is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.turns.speakable import speakable


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("**Bold**, *italic*, __both__ and `code`.", "Bold, italic, both and code."),
        ("# Heading", "Heading"),
        ("> a quote", "a quote"),
        ("- one\n- two", "one. two"),
        ("1. First\n2. Second", "1. First. 2. Second"),
        ("[our site](https://a.b/c) is new", "our site is new"),
        ("![a cat](cat.png)", "a cat"),
        ("See https://www.example.com/x.", "See example.com/x."),
        ("Great! \U0001f389\U0001f44d\U0001f3fd Bye \u2764\ufe0f", "Great! Bye"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b. 1, 2"),
        ("2 * 3 is 6, and snake_case stays", "2 * 3 is 6, and snake_case stays"),
        ("It's 20% off: $5.99!", "It's 20% off: $5.99!"),
        ("\u4f60\u597d\uff0c\u4e16\u754c\u3002", "\u4f60\u597d\uff0c\u4e16\u754c\u3002"),
        ("caf\u00e9 na\u00efve", "caf\u00e9 na\u00efve"),
        ("---", ""),
        ("** **", ""),
    ],
)
def test_what_is_said(written: str, said: str) -> None:
    assert speakable(written) == said


@given(st.text(max_size=200))
def test_it_is_one_line_or_nothing(text: str) -> None:
    said = speakable(text)
    assert said == " ".join(said.split())
    assert not said or any(character.isalnum() for character in said)


@given(st.text("abcdefghij XYZ0123456789,.!?'", max_size=100))
def test_plain_words_are_said_as_they_are(text: str) -> None:
    assert speakable(text) in (" ".join(text.split()), "")


@given(
    st.lists(
        st.sampled_from(["red", "Blue", "42", "*", "**", "_", "`", "#", "\U0001f600", "[", "](http://x.y)"]),
        max_size=20,
    )
)
def test_no_word_is_lost(pieces: list[str]) -> None:
    said = speakable(" ".join(pieces)).split()
    assert [word for word in said if word.isalnum()] == [piece for piece in pieces if piece.isalnum()]
