"""One stage as sessions use it: the variant in force, and old ones that still finish what they began."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from antiphon_crds.runtime_config import StageConfig
from antiphon_runtime.stages.working import Working

W = TypeVar("W", bound=Working[Any])
_log = logging.getLogger(__name__)


class StageUnavailableError(Exception):
    """The stage has no variant that works."""


@dataclass(slots=True, eq=False)
class _Holding(Generic[W]):
    working: W
    leases: int = 0
    free: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.free.set()


class Served(Generic[W]):
    """Who takes a lease keeps its variant until it gives it back, whatever is switched meanwhile."""

    def __init__(self, config: StageConfig, model: str) -> None:
        self.config = config
        self.model = model
        self.switching_to: str | None = None
        self.on_unloaded: Callable[[W], None] = lambda _: None
        self.asleep: dict[str, W] = {}
        """By variant: what gave its accelerator's memory back, and can be woken."""
        self._current: _Holding[W] | None = None
        self._open = asyncio.Event()
        """Cleared while the stage has no variant: leases wait."""
        self._retired: set[asyncio.Task[None]] = set()

    @property
    def current(self) -> W | None:
        """What new leases get; None while the stage changes variants and could not hold two."""
        return self._current.working if self._current else None

    @property
    def working(self) -> W:
        """As `current`, where the stage is known to work."""
        if self._current is None:
            raise StageUnavailableError(f"stage {self.config.stage} has no variant loaded just now")
        return self._current.working

    @property
    def leases(self) -> int:
        """Of the variant in force."""
        return self._current.leases if self._current else 0

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[W]:
        while self._current is None:
            await self._open.wait()
        holding = self._current
        holding.leases += 1
        holding.free.clear()
        try:
            yield holding.working
        finally:
            holding.leases -= 1
            if not holding.leases:
                holding.free.set()

    def put(self, working: W) -> asyncio.Task[None] | None:
        """New leases get this one. The one before is closed when its last lease is back; the task does that."""
        self.asleep.pop(working.variant.name, None)
        before, self._current = self._current, _Holding(working)
        self._open.set()
        return self._retire(before) if before else None

    def take_away(self) -> asyncio.Task[None] | None:
        """New leases wait until something is put; see `put` for the one before."""
        before = self._withdraw()
        return self._retire(before) if before else None

    async def put_to_sleep(self, sleep: Callable[[], None]) -> None:
        """As `take_away`, but the variant stays loaded in `asleep`. `sleep` blocks; it is called when nobody has a lease."""
        before = self._withdraw()
        if before is not None:
            await before.free.wait()
            await asyncio.to_thread(sleep)
            self.asleep[before.working.variant.name] = before.working

    async def close(self) -> None:
        self.take_away()
        for working in self.asleep.values():
            self._retire(_Holding(working))
        await asyncio.gather(*self._retired)

    def _withdraw(self) -> _Holding[W] | None:
        before, self._current = self._current, None
        self._open.clear()
        return before

    def _retire(self, holding: _Holding[W]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._close_when_free(holding), name=f"retire {holding.working.label}")
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)
        return task

    async def _close_when_free(self, holding: _Holding[W]) -> None:
        await holding.free.wait()
        await holding.working.close()
        self.on_unloaded(holding.working)
        _log.info("unloaded %s", holding.working.label)
