"""Lists of words, written as they are read."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def phrases(text: str) -> frozenset[str]:
    """Phrases are parted by commas."""
    return frozenset(phrase.strip() for phrase in text.split(","))
