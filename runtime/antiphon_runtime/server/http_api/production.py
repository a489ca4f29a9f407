"""Makes an answer while it is sent, whatever the pace of its reader: engines wait for nobody who reads slowly."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import AsyncExitStack, aclosing
from typing import Any, Generic, TypeVar

from starlette.requests import Request

from antiphon_runtime.server.http_api.errors import ClientGoneError

T = TypeVar("T")


class Production(Generic[T]):
    """The pieces of a source, made by a task of its own. The source must be bounded: what is not read yet is kept.

    `resources` are given back when all is made. `close` must be called in the end; it ends the source.
    """

    def __init__(self, source: AsyncGenerator[T, None], resources: AsyncExitStack) -> None:
        self._resources = resources
        self._made: deque[T] = deque()
        self._news = asyncio.Event()
        """Set when a piece was made, and when all is over."""
        self._task = asyncio.create_task(self._make(source), name="http answer")
        self._task.add_done_callback(lambda _: self._news.set())

    async def begin(self) -> None:
        """Returns when the first piece is there, or there is none. What goes wrong before is raised."""
        await self._news.wait()
        if self._task.done() and not self._made:
            self._task.result()

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            await self._news.wait()
            while self._made:
                yield self._made.popleft()
            if self._task.done():
                self._task.result()
                return
            self._news.clear()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._resources.aclose()

    async def _make(self, source: AsyncGenerator[T, None]) -> None:
        async with self._resources, aclosing(source):
            async for piece in source:
                self._made.append(piece)
                self._news.set()


async def begun(request: Request, source: AsyncGenerator[T, None], resources: AsyncExitStack) -> Production[T]:
    """What fails before the first piece still gets a status of its own. Raises ClientGoneError."""
    production = Production(source, resources)
    try:
        await unless_gone(request, production.begin())
    except BaseException:
        await production.close()
        raise
    return production


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Its result; it is cancelled when the client hangs up. The request's body must have been read."""
    working = asyncio.create_task(work, name="http request")
    leaving = asyncio.create_task(_left(request), name="http client")
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGoneError
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
