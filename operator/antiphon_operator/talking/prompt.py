"""Lines from a person or a pipe: text to be said, or a command."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, TypeAlias

HELP = "type what you want to say; /wav FILE says a recording, /save FILE keeps the last answer, /quit or Ctrl-D ends"


@dataclass(frozen=True)
class SayText:
    text: str


@dataclass(frozen=True)
class SayRecording:
    path: Path


@dataclass(frozen=True)
class SaveAnswer:
    path: Path


@dataclass(frozen=True)
class Quit:
    """The conversation is over."""


@dataclass(frozen=True)
class Unclear:
    text: str
    """What would have been right."""


Command: TypeAlias = SayText | SayRecording | SaveAnswer | Quit | Unclear


def command(line: str) -> Command | None:
    """None of an empty line."""
    line = line.strip()
    if not line.startswith("/"):
        return SayText(line) if line else None
    word, _, rest = line.partition(" ")
    path = rest.strip()
    match word:
        case "/quit" | "/exit" | "/q":
            return Quit()
        case "/wav" | "/save" if path:
            file = Path(path).expanduser()
            return SayRecording(file) if word == "/wav" else SaveAnswer(file)
        case _:
            return Unclear(HELP)


class Lines:
    """Lines as they are typed, while all else goes on. None: there will be no more."""

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        threading.Thread(target=self._read, name="lines", daemon=True).start()

    async def next(self) -> str | None:
        return await self._lines.get()

    def _read(self) -> None:
        """In a thread of its own: a read from a terminal can't be given up."""
        while True:
            try:
                line = self._source.readline()
            except (OSError, ValueError):
                line = ""
            try:
                self._loop.call_soon_threadsafe(self._lines.put_nowait, line or None)
            except RuntimeError:  # the loop has ended
                return
            if not line:
                return
