"""Only one process, and in it one thread, works on a thing at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_EVERY_SECONDS = 0.2


@contextmanager
def held(path: Path, waiting: Callable[[], None], check: Callable[[], None]) -> Iterator[None]:
    """Holds the lock file at `path`; the kernel frees it when its holder dies.

    `waiting` is called once if somebody else holds it, `check` again and again meanwhile; it may raise to give up. The
    file stays: were it deleted, two could hold a lock of the same name.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        _take(file, waiting, check)
        yield
    finally:
        os.close(file)


def _take(file: int, waiting: Callable[[], None], check: Callable[[], None]) -> None:
    told = False
    while not _taken(file):
        if not told:
            waiting()
            told = True
        check()
        time.sleep(_EVERY_SECONDS)


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def held_now(path: Path) -> Iterator[bool]:
    """Holds the lock if nobody else does, and says whether it does."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        yield _taken(file)
    finally:
        os.close(file)
