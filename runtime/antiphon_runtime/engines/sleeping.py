"""Engines that can give back the accelerator's memory and come back faster than by loading anew."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from antiphon_runtime.engines.protocols import Engine


@runtime_checkable
class Sleeper(Protocol):
    """Both block, and both may be asked for again. Raise EngineError; after that the engine is of no use."""

    def sleep(self) -> None:
        """Gives back memory. When nothing is under way; what is asked of it then is an EngineError."""
        ...

    def wake(self) -> None:
        """Returns when it works as before."""
        ...


def sleeper_of(engine: Engine) -> Sleeper | None:
    """None: it can't sleep, or was not loaded so that it can (it then says so by `can_sleep`)."""
    return engine if isinstance(engine, Sleeper) and getattr(engine, "can_sleep", True) else None
