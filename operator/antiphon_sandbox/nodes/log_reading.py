"""`kubectl logs`: the lines of a log that are asked for, and those that come while somebody follows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from antiphon_sandbox.kube import LogOptions
from antiphon_sandbox.nodes.log_files import LogFile, cri_time, older

_CHUNK_RECORDS = 2000


async def read_log(path: Path, live: LogFile | None, options: LogOptions, now: datetime) -> AsyncIterator[bytes]:
    """The log at `path` in chunks; `live` is its writer, while there is one."""
    left = options.limit_bytes
    chunks = _chunks(path, live, options, now)
    try:
        async for chunk in chunks:
            piece = chunk if left is None else chunk[:left]
            if piece:
                yield piece
            if left is not None and (left := left - len(piece)) <= 0:
                return
    finally:
        await chunks.aclose()  # type: ignore[attr-defined]


async def _chunks(path: Path, live: LogFile | None, options: LogOptions, now: datetime) -> AsyncIterator[bytes]:
    formatting = _Formatting(options, now)
    seen = live.rotations if live else 0
    earlier = older(path).read_bytes() if older(path).exists() else b""
    with _Reopening(path) as file:
        records = (earlier + file.read()).split(b"\n")[:-1]
        if options.tail_lines is not None:
            records = records[_start_of_last(records, options.tail_lines) :]
        for start in range(0, len(records), _CHUNK_RECORDS):
            yield formatting.lines(records[start : start + _CHUNK_RECORDS])
            await asyncio.sleep(0)  # others go on while somebody reads a long log
        while options.follow and live is not None:
            rotations, still_open = live.rotations, live.is_open
            while block := file.read():
                yield formatting.lines(block.split(b"\n")[:-1])
            if rotations != seen:  # the old file was complete when it was read just now
                seen = rotations
                file.reopen()
            elif not still_open:
                return
            elif rotations == live.rotations:
                await live.grown()


class _Reopening:
    """A file that is read on under the same name after it was rotated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("rb")

    def __enter__(self) -> _Reopening:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self) -> bytes:
        """What was written since the last time; records are written whole."""
        return self._file.read()

    def reopen(self) -> None:
        self._file.close()
        self._file = self._path.open("rb")


def _start_of_last(records: list[bytes], lines: int) -> int:
    """Index of the first record of the last `lines` lines; parts (P) belong to the line that follows them."""
    index = len(records)
    while index > 0:
        lines -= _tag(records[index - 1]) == b"F" or index == len(records)
        if lines < 0:
            break
        index -= 1
    return index


def _tag(record: bytes) -> bytes:
    return record.split(b" ", 3)[2]


class _Formatting:
    """Records as the file has them, to lines as they are asked for."""

    def __init__(self, options: LogOptions, now: datetime) -> None:
        since = options.since_seconds
        self._since = b"" if since is None else cri_time(now - timedelta(seconds=since)).encode()
        self._timestamps = options.timestamps
        self._within_line = False

    def lines(self, records: list[bytes]) -> bytes:
        return b"".join(map(self._line, records))

    def _line(self, record: bytes) -> bytes:
        moment, _stream, tag, text = record.split(b" ", 3)
        if moment < self._since:
            return b""
        prefix = moment + b" " if self._timestamps and not self._within_line else b""
        self._within_line = tag == b"P"
        return prefix + text + (b"" if self._within_line else b"\n")
