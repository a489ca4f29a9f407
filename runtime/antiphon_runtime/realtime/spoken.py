"""Which words were said when, so that an interrupted answer can be cut to what was heard."""

from __future__ import annotations

import re
from dataclasses import dataclass

USUAL_MS_PER_CHARACTER = 65.0
"""About 15 characters a second: how long a piece will be whose speech is not all there yet."""


@dataclass(slots=True)
class _Piece:
    text: str
    start_ms: int
    end_ms: int
    complete: bool = False


class SpokenText:
    """Pieces of text, each with the stretch of audio that says it."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._audio_ms = 0
        self._cut = False

    @property
    def audio_ms(self) -> int:
        """Length of the audio so far."""
        return self._audio_ms

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self._pieces)

    @property
    def is_cut(self) -> bool:
        """It was truncated: what is added now is not kept, for it will not be heard."""
        return self._cut

    def add_text(self, text: str) -> None:
        """Text that the next audio says. More text before any audio of it belongs to the same piece."""
        if self._cut:
            return
        last = self._pieces[-1] if self._pieces else None
        if last is not None and last.end_ms == last.start_ms and not last.complete:
            last.text += text
            return
        if last is not None:
            last.complete = True
        self._pieces.append(_Piece(text, self._audio_ms, self._audio_ms))

    def add_audio(self, audio_ms: int) -> None:
        """The audio is this long now, in all."""
        if self._cut:
            return
        self._audio_ms = max(self._audio_ms, audio_ms)
        if self._pieces:
            self._pieces[-1].end_ms = self._audio_ms

    def complete(self) -> None:
        """All audio is there."""
        if self._pieces:
            self._pieces[-1].complete = True

    def cut(self, heard_ms: int) -> None:
        """Keeps what was heard in the first `heard_ms`: whole words only, a word that was cut off is not kept."""
        kept = []
        for piece in self._pieces:
            text = _heard_part(piece, heard_ms)
            if text:
                kept.append(_Piece(text, piece.start_ms, min(piece.end_ms, heard_ms), complete=True))
            if text != piece.text:
                break
        self._pieces, self._audio_ms, self._cut = kept, min(heard_ms, self._audio_ms), True


def _heard_part(piece: _Piece, heard_ms: int) -> str:
    length = piece.end_ms - piece.start_ms
    if not piece.complete:
        length = max(length, round(len(piece.text) * USUAL_MS_PER_CHARACTER))
    if heard_ms >= piece.start_ms + length:
        return piece.text
    characters = int(len(piece.text) * max(0, heard_ms - piece.start_ms) / length)
    if piece.text[characters : characters + 1].isspace():
        return piece.text[:characters].rstrip()
    begun = re.search(r"\S*$", piece.text[:characters])
    return piece.text[: begun.start() if begun else characters].rstrip()
