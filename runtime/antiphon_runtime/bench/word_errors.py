"""How many words were heard wrong (WER)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_DIGITS = dict(
    zip("0123456789", ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True)
)


def words(text: str) -> list[str]:
    """Without case and punctuation; a digit that stands alone is a word."""
    return [_DIGITS.get(word, word) for word in re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower())]


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Words left out, put in, or put in the place of others (Levenshtein)."""
    before = list(range(len(heard) + 1))
    for row, wanted in enumerate(said, 1):
        now = [row]
        for column, got in enumerate(heard, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (wanted != got)))
        before = now
    return before[-1]


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Of all (said, heard) together: errors by words said, which may be above 1. None: nothing was said."""
    errors = total = 0
    for said, heard in pairs:
        wanted = words(said)
        errors += word_errors(wanted, words(heard))
        total += len(wanted)
    return errors / total if total else None
