"""A queue of keys that are due, and the loop that visits them: level, not edge."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from antiphon_sandbox.kube import ApiError

log = logging.getLogger(__name__)

RETRY_FIRST_SECONDS = 0.05
RETRY_MOST_SECONDS = 10.0

Key = TypeVar("Key", bound=Hashable)


class Reconciler(Generic[Key]):
    """Visits each due key once, however often it was marked; a visit that fails is repeated, ever later."""

    def __init__(self, name: str, visit: Callable[[Key], None]) -> None:
        self._name = name
        self._visit = visit
        self._due: dict[Key, None] = {}
        self._woken = asyncio.Event()
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}

    def mark(self, key: Key) -> None:
        """The key is due now."""
        self._due[key] = None
        self._woken.set()

    def mark_after(self, key: Key, seconds: float) -> None:
        """The key is due in a while; the last word counts."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(max(seconds, 0), self._ring, key)

    def _ring(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.mark(key)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                while self._due:
                    key = next(iter(self._due))
                    del self._due[key]
                    self._visit_once(key)
                    await asyncio.sleep(0)  # requests go first
        finally:
            for timer in self._timers.values():
                timer.cancel()
            self._timers.clear()

    def _visit_once(self, key: Key) -> None:
        try:
            self._visit(key)
        except Exception as error:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            expected = isinstance(error, ApiError) and error.code in (404, 409)
            log.log(
                logging.DEBUG if expected else logging.ERROR, "%s %s: %s", self._name, key, error, exc_info=not expected
            )
            self.mark_after(key, min(RETRY_FIRST_SECONDS * 2 ** min(failures - 1, 16), RETRY_MOST_SECONDS))
        else:
            self._failures.pop(key, None)
