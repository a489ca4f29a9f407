"""What the user has heard of an answer: made, sent and played are three things."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_WORD_END = re.compile(r"(?<=\S)(?=\s|$)")


@dataclass(slots=True)
class Playback:
    """An answer's audio on its way. Times are seconds of one clock; lengths are milliseconds of audio.

    A client that plays what it gets at once hears it `latency_seconds` after it was sent.
    """

    latency_seconds: float = 0.0
    generated_ms: float = 0.0
    sent_ms: float = 0.0
    underruns: int = 0
    """Times that the client had played all it had while more was to come."""
    _runs: list[tuple[float, float]] = field(default_factory=list)
    """Start and length in ms of stretches that are played without a gap."""

    def generated(self, milliseconds: float) -> None:
        self.generated_ms += milliseconds

    def sent(self, at_seconds: float, milliseconds: float) -> None:
        """A piece was sent; pieces are played one after the other."""
        self.sent_ms += milliseconds
        arrives = at_seconds + self.latency_seconds
        if self._runs:
            start, length = self._runs[-1]
            if arrives <= start + length / 1e3:
                self._runs[-1] = (start, length + milliseconds)
                return
            self.underruns += 1
        self._runs.append((arrives, milliseconds))

    def stop(self, at_seconds: float) -> None:
        """The client plays no more: what it has and has not played yet is dropped."""
        self._runs = [(start, min(length, max((at_seconds - start) * 1e3, 0.0))) for start, length in self._runs]

    def played_ms(self, at_seconds: float) -> float:
        """Never more than was sent, and never less than before."""
        return sum(min(max((at_seconds - start) * 1e3, 0.0), length) for start, length in self._runs)

    def ends_at_seconds(self) -> float | None:
        """When all that was sent has been played. None: nothing was."""
        return self._runs[-1][0] + self._runs[-1][1] / 1e3 if self._runs else None


@dataclass(frozen=True, slots=True)
class Spoken:
    """A clause of the answer and its sound."""

    text: str
    milliseconds: float
    marks: tuple[tuple[str, float, float], ...] = ()
    """Words or phonemes, with start and end in milliseconds from the clause's beginning."""


def heard_text(clauses: Sequence[Spoken], audio_ms: float) -> str:
    """The whole words of the answer that were played to their end after so much of its audio.

    Exact where marks are the words; else by the share of phonemes that were played; without marks, by time.
    """
    heard: list[str] = []
    for clause in clauses:
        if audio_ms < clause.milliseconds:
            heard.append(clause.text[: _heard_characters(clause, audio_ms)])
            break
        heard.append(clause.text)
        audio_ms -= clause.milliseconds
    return "".join(heard)


def _heard_characters(clause: Spoken, audio_ms: float) -> int:
    if audio_ms <= 0:
        return 0
    exact = _end_of_marked_words(clause, audio_ms)
    if exact is not None:
        return exact
    if clause.marks:
        share = sum(end <= audio_ms for _, _, end in clause.marks) / len(clause.marks)
    else:
        share = audio_ms / clause.milliseconds
    ends = [match.start() for match in _WORD_END.finditer(clause.text)]
    return max((end for end in ends if end <= share * len(clause.text)), default=0)


def _end_of_marked_words(clause: Spoken, audio_ms: float) -> int | None:
    """None: the marks are not the text's words."""
    text = clause.text.lower()
    position, heard = 0, 0
    for word, _, end in clause.marks:
        found = text.find(word.strip().lower(), position)
        if found < 0 or not _is_whole_word(text, found, found + len(word.strip())):
            return None
        position = found + len(word.strip())
        if end <= audio_ms:
            heard = position
    return heard if clause.marks else None


def _is_whole_word(text: str, start: int, end: int) -> bool:
    """A phoneme such as `t` is found in many a text, but seldom as a word."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return end > start and not before.isalnum() and not after.isalnum()
