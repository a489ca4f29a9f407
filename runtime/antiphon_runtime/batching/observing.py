"""What a batcher tells of itself, as it happens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

_log = logging.getLogger(__name__)

Dropped: TypeAlias = Literal["superseded", "deadline", "fenced", "overloaded", "cancelled", "closed"]
End: TypeAlias = Literal["computed", "failed", "hung"]


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch that was computed."""

    size: int
    waits_seconds: tuple[float, ...]
    """Of each item, from submission to the start of its batch."""
    seconds: float
    """Time to compute it."""
    queued: int
    """Items that were left waiting when it started."""
    cap: int
    """Cap in force when it started."""
    end: End


class Observer(Protocol):
    """Called on the event loop, so it must be quick. What it raises is logged and hurts nobody."""

    def on_batch(self, batch: Batch) -> None: ...

    def on_dropped(self, why: Dropped) -> None:
        """One item ended without being computed."""
        ...


@dataclass(frozen=True, slots=True)
class Tick:
    """One step of slots that go in lockstep."""

    stepped: int
    """Slots that had a frame."""
    seconds: float
    late_seconds: float
    """From when it was due to when it began."""
    overrun: bool
    """It took longer than its period."""
    skipped: int
    """Ticks that were left out before it, too late to be made up for."""


class TickObserver(Protocol):
    """As Observer, for slots that go in lockstep."""

    def on_tick(self, tick: Tick) -> None: ...


class Nobody:
    """An observer that looks away."""

    def on_batch(self, batch: Batch) -> None:
        pass

    def on_dropped(self, why: Dropped) -> None:
        pass

    def on_tick(self, tick: Tick) -> None:
        pass


def tell(observe: Callable[[], None]) -> None:
    try:
        observe()
    except Exception:
        _log.exception("an observer of a batcher raised")
