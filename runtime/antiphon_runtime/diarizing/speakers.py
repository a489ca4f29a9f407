"""Speakers from the directions of their voices, one stretch after another.

A speaker is the mean of its stretches. A stretch that is like none of them founds a new one. A short stretch goes to the
speaker that it is most like, and changes nothing. Two speakers that turn out to be one are merged: the older goes on, and
the younger's label is never told again.

The option `similarity` is that of two windows. A mean is nearer to all its windows than they are to each other, as what
is particular to each cancels out: with similarity s between any two, a window's to a mean of n windows is
s * sqrt(n / (1 + (n - 1) * s)), which goes from s to sqrt(s). That is the limit for a speaker of n windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np

from antiphon_crds.stage_options import DiarizationOptions
from antiphon_runtime.engines.protocols import Samples

_FOUNDING_SECONDS = 2.0
"""Shortest stretch that may found a speaker or change one; of short windows a share."""
_FOUNDING_SHARE = 0.8
_INDEPENDENT_SECONDS = 1.5
"""Speech after which a stretch tells something new of a voice."""
_SAME = 2 / 3
"""How much of the way from the limit to 1 the means of two speakers must be alike to be merged."""
_MEMORY_SECONDS = 120.0
"""Most weight of a speaker's past: over hours a voice may change."""


@dataclass(slots=True, eq=False)
class _Speaker:
    label: str
    direction: Samples
    seconds: float
    """Of speech in the mean."""


class Speakers:
    """Of one session, or one file."""

    def __init__(self, options: DiarizationOptions) -> None:
        self.founding_seconds = min(_FOUNDING_SECONDS, _FOUNDING_SHARE * options.window_ms / 1000)
        self._similarity = options.similarity
        self._most = options.max_speakers
        self._speakers: list[_Speaker] = []
        """Oldest first."""
        self._founded = 0

    @property
    def labels(self) -> list[str]:
        """Of those that are told apart now."""
        return [speaker.label for speaker in self._speakers]

    def place(self, direction: Samples, seconds: float, new_seconds: float | None = None) -> str | None:
        """Label of the stretch's speaker. None: nobody is known, and it is too short to found the first one.

        `new_seconds`: what of it was not in the stretch before.
        """
        fresh = seconds if new_seconds is None else new_seconds
        if seconds < self.founding_seconds:
            return self.nearest(direction)
        speaker = self._most_like(direction)
        if speaker is None:
            return self._found(direction, fresh)
        if _alike(speaker, direction) >= self._limit(speaker):
            self._move(speaker, direction, fresh)
            return self._merged(speaker).label
        return speaker.label if len(self._speakers) >= self._most else self._found(direction, fresh)

    def place_surely(self, direction: Samples, seconds: float) -> str:
        """As `place`; where nobody is known, even a short stretch is the first speaker's."""
        return self.place(direction, seconds) or self._found(direction, seconds)

    def nearest(self, direction: Samples) -> str | None:
        """Label of the one it is most like; nothing changes."""
        speaker = self._most_like(direction)
        return speaker.label if speaker else None

    def _most_like(self, direction: Samples) -> _Speaker | None:
        return max(self._speakers, key=lambda speaker: _alike(speaker, direction), default=None)

    def _limit(self, speaker: _Speaker) -> float:
        windows = max(1.0, speaker.seconds / _INDEPENDENT_SECONDS)
        return self._similarity * math.sqrt(windows / (1 + (windows - 1) * self._similarity))

    def _found(self, direction: Samples, seconds: float) -> str:
        speaker = _Speaker(label(self._founded), _unit(direction), seconds)
        self._founded += 1
        self._speakers.append(speaker)
        return speaker.label

    def _move(self, speaker: _Speaker, direction: Samples, seconds: float) -> None:
        speaker.direction = _unit(speaker.seconds * speaker.direction + seconds * direction)
        speaker.seconds = min(speaker.seconds + seconds, _MEMORY_SECONDS)

    def _merged(self, moved: _Speaker) -> _Speaker:
        """The speaker that it is now."""
        limit = self._similarity + _SAME * (1 - self._similarity)
        for other in self._speakers:
            if other is not moved and _alike(other, moved.direction) >= limit:
                older, younger = sorted((other, moved), key=self._speakers.index)
                self._move(older, younger.direction, younger.seconds)
                self._speakers.remove(younger)
                return older
        return moved


def label(index: int) -> str:
    """A to Z, then AA, AB and so on."""
    text = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, len(ascii_uppercase))
        text = ascii_uppercase[letter] + text
    return text


def _alike(speaker: _Speaker, direction: Samples) -> float:
    return float(speaker.direction @ direction)


def _unit(direction: Samples) -> Samples:
    unit: Samples = (direction / max(float(np.linalg.norm(direction)), 1e-9)).astype(np.float32)
    return unit
