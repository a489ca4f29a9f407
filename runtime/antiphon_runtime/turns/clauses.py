"""Splits an answer, as it is written, into clauses that can be spoken: the first short, so that it is heard soon."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_runtime.turns.boundaries import Boundary, Reader
from antiphon_runtime.turns.speakable import speakable


@dataclass(frozen=True, slots=True)
class Clause:
    text: str
    """As written: all clauses of an answer joined are the answer."""
    spoken: str
    """As it is said; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """When a clause is long enough, in characters."""

    sentence: int
    """From here on it ends with its sentence; a shorter one takes the next sentence in."""
    part: int
    """From here on it ends with a comma or the like too."""
    most: int
    """From here on it ends with any word."""


DEFAULT_LENGTHS = (Lengths(2, 12, 60), Lengths(20, 50, 140), Lengths(40, 100, 220))
"""Of the first, the second and all later clauses. What is spoken meanwhile gives time for longer ones."""


class ClauseSplitter:
    """The clauses depend on the text alone, not on how it was cut into tokens."""

    def __init__(self, lengths: tuple[Lengths, ...] = DEFAULT_LENGTHS) -> None:
        self._lengths = lengths
        self._reader = Reader()
        self._index = 0
        self._space: int | None = None
        """Where the clause could end after a word."""

    def push(self, token: str) -> list[Clause]:
        """The clauses that are complete with this token."""
        self._reader.add(token)
        return self._complete()

    def flush(self) -> list[Clause]:
        """The rest, when the answer is complete."""
        self._reader.end()
        found = self._complete()
        rest = self._reader.rest()
        return [*found, self._clause(rest)] if rest else found

    def _complete(self) -> list[Clause]:
        found = []
        while (boundary := self._reader.next_boundary()) is not None:
            if (end := self._end_at(boundary)) is not None:
                found.append(self._clause(self._reader.take(end)))
        return found

    def _end_at(self, boundary: Boundary) -> int | None:
        """Where the clause ends, now that the text has this boundary; None: it goes on."""
        lengths = self._lengths[min(self._index, len(self._lengths) - 1)]
        length = boundary.length
        if (boundary.is_sentence and length >= lengths.sentence) or (boundary.is_part and length >= lengths.part):
            return boundary.at
        if length < lengths.most:
            self._space = boundary.at
            return None
        return boundary.at if self._space is None or length == lengths.most else self._space

    def _clause(self, text: str) -> Clause:
        self._space = None
        spoken = speakable(text)
        self._index += bool(spoken)
        return Clause(text, spoken)
