"""A thread beside the event loop that computes one thing after another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Value]):
    """What became of a call: a value, or an error."""

    value: Value | None
    error: BaseException | None
    seconds: float
    """Time that the call itself took."""


class Computer(Protocol):
    """Where a batch is computed."""

    def call(self, function: Callable[[], Value], done: Callable[[Outcome[Value]], None]) -> None:
        """Runs the function after those before it, then `done` on the event loop."""
        ...

    def stop(self) -> None:
        """Ends it after what it is computing; a hung one is left behind."""
        ...


class ComputeThread:
    """To be made on a running event loop. It is a daemon: a computation that hangs does not keep the process alive."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def call(self, function: Callable[[], Value], done: Callable[[Outcome[Value]], None]) -> None:
        def run() -> None:
            outcome = _outcome_of(function)
            try:
                self._loop.call_soon_threadsafe(done, outcome)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self.stop()

        self._calls.put(run)

    def stop(self) -> None:
        self._calls.put(None)

    def _run(self) -> None:
        while (run := self._calls.get()) is not None:
            run()
            del run


def _outcome_of(function: Callable[[], Value]) -> Outcome[Value]:
    started = time.perf_counter()
    try:
        value = function()
    except BaseException as error:  # the thread lives on: whoever called is told
        return Outcome(None, error, time.perf_counter() - started)
    return Outcome(value, None, time.perf_counter() - started)
