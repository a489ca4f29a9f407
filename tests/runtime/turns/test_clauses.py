"""An answer in clauses: nothing lost, the first one short, abbreviations and figures whole."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.turns.clauses import DEFAULT_LENGTHS, Clause, ClauseSplitter

pieces = st.sampled_from(
    [
        *(
            "word",
            "Word",
            " ",
            "  ",
            "\n",
            "\n\n",
            ". ",
            ".",
            "! ",
            "?",
            ", ",
            ",",
            "; ",
            ": ",
            " - ",
            " \u2014 ",
            "...",
            "\u2026",
        ),
        *(
            "Dr. ",
            "e.g. ",
            "p.m. ",
            "No. 5",
            "3.14",
            "1,000",
            "https://a.b/c?d=e",
            "1. ",
            "- ",
            "**",
            "`",
            "[a, b](http://c.d)",
        ),
        *("\U0001f600", "\u3053\u3093\u306b\u3061\u306f", "\u3002", '"', ")", "(", "[", "J. "),
    ]
)
texts = st.lists(pieces, max_size=40).map("".join) | st.text(max_size=200)


def _split(text: str, cuts: list[int] | None = None) -> list[Clause]:
    splitter = ClauseSplitter()
    edges = [0, *sorted(cut for cut in cuts or [] if cut < len(text)), len(text)]
    tokens = [text[start:end] for start, end in pairwise(edges)]
    return [*(clause for token in tokens for clause in splitter.push(token)), *splitter.flush()]


def _texts(text: str) -> list[str]:
    return [clause.text.strip() for clause in _split(text)]


@given(texts, st.lists(st.integers(0, 400), max_size=50))
def test_nothing_is_lost_however_the_tokens_are_cut(text: str, cuts: list[int]) -> None:
    clauses = _split(text, cuts)
    assert "".join(clause.text for clause in clauses) == text
    assert clauses == _split(text) == _split(text, list(range(len(text))))


@given(st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=80).map(" ".join))
def test_no_clause_is_too_long_while_there_are_words(text: str) -> None:
    for number, clause in enumerate(_split(text)):
        assert len(clause.text.strip()) <= DEFAULT_LENGTHS[min(number, 2)].most + 12


@given(texts)
def test_a_clause_is_given_as_soon_as_it_is_certain(text: str) -> None:
    """What is held back never has a boundary that a later text could not change."""
    splitter = ClauseSplitter()
    given_ = [clause for character in text for clause in splitter.push(character)]
    assert given_ == ClauseSplitter().push(text)


def test_the_first_is_short_and_later_ones_grow() -> None:
    clauses = _texts(
        "Well, that is a good question, and I am glad. It has, as far as I know, two answers. One is long. Two is short."
        " And three, to make it longer still, is neither long nor short, as you may have guessed by now, my friend."
    )
    assert clauses[0] == "Well, that is a good question,"
    assert clauses[1] == "and I am glad. It has, as far as I know, two answers."
    assert clauses[2].startswith("One is long. Two is short. And three,")
    assert clauses[2].endswith("as you may have guessed by now,")
    assert clauses[3] == "my friend."


@pytest.mark.parametrize(
    "sentence",
    [
        "Dr. Smith lives here.",
        "It costs $3.50 or 1,000.75 yen.",
        "J. R. R. Tolkien wrote it.",
        "See https://example.com/a.b?c=d, now.",
        "I like fruit, e.g. apples.",
        "He came at 5 p.m. on Monday.",
        "The U.S. economy grew.",
        "Look at No. 5 there.",
        "Visit example.com today.",
        "It starts at 10:30 sharp.",
        "So... it is done.",
        "It is 3 approx. ten times.",
    ],
)
def test_a_sentence_stays_whole(sentence: str) -> None:
    text = f"A beginning of enough length. {sentence} What follows is long enough to be another clause."
    assert any(sentence in clause for clause in _texts(text)), _texts(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes. It is.", ["Yes.", "It is."]),
        ("He was born in 1990. Then he left.", ["He was born in 1990.", "Then he left."]),
        ('She said "go." Then he went.', ['She said "go."', "Then he went."]),
        ("What?! No way.", ["What?!", "No way."]),
        ("At 5 p.m. Then we go.", ["At 5 p.m.", "Then we go."]),
        (
            "\u4eca\u65e5\u306f\u3044\u3044\u3002\u660e\u65e5\u3082\u3002",
            ["\u4eca\u65e5\u306f\u3044\u3044\u3002", "\u660e\u65e5\u3082\u3002"],
        ),
        ("It is so.\n\nThen came a long second paragraph.", ["It is so.", "Then came a long second paragraph."]),
    ],
)
def test_sentences_are_parted(text: str, expected: list[str]) -> None:
    assert _texts(text) == expected


def test_the_end_of_a_sentence_is_known_with_the_next_word() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("The capital is Paris") == []
    assert splitter.push(".") == []
    assert splitter.push(" It") == [Clause("The capital is Paris.", "The capital is Paris.")]
    assert splitter.flush() == [Clause(" It", "It")]


def test_what_is_not_said_is_still_text() -> None:
    assert _split("\U0001f600") == [Clause("\U0001f600", "")]
    assert _split("") == []


@pytest.mark.parametrize("ellipsis", ["...", "\u2026"])
def test_an_ellipsis_waits_for_what_follows(ellipsis: str) -> None:
    text = f"So{ellipsis} it goes on. Then"
    expected = [f"So{ellipsis} it goes on.", "Then"]
    assert _texts(text) == [clause.text.strip() for clause in _split(text, list(range(len(text))))] == expected
