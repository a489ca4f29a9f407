"""A computer for tests in virtual time: what it calls takes as long as the test says, and no thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from antiphon_runtime.batching.compute_thread import Outcome

Value = TypeVar("Value")


class VirtualComputer:
    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` is asked after each call; math.inf: it never comes back."""
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._free_at = 0.0
        self.is_stopped = False

    def call(self, function: Callable[[], Value], done: Callable[[Outcome[Value]], None]) -> None:
        assert not self.is_stopped
        assert self._loop.time() >= self._free_at - 1e-6, "two calls at a time"
        value, error = None, None
        try:
            value = function()
        except BaseException as raised:
            error = raised
        seconds = self._seconds()
        self._free_at = self._loop.time() + seconds
        if seconds < float("inf"):
            self._loop.call_at(self._free_at, done, Outcome(value, error, seconds))

    def stop(self) -> None:
        self.is_stopped = True
