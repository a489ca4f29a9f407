"""How far a bench has come, on stderr: one line that changes on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time

_TERMINAL_SECONDS, _LOG_SECONDS = 0.2, 10.0


class ProgressLine:
    """A context: at its end the line is ended."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._shown = time.monotonic()
        self._width = 0

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_terminal and self._width:
            sys.stderr.write("\n")

    def show(self, text: str) -> None:
        now = time.monotonic()
        if now - self._shown < (_TERMINAL_SECONDS if self._is_terminal else _LOG_SECONDS):
            return
        self._shown = now
        sys.stderr.write(f"\r{text.ljust(self._width)}" if self._is_terminal else f"{text}\n")
        sys.stderr.flush()
        self._width = len(text)
