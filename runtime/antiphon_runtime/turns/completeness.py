"""Whether a turn is over, by what was said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from antiphon_runtime.turns.wordlists import phrases, words


class Completeness(StrEnum):
    COMPLETE = "complete"
    UNSURE = "unsure"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Reading:
    completeness: Completeness
    reason: str
    """For a log."""


_FILLERS = words("um uhm uh er erm ehm hm hmm mm")
_SOFT_FILLERS = words("so well like actually basically anyway")
_FILLER_PHRASES = phrases(
    "you know, i mean, let me see, let me think, let's see, hold on, wait, one moment, one second"
)
_NEVER_LAST = words(
    "a an the and or because although unless until whether than my your our their its each every i'm i'd i'll i've they're"
    " we're into onto between"
)
"""Something must follow, even where a recognizer put a full stop or a question mark."""
_SELDOM_LAST = words(
    "but nor if though while whereas his her of from with without about to for at by very really too just some any is are"
    " am was were be been being has have had will would could should can may might must does did do i you're he's she's"
    " that's"
)
"""Something may follow, unless it is a question: what is it for?"""
_ENDS_ALONE = words(
    "yes no yeah yep nope yup okay ok sure thanks hello hi hey bye goodbye stop please correct right exactly maybe never"
    " nothing none great perfect absolutely definitely"
)
_OPENERS = words("if when because although since while unless whenever after before")
_DIGITS = words("zero oh one two three four five six seven eight nine ten double triple")
_TENS = words(
    "eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy"
    " eighty ninety hundred"
)
_DICTATED_LENGTHS: Final = {
    **dict.fromkeys(("phone", "mobile", "telephone", "cell"), 10),
    **dict.fromkeys(("card", "credit", "debit"), 16),
    **dict.fromkeys(("zip", "postcode", "postal"), 5),
    **dict.fromkeys(("pin", "code"), 4),
    **dict.fromkeys(("account", "number", "iban", "reference", "serial", "passport"), 8),
}
"""Digits that are to be expected after a word."""
_SUBJECTS = words("i you we they he she it there")
_VERBS = words(
    "am is are was were do does did have has had will would could should can may might must don't doesn't isn't"
)
_WORD = re.compile(r"[\w'@]+", re.UNICODE)
_WORDS_OF_TWO_PARTS = 8
_MANY_DIGITS = 3
_USUAL_LENGTH = 10


def read(text: str, *, language: str = "en", asked: str = "") -> Reading:
    """Judges by punctuation in every language, and by words in English.

    `asked`: what the agent said before; who is asked for a phone number need not say that it is one.
    """
    text = text.strip().replace("\u2019", "'")
    found = [word.strip("'") for word in _WORD.findall(text.lower())]
    if text.endswith(("...", "\u2026", ",", "-", "\u2013", "\u2014", ":", ";", "\u3001", "\uff0c")):
        return Reading(Completeness.UNFINISHED, "breaks off")
    if not found:
        return Reading(Completeness.UNSURE, "nothing understood")
    if language.partition("-")[0].lower() == "en":
        reading = _read_english(text, found, _WORD.findall(asked.lower()))
        if reading is not None:
            return reading
    if text.endswith((".", "!", "?", "\u3002", "\uff01", "\uff1f", "\u061f")):
        return Reading(Completeness.COMPLETE, "ends as a sentence")
    return Reading(Completeness.UNSURE, "no end of a sentence")


def _read_english(text: str, said: list[str], asked: list[str]) -> Reading | None:
    """None: the words do not tell."""
    if len(said) == 1 and said[0] in _ENDS_ALONE:
        return Reading(Completeness.COMPLETE, "an answer of one word")
    if _is_dictating(said, asked):
        return Reading(Completeness.UNFINISHED, "a number or name is being dictated")
    if said[-1] in _NEVER_LAST:
        return Reading(Completeness.UNFINISHED, f"ends with '{said[-1]}'")
    return None if text.endswith("?") else _read_statement(text, said)


def _read_statement(text: str, said: list[str]) -> Reading | None:
    is_stopped = text.endswith((".", "!"))
    if said[-1] in _FILLERS or any(" ".join(said[-length:]) in _FILLER_PHRASES for length in (1, 2, 3)):
        return Reading(Completeness.UNFINISHED, "ends with a filler")
    if _is_short_answer(said):
        return Reading(Completeness.COMPLETE, "a short answer")
    if said[-1] in _SELDOM_LAST | _SOFT_FILLERS:
        doubt = Completeness.UNSURE if is_stopped else Completeness.UNFINISHED
        return Reading(doubt, f"ends with '{said[-1]}'")
    if said[0] in _OPENERS and "," not in text and len(said) < _WORDS_OF_TWO_PARTS:
        return Reading(Completeness.UNSURE, f"begins with '{said[0]}' and has one part")
    return None


def _is_short_answer(said: list[str]) -> bool:
    """Yes, I do. No, they are."""
    return 2 <= len(said) <= 3 and said[-1] in _VERBS and said[-2] in _SUBJECTS


def _is_dictating(said: list[str], asked: list[str]) -> bool:
    """Digits or single letters at the end, and fewer of them than are to be expected."""
    counts: list[int] = []
    while len(counts) < len(said) and (count := _spelled(said[-1 - len(counts)])):
        counts.append(count)
    before = asked + said[: len(said) - len(counts)]
    expected = max((_DICTATED_LENGTHS[word] for word in before if word in _DICTATED_LENGTHS), default=None)
    if expected is not None:
        return 2 <= sum(counts) < expected
    return counts.count(1) >= _MANY_DIGITS and sum(counts) < _USUAL_LENGTH


def _spelled(word: str) -> int:
    """Digits or letters that a word of a dictation stands for; 0: it is none."""
    if word.isdigit():
        return len(word)
    if word in _DIGITS or (len(word) == 1 and word.isalpha() and word not in ("a", "i")):
        return 1
    return 2 if word in _TENS else 0
