"""What is due: a queue of keys, each in it once, worked off by a few workers."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from antiphon_operator.kube.errors import ApiError, KubeError

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 60.0


class DueQueue(Generic[Key]):
    """Keys that are due now or later. A key is never worked on twice at once; marked meanwhile, it comes again."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self._chance = chance or random.Random()  # noqa: S311 (jitter)
        self._due: dict[Key, float] = {}
        self._order: list[tuple[float, int, Key]] = []
        self._count = itertools.count()
        self._working: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """Keys that are due now."""
        now = asyncio.get_running_loop().time()
        return sum(when <= now for when in self._due.values())

    @property
    def idle(self) -> bool:
        """Nothing is due now, and nothing is being worked on."""
        return not self._working and len(self) == 0

    def mark(self, key: Key, after_seconds: float = 0.0) -> None:
        """The earlier of two times holds."""
        when = asyncio.get_running_loop().time() + after_seconds
        known = self._due.get(key)
        if known is not None and known <= when:
            return
        self._due[key] = when
        heapq.heappush(self._order, (when, next(self._count), key))
        self._changed.set()

    def forget(self, key: Key) -> None:
        self._due.pop(key, None)
        self._failures.pop(key, None)

    async def run(self, visit: Callable[[Key], Awaitable[None]], workers: int) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work(visit))

    async def _work(self, visit: Callable[[Key], Awaitable[None]]) -> None:
        while True:
            key = await self._next()
            try:
                await visit(key)
            except Exception as error:
                self._failed(key, error)
            else:
                self._failures.pop(key, None)
            finally:
                self._working.discard(key)
                self._changed.set()

    def _failed(self, key: Key, error: Exception) -> None:
        count = self._failures.get(key, 0) + 1
        self._failures[key] = count
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** min(count - 1, 10), _LONGEST_PAUSE_SECONDS)
        pause *= self._chance.uniform(0.75, 1.25)
        known = isinstance(error, KubeError)
        log.warning("%s: %s; again in %.1f s", key, error, pause, exc_info=not known)
        asked = error.retry_after_seconds if isinstance(error, ApiError) else None
        self.mark(key, max(pause, asked or 0.0))

    async def _next(self) -> Key:
        while True:
            found, wait_seconds = self._take()
            if found is not None:
                return found
            self._changed.clear()
            try:
                async with asyncio.timeout(wait_seconds):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _take(self) -> tuple[Key | None, float | None]:
        """A key that is due and not being worked on; else the time until one may be, None for nobody knows."""
        now = asyncio.get_running_loop().time()
        busy: list[tuple[float, int, Key]] = []
        found: Key | None = None
        wait: float | None = None
        while self._order:
            when, _, key = self._order[0]
            if self._due.get(key) != when:
                heapq.heappop(self._order)
            elif when > now:
                wait = when - now
                break
            elif key in self._working:
                busy.append(heapq.heappop(self._order))
            else:
                heapq.heappop(self._order)
                del self._due[key]
                self._working.add(key)
                found = key
                break
        for item in busy:
            heapq.heappush(self._order, item)
        return found, wait
