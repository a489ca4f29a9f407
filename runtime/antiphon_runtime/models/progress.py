"""Tells people how far a download is: as a bar in a terminal, as lines in a log, or not at all."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from typing import Protocol, TextIO

_log = logging.getLogger(__name__)
_MIB = 1024 * 1024
Clock = Callable[[], float]
"""Seconds, from any beginning."""


class Transfer(Protocol):
    """One download that goes on. Only one thread tells of it."""

    def at(self, done_bytes: int) -> None:
        """So much is there now. It may become less: a download that went wrong begins anew."""
        ...

    def end(self) -> None:
        """It is over, well or not."""
        ...


class Progress(Protocol):
    """Is told of every download. Several may go on at once, each from a thread of its own."""

    def transfer(self, label: str, total_bytes: int | None, done_bytes: int) -> Transfer:
        """A download begins, or goes on from `done_bytes`."""
        ...

    def note(self, text: str) -> None:
        """Something worth telling that is no download, such as a wait for another process."""
        ...


def in_words(size_bytes: int) -> str:
    """A size as people say it."""
    size = float(size_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


class Silent:
    """Tells nobody."""

    def transfer(self, label: str, total_bytes: int | None, done_bytes: int) -> Transfer:  # noqa: ARG002
        return _SilentTransfer()

    def note(self, text: str) -> None:
        pass


class _SilentTransfer:
    def at(self, done_bytes: int) -> None:
        pass

    def end(self) -> None:
        pass


class _Paced:
    """Speaks at most once in `every_seconds`, and at the end with the speed."""

    def __init__(
        self, label: str, total_bytes: int | None, done_bytes: int, clock: Clock, every_seconds: float
    ) -> None:
        self.label = label
        self.total_bytes = total_bytes
        self.done_bytes = self._first_bytes = done_bytes
        self._clock, self._every_seconds = clock, every_seconds
        self._began = self._told = clock()

    def at(self, done_bytes: int) -> None:
        self.done_bytes = done_bytes
        if self._clock() - self._told >= self._every_seconds:
            self._told = self._clock()
            self.tell()

    def end(self) -> None:
        self.tell()

    def tell(self) -> None:
        raise NotImplementedError

    @property
    def share(self) -> float | None:
        return min(self.done_bytes / self.total_bytes, 1.0) if self.total_bytes else None

    @property
    def speed(self) -> str:
        """Of this download only, not of what lay there before."""
        seconds = self._clock() - self._began
        came = max(self.done_bytes - self._first_bytes, 0)
        return f"{came / _MIB / seconds:.1f} MiB/s" if seconds > 0 else "- MiB/s"

    @property
    def amount(self) -> str:
        total = f" of {in_words(self.total_bytes)}" if self.total_bytes else ""
        return f"{in_words(self.done_bytes)}{total}"


class ProgressLog:
    """A line in the log when a download begins, every ten seconds, and at its end."""

    def __init__(
        self, every_seconds: float = 10.0, clock: Clock = time.monotonic, logger: logging.Logger = _log
    ) -> None:
        self._every_seconds, self._clock, self._log = every_seconds, clock, logger

    def transfer(self, label: str, total_bytes: int | None, done_bytes: int) -> Transfer:
        begun = _LoggedTransfer(label, total_bytes, done_bytes, self._clock, self._every_seconds)
        begun.log = self._log
        self._log.info("fetching %s: %s", label, begun.amount)
        return begun

    def note(self, text: str) -> None:
        self._log.info("%s", text)


class _LoggedTransfer(_Paced):
    log: logging.Logger

    def tell(self) -> None:
        self.log.info("fetching %s: %s, %s", self.label, self.amount, self.speed)


class TerminalBar:
    """A bar on one line of a terminal; a line for each download where the stream is no terminal."""

    def __init__(
        self, stream: TextIO, clock: Clock = time.monotonic, every_seconds: float = 0.1, width: int = 24
    ) -> None:
        self._stream, self._clock, self._width = stream, clock, width
        self._is_terminal = stream.isatty()
        self._every_seconds = every_seconds if self._is_terminal else float("inf")

    def transfer(self, label: str, total_bytes: int | None, done_bytes: int) -> Transfer:
        begun = _BarTransfer(label, total_bytes, done_bytes, self._clock, self._every_seconds)
        begun.bar = self
        if self._is_terminal:
            begun.tell()
        return begun

    def note(self, text: str) -> None:
        self._write(text, last=True)

    def draw(self, transfer: _Paced, last: bool) -> None:
        if transfer.share is None:
            self._write(f"{transfer.label}  {transfer.amount}  {transfer.speed}", last)
            return
        full = round(transfer.share * self._width)
        bar = "#" * full + "-" * (self._width - full)
        self._write(f"{transfer.label}  [{bar}] {transfer.share:4.0%}  {transfer.amount}  {transfer.speed}", last)

    def _write(self, text: str, last: bool) -> None:
        if self._is_terminal:
            text = "\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1]
        self._stream.write(text + ("\n" if last else ""))
        self._stream.flush()


class _BarTransfer(_Paced):
    bar: TerminalBar
    _ended = False

    def end(self) -> None:
        self._ended = True
        self.tell()

    def tell(self) -> None:
        self.bar.draw(self, last=self._ended)
