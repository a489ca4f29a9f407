import asyncio
import itertools
import os
import re
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.kube import LogOptions
from antiphon_sandbox.nodes.log_files import LINE_BYTES, Capture, LogFile, older
from antiphon_sandbox.nodes.log_reading import read_log

NOW = datetime(2025, 1, 1, tzinfo=UTC)
LINES = st.lists(st.binary(max_size=30).map(lambda text: text.replace(b"\n", b"")), max_size=30)


def written(path: Path, pieces: list[bytes], rotate_bytes: int = 10**6) -> None:
    """What a process writes in these pieces, through a pipe."""

    async def carry() -> None:
        log = LogFile(path, lambda: NOW, rotate_bytes)
        capture = Capture(log, "stdout")
        for piece in pieces:
            os.write(capture.writer, piece)
            await asyncio.sleep(0)
        os.close(capture.writer)
        capture.close()
        log.close()

    asyncio.run(carry())


def read(path: Path, now: datetime = NOW, **options: Any) -> bytes:
    async def collect() -> bytes:
        return b"".join([chunk async for chunk in read_log(path, None, LogOptions("main", **options), now)])

    return asyncio.run(collect())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "0.log"


@given(LINES, st.lists(st.integers(0, 400), max_size=5), st.integers(0, 40), st.booleans())
def test_lines_come_out_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cuts: list[int], tail: int, ends: bool
) -> None:
    path = tmp_path_factory.mktemp("log") / "0.log"
    text = b"\n".join(lines) + (b"\n" if ends and lines else b"")
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    written(path, [text[a:b] for a, b in itertools.pairwise(places) if a < b])
    assert read(path) == text
    whole = re.findall(rb"[^\n]*\n|[^\n]+", text)
    assert read(path, tail_lines=tail) == b"".join(whole[max(len(whole) - tail, 0) :])


def test_a_long_line_is_kept_in_parts_and_read_as_one(path: Path) -> None:
    text = b"a\n" + b"x" * (LINE_BYTES * 2 + 5) + b"\nb\n"
    written(path, [text[:LINE_BYTES], text[LINE_BYTES:]])
    assert read(path) == text
    assert read(path, tail_lines=2) == text[2:]
    assert all(len(line) < LINE_BYTES + 50 for line in path.read_bytes().split(b"\n"))


def test_bytes_timestamps_and_age(path: Path) -> None:
    written(path, [b"one\ntwo\n"])
    assert read(path, limit_bytes=5) == b"one\nt"
    assert read(path, timestamps=True) == b"".join(
        b"2025-01-01T00:00:00.000000000Z " + line for line in (b"one\n", b"two\n")
    )
    assert read(path, NOW + timedelta(seconds=5), since_seconds=10) == b"one\ntwo\n"
    assert read(path, NOW + timedelta(seconds=5), since_seconds=4) == b""


def test_rotation_keeps_the_last_two_parts(path: Path) -> None:
    lines = [b"line %04d\n" % number for number in range(100)]
    written(path, lines, rotate_bytes=1000)
    kept = read(path)
    assert b"".join(lines).endswith(kept)
    assert path.stat().st_size <= 1000
    assert older(path).stat().st_size <= 1000
    assert path.stat().st_size + older(path).stat().st_size > 1000
    assert sorted(found.name for found in path.parent.iterdir()) == ["0.log", "0.log.1"]


def following(story: Coroutine[Any, Any, None]) -> None:
    async def within_time() -> None:
        async with asyncio.timeout(10):
            await story

    asyncio.run(within_time())


def test_a_follower_sees_what_comes_over_rotations_and_then_the_end(path: Path) -> None:
    async def story() -> None:
        log = LogFile(path, lambda: NOW, rotate_bytes=300)
        log.write("stdout", [(b"before", True)])
        chunks = read_log(path, log, LogOptions("main", follow=True), NOW)
        said = await anext(chunks)
        for number in range(50):
            log.write("stdout", [(b"%d" % number, True)])
            said += await anext(chunks)
        log.close()
        said += b"".join([chunk async for chunk in chunks])
        assert said.split() == [b"before", *(b"%d" % number for number in range(50))]

    following(story())


def test_a_follower_waits_and_is_woken(path: Path) -> None:
    async def story() -> None:
        log = LogFile(path, lambda: NOW)
        chunks = read_log(path, log, LogOptions("main", follow=True), NOW)
        waiting = asyncio.ensure_future(anext(chunks))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        log.write("stderr", [(b"at last", True)])
        assert await waiting == b"at last\n"
        await chunks.aclose()  # type: ignore[attr-defined]
        log.close()

    following(story())
