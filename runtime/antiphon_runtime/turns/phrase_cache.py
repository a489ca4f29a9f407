"""Speech of frequent phrases, kept so that it need not be made again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

Speech = TypeVar("Speech")


@dataclass(frozen=True, slots=True)
class Phrase:
    """All that the sound of a text depends on."""

    voice: str
    variant: str
    speed: float
    text: str
    format: str


def phrase(*, voice: str, variant: str, speed: float, text: str, format: str) -> Phrase:  # noqa: A002
    """Two texts that differ in white space alone sound the same."""
    return Phrase(voice, variant, speed, " ".join(text.split()), format)


class PhraseCache(Generic[Speech]):
    """Keeps what was used last, within a number of entries and of bytes."""

    def __init__(self, *, most_entries: int, most_bytes: int) -> None:
        """0 entries: it keeps nothing."""
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Phrase, tuple[Speech, int]] = OrderedDict()
        self.kept_bytes = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Phrase) -> Speech | None:
        if key not in self._kept:
            self.misses += 1
            return None
        self.hits += 1
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def put(self, key: Phrase, speech: Speech, size_bytes: int) -> bool:
        """Says whether it was kept; what alone is larger than the cache is not."""
        self._remove(key)
        if not self._most_entries or size_bytes > self._most_bytes:
            return False
        self._kept[key] = (speech, size_bytes)
        self.kept_bytes += size_bytes
        while len(self._kept) > self._most_entries or self.kept_bytes > self._most_bytes:
            self._remove(next(iter(self._kept)))
        return True

    def forget_variant(self, variant: str) -> None:
        """After a switch nobody asks for the old variant's speech."""
        for key in [key for key in self._kept if key.variant == variant]:
            self._remove(key)

    def _remove(self, key: Phrase) -> None:
        _, size_bytes = self._kept.pop(key, (None, 0))
        self.kept_bytes -= size_bytes
