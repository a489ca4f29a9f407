"""Generations of a session's work: what belongs to an older one is stale wherever it is met."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Epoch:
    """Carried by every queued item; ask `is_over` at each hop, and drop the item if so."""

    number: int
    _counter: Epochs

    def is_over(self) -> bool:
        return self.number != self._counter.number or self._counter.is_over()


class Epochs:
    """Counts the generations of one kind of work. Once over, an epoch is over for good."""

    def __init__(self, within: Epoch | None = None) -> None:
        """`within`: all epochs of this counter end with that one, as a speculation ends with its turn."""
        self.number = 0
        self._within = within

    @property
    def current(self) -> Epoch:
        return Epoch(self.number, self)

    def fence(self) -> Epoch:
        """Cancels all that was begun so far, and opens the next epoch."""
        self.number += 1
        return self.current

    def is_over(self) -> bool:
        return self._within is not None and self._within.is_over()


async def while_current(epoch: Epoch, stream: AsyncIterator[Value]) -> AsyncGenerator[Value, None]:
    """What the stream gives until the epoch is over; the stream is closed then. Nothing stale comes out."""
    if isinstance(stream, AsyncGenerator):
        async with aclosing(stream):
            async for value in _current_values(epoch, stream):
                yield value
    else:
        async for value in _current_values(epoch, stream):
            yield value


async def _current_values(epoch: Epoch, stream: AsyncIterator[Value]) -> AsyncGenerator[Value, None]:
    async for value in stream:
        if epoch.is_over():
            return
        yield value
