"""Calls that give their result piece by piece: so many at once, the others wait their turn."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from antiphon_runtime.batching.errors import ClosedError, ComputeError, HungError, OverloadedError
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Batch, Dropped, End, Nobody, Observer, tell

Piece = TypeVar("Piece")
_SMOOTHING = 0.2


class Streams:
    """`max_batch` of the limits are under way at once. Calls that surely count go first, then the oldest.

    Observed as a batch is the beginning of each stream: its size is how many are then under way, its seconds go from
    the call to the first piece.
    """

    def __init__(self, limits: Limits, *, name: str, observer: Observer | None = None) -> None:
        self.name = name
        self.limits = limits
        self.active = 0
        self._observer: Observer = observer or Nobody()
        self._waiting: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
        self._usual_seconds = 0.0
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def queued(self) -> int:
        return sum(len(queue) for queue in self._waiting.values())

    @property
    def cap(self) -> int:
        return self.limits.max_batch

    def tune(self, limits: Limits) -> None:
        self.limits = limits
        self._admit()

    async def run(
        self,
        start: Callable[[], AsyncIterator[Piece]],
        *,
        final: bool = True,
    ) -> AsyncGenerator[Piece, None]:
        """The pieces. Closing it ends the call, or its waiting."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        async with self._place(final):
            began = loop.time()
            size, queued = self.active, self.queued
            end: End = "computed"
            first: float | None = None
            stream = start()
            try:
                while (piece := await self._next(stream, began)) is not None:
                    if first is None:
                        first = loop.time()
                        self._tell(Batch(size, (began - asked,), first - began, queued, self.cap, end))
                    yield piece
            except (ComputeError, HungError) as error:
                end = "hung" if isinstance(error, HungError) else "failed"
                self._tell(Batch(size, (began - asked,), loop.time() - began, queued, self.cap, end))
                raise
            finally:
                if isinstance(stream, AsyncGenerator):
                    await stream.aclose()
                self._usual_seconds += _SMOOTHING * (loop.time() - began - self._usual_seconds)

    async def close(self, *, drain: bool = True) -> None:
        """Takes nothing more; returns when nothing is under way any more."""
        self._closing = True
        if not drain:
            self._refuse_waiting()
        await self._idle.wait()

    async def _next(self, stream: AsyncIterator[Piece], began: float) -> Piece | None:
        """None: that was all."""
        try:
            async with asyncio.timeout(self.limits.hang_seconds) as limit:
                return await anext(stream, None)
        except TimeoutError as error:
            if limit.expired():
                raise HungError(self.name, asyncio.get_running_loop().time() - began) from None
            raise ComputeError(self.name, error) from error
        except Exception as error:
            raise ComputeError(self.name, error) from error

    @asynccontextmanager
    async def _place(self, final: bool) -> AsyncIterator[None]:
        if self._closing:
            raise ClosedError(self.name)
        if self.active >= self.cap or self.queued:
            await self._wait(final)
        else:
            self._take()
        try:
            yield
        finally:
            self.active -= 1
            self._admit()

    async def _wait(self, final: bool) -> None:
        if self.queued >= self.limits.max_queue:
            self._tell_dropped("overloaded")
            retry_after = self._usual_seconds * (self.queued / self.cap + 1)
            raise OverloadedError(f"{self.queued} wait for {self.name} already", retry_after)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[final].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting[final]:
                self._waiting[final].remove(turn)
                self._tell_dropped("cancelled")
            elif turn.done() and not turn.cancelled() and turn.exception() is None:
                self.active -= 1
                self._admit()
            raise

    def _take(self) -> None:
        self.active += 1
        self._idle.clear()

    def _admit(self) -> None:
        while self.active < self.cap and self.queued:
            turn = (self._waiting[True] or self._waiting[False]).popleft()
            if not turn.done():
                self._take()
                turn.set_result(None)
        if not self.active and not self.queued:
            self._idle.set()

    def _refuse_waiting(self) -> None:
        for queue in self._waiting.values():
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_exception(ClosedError(self.name))
                self._tell_dropped("closed")

    def _tell(self, batch: Batch) -> None:
        tell(partial(self._observer.on_batch, batch))

    def _tell_dropped(self, why: Dropped) -> None:
        tell(partial(self._observer.on_dropped, why))
