"""Where a text that is still being written could be parted for speaking."""

from __future__ import annotations

import re
from dataclasses import dataclass

from antiphon_runtime.turns.wordlists import words

_NEVER_LAST = words(
    "mr mrs ms mx dr prof st mt gen col sgt capt lt sen rep rev hon gov pres supt vs e.g i.e eg ie cf ca approx fig figs eq"
    " vol pp p ch sec art nos jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun"
)
"""Abbreviations that something follows."""
_SELDOM_LAST = words("no al etc inc ltd co corp dept est jr sr bros ave blvd rd ph.d a.m p.m am pm u.s u.k e.u u.n")
"""Abbreviations that may end a sentence: one with a capital or a digit after them, `no` not before a digit."""
_CLOSERS = "\"'\u201d\u2019\u00bb)]}*_`~"
_SENTENCE_ENDS = ".!?\u2026"
_UNCERTAIN_ENDS = ".\u2026"
"""What follows tells whether they end the sentence."""
_UNSPACED_ENDS = "\u3002\uff01\uff1f\uff0e"
"""Those of languages that put no space between sentences."""
_UNSPACED_PARTS = "\u3001\uff0c\uff1b\uff1a"
_PART_ENDS = ",;:\u2014\u2013-"
_LIST_NUMBER = re.compile(r"(?:^|\n)[ \t]*(?:\d{1,3}|[A-Za-z])\Z")
_NO_SPACE = re.compile(r"\n|\S")
_LAST_WORD = re.compile(r"[\w.]*\Z")


@dataclass(frozen=True, slots=True)
class Boundary:
    at: int
    """Characters of the clause before it."""
    length: int
    """As `at`, without the white space at its ends."""
    is_sentence: bool = False
    is_part: bool = False


class Reader:
    """Reads once over the text of a clause; waits where the next characters are needed to understand the last ones."""

    def __init__(self) -> None:
        self._text = ""
        self._position = 0
        self._has_ended = False

    def add(self, text: str) -> None:
        self._text += text

    def end(self) -> None:
        self._has_ended = True

    def take(self, end: int) -> str:
        """Removes the clause; what follows is read anew."""
        clause, self._text = self._text[:end], self._text[end:]
        self._position = 0
        return clause

    def rest(self) -> str:
        return self.take(len(self._text))

    def next_boundary(self) -> Boundary | None:
        """None: the text so far has no further one that is certain."""
        while self._position < len(self._text):
            end = self._after_closers(self._position)
            if self._needs_more(end):
                return None
            boundary = self._boundary(self._position, end)
            self._position += 1
            if boundary is not None:
                return boundary
        return None

    def _after_closers(self, position: int) -> int:
        """The end of a boundary at this character: closing quotes and brackets belong to what they close."""
        end = position + 1
        if self._text[position] in _SENTENCE_ENDS + _UNSPACED_ENDS + _PART_ENDS:
            while end < len(self._text) and self._text[end] in _CLOSERS:
                end += 1
        return end

    def _needs_more(self, end: int) -> bool:
        if self._has_ended:
            return False
        mark = self._text[self._position]
        if mark in _UNCERTAIN_ENDS:
            return not self._after_space(end)
        return end >= len(self._text) and mark != "\n"

    def _boundary(self, position: int, end: int) -> Boundary | None:
        mark = self._text[position]
        following = self._text[end : end + 1]
        is_certain = mark == "\n" or mark in _UNSPACED_ENDS + _UNSPACED_PARTS
        if not is_certain and (mark.isspace() or not self._parts_words(mark, following)):
            return None
        length = len(self._text[:end].strip())
        if not length or self._is_in_link(end):
            return None
        if is_certain:
            return Boundary(end, length, is_sentence=mark not in _UNSPACED_PARTS, is_part=True)
        if mark in _SENTENCE_ENDS:
            return self._after_stop(position, end, length)
        return Boundary(end, length, is_part=mark in _PART_ENDS and self._is_part(position))

    def _parts_words(self, mark: str, following: str) -> bool:
        return following.isspace() or (_is_unspaced(mark) and _is_unspaced(following))

    def _after_stop(self, position: int, end: int, length: int) -> Boundary | None:
        mark = self._text[position]
        following = self._after_space(end)
        if mark == "." and self._is_abbreviation(position, following):
            return None
        is_sentence = mark not in _UNCERTAIN_ENDS or not following.islower()
        return Boundary(end, length, is_sentence=is_sentence, is_part=not is_sentence)

    def _after_space(self, end: int) -> str:
        """The first character that is no space; the end of a line is one. Empty: not known."""
        found = _NO_SPACE.search(self._text, end)
        return found.group() if found else ""

    def _is_abbreviation(self, position: int, following: str) -> bool:
        before = self._text[:position]
        found = _LAST_WORD.search(before)
        word = found.group().lower() if found else ""
        if _LIST_NUMBER.search(before) or word in _NEVER_LAST:
            return True
        if word in _SELDOM_LAST:
            return following.isdigit() if word == "no" else not following.isupper()
        return len(word) == 1 and word.isalpha() and word != "i"

    def _is_part(self, position: int) -> bool:
        """A dash parts only where it stands between spaces."""
        return self._text[position] != "-" or self._text[position - 1 : position].isspace()

    def _is_in_link(self, end: int) -> bool:
        clause = self._text[:end]
        return clause.rfind("[") > clause.rfind("]") and "\n" not in clause[clause.rfind("[") :]


def _is_unspaced(character: str) -> bool:
    """Of a script that puts no spaces between words."""
    return "\u3040" <= character <= "\u9fff" or "\u0e00" <= character <= "\u0e7f"
