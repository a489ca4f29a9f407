"""One piece of work in a batcher."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Work(Generic[Item, Result]):
    number: int
    """Counts what a batcher took; more is later."""
    item: Item
    future: asyncio.Future[Result]
    session: Hashable
    final: bool
    """False: a partial answer, of use only until the next comes."""
    submitted: float
    """Loop's time in seconds, as all times here."""
    is_fenced: Callable[[], bool] | None = None
    deadline: float | None = None
    timer: asyncio.TimerHandle | None = None

    def fail(self, error: Exception) -> None:
        self.stop_timer()
        if not self.future.done():
            self.future.set_exception(error)

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
