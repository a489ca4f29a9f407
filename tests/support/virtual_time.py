"""An event loop whose time passes at once: it never waits, it moves its clock to whatever is due next."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

START = datetime(2025, 1, 1, tzinfo=UTC)
STALLED_SECONDS = 5.0
"""Of real time. With nothing scheduled only a thread or a socket can go on; a test waits no longer than this for it."""

Result = TypeVar("Result")
Given = ParamSpec("Given")


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.elapsed_seconds = 0.0
        super().__init__(_ImpatientSelector(self))

    def time(self) -> float:
        return self.elapsed_seconds


class _ImpatientSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None:
            ready = super().select(0)
            self._loop.elapsed_seconds += 0 if ready else max(timeout, 0)
            return ready
        if ready := super().select(STALLED_SECONDS):
            return ready
        raise RuntimeError("nothing is scheduled and nothing happens: the test waits for ever")


def virtual_now() -> datetime:
    """The wall clock, moving with the running loop's time."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


def run_virtually(main: Coroutine[Any, Any, Result]) -> Result:
    """As asyncio.run does, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def in_virtual_time(story: Callable[Given, Coroutine[Any, Any, Result]]) -> Callable[Given, Result]:
    """Makes a test of a coroutine function."""

    @wraps(story)
    def told(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        return run_virtually(story(*args, **kwargs))

    return told


async def settled() -> None:
    """Returns when all that is due now has been done: time moves only when nothing is left to do."""
    await asyncio.sleep(1e-6)
