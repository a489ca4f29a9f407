"""Log files of one container instance, in the format of CRI: `TIME STREAM F|P TEXT`, one line each."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

ROTATE_BYTES = 10 * 1024 * 1024
LINE_BYTES = 16 * 1024
"""A longer line is kept in parts (P), as container runtimes do."""
_READ_BYTES = 64 * 1024

Stream = Literal["stdout", "stderr"]


def cri_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def older(path: Path) -> Path:
    """The part of the log that was rotated away; there is one."""
    return path.with_name(path.name + ".1")


class LogFile:
    """The log of a running container. Whoever follows it waits for `grown`."""

    def __init__(self, path: Path, now: Callable[[], datetime], rotate_bytes: int = ROTATE_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.rotations = 0
        self.is_open = True
        self._now = now
        self._rotate_bytes = rotate_bytes
        self._file: BinaryIO = path.open("ab", buffering=0)
        self._size = self._file.tell()
        self._waiting: set[asyncio.Future[None]] = set()

    def write(self, stream: Stream, lines: list[tuple[bytes, bool]]) -> None:
        """Lines without their end, and whether each is whole."""
        moment = cri_time(self._now())
        full, part = f"{moment} {stream} F ".encode(), f"{moment} {stream} P ".encode()
        block = b"".join((full if whole else part) + text + b"\n" for text, whole in lines)
        if self._size and self._size + len(block) > self._rotate_bytes:
            self._rotate()
        self._file.write(block)
        self._size += len(block)
        self._wake()

    def _rotate(self) -> None:
        self._file.close()
        self.path.replace(older(self.path))
        self._file = self.path.open("ab", buffering=0)
        self._size = 0
        self.rotations += 1

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._file.close()
            self._wake()

    async def grown(self) -> None:
        """Returns with the next write, or when the log is closed."""
        if self.is_open:
            future = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)


class Capture:
    """Carries what a process writes to one stream into its log, as the event loop finds it."""

    def __init__(self, log: LogFile, stream: Stream) -> None:
        """`writer` is for the process; close ours once it runs."""
        self._log = log
        self._stream = stream
        self._rest = b""
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reader, self._read)

    def _read(self) -> bool:
        """One piece at a time, so that a talkative process does not stop the rest of the world."""
        try:
            piece = os.read(self._reader, _READ_BYTES)
        except BlockingIOError:
            return False
        if not piece:
            self._loop.remove_reader(self._reader)
        elif lines := self._split(piece):
            self._log.write(self._stream, lines)
        return bool(piece)

    def _split(self, piece: bytes) -> list[tuple[bytes, bool]]:
        *whole, self._rest = (self._rest + piece).split(b"\n")
        lines = [part for line in whole for part in _parts(line)]
        while len(self._rest) > LINE_BYTES:
            lines.append((self._rest[:LINE_BYTES], False))
            self._rest = self._rest[LINE_BYTES:]
        return lines

    def close(self) -> None:
        """Takes what is still in the pipe; what a survivor writes later is lost."""
        with contextlib.suppress(OSError):
            while self._read():
                pass
        if self._rest:
            self._log.write(self._stream, [(self._rest, False)])
        self._loop.remove_reader(self._reader)
        os.close(self._reader)


def _parts(line: bytes) -> list[tuple[bytes, bool]]:
    starts = range(0, max(len(line), 1), LINE_BYTES)
    return [(line[start : start + LINE_BYTES], start + LINE_BYTES >= len(line)) for start in starts]
