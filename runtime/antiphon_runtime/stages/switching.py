"""Switching a stage to another variant while sessions live.

Beside: the new variant is loaded and warmed beside the old one, new turns get it, and the old one goes when its last turn
is over. Drained: where memory can't hold both, the stage's calls wait while the old variant finishes, goes, and the new
one comes; if that fails the old one comes back. Engines that can sleep do so instead of going, and wake instead of being
loaded anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from antiphon_crds.durations import parse_quantity_bytes
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.engines.sleeping import sleeper_of
from antiphon_runtime.models.errors import ModelError
from antiphon_runtime.stages.loading import Loader, most_of
from antiphon_runtime.stages.served import Served
from antiphon_runtime.stages.working import Working

_log = logging.getLogger(__name__)
Mode: TypeAlias = Literal["beside", "drained"]


class SwitchError(Exception):
    """The stage goes on with the variant that it had."""

    def __init__(self, reason: Literal["UnknownVariant", "NoMemory", "Invalid"], message: str) -> None:
        super().__init__(message)
        self.reason: Literal["UnknownVariant", "NoMemory", "Invalid"] = reason


@dataclass(frozen=True, slots=True)
class FreeMemory:
    """Bytes that may still be taken. None: unknown, and then nothing is refused."""

    host: int | None = None
    gpu: int | None = None


class Switcher:
    """`free_memory` blocks for a moment and is asked off the event loop."""

    def __init__(self, loader: Loader, free_memory: Callable[[], FreeMemory]) -> None:
        self._loader = loader
        self._free_memory = free_memory

    async def switch(self, served: Served[Any], name: str, limits: Callable[[Variant, int], Limits]) -> Mode | None:
        """How it was done; None: the variant was in force already. Raises SwitchError."""
        old = served.working
        if old.variant.name == name:
            return None
        variant = find_variant(served, name)
        free = await asyncio.to_thread(self._free_memory)
        mode = choose_mode(old.variant, variant, free)
        served.switching_to = name
        try:
            if mode == "beside":
                served.put(await self._load(served, variant, limits))
            else:
                await self._drained(served, old, variant, limits)
        finally:
            served.switching_to = None
        _log.info("%s: switched from %s to %s (%s)", served.config.stage, old.variant.name, name, mode)
        return mode

    async def check(self, served: Served[Any], name: str) -> None:
        """Raises SwitchError where a switch to that variant would be refused now."""
        variant = find_variant(served, name)
        current = served.current
        if current is not None and current.variant.name != name:
            choose_mode(current.variant, variant, await asyncio.to_thread(self._free_memory))

    async def _load(
        self, served: Served[Any], variant: Variant, limits: Callable[[Variant, int], Limits]
    ) -> Working[Any]:
        try:
            return await self._loader.load(served.config, served.model, variant, lambda most: limits(variant, most))
        except (EngineError, ModelError) as error:
            raise SwitchError("Invalid", str(error)) from error

    async def _drained(
        self, served: Served[Any], old: Working[Any], variant: Variant, limits: Callable[[Variant, int], Limits]
    ) -> None:
        if (sleeper := sleeper_of(old.engine)) is not None:
            await served.put_to_sleep(sleeper.sleep)
        elif (leaving := served.take_away()) is not None:
            await leaving
        try:
            served.put(await self._wake_or_load(served, variant, limits))
        except BaseException as error:
            _log.error("%s: %s can't be had; back to %s: %s", served.config.stage, variant.name, old.label, error)
            served.put(await self._wake_or_load(served, old.variant, limits))
            raise

    async def _wake_or_load(
        self, served: Served[Any], variant: Variant, limits: Callable[[Variant, int], Limits]
    ) -> Working[Any]:
        asleep: Working[Any] | None = served.asleep.get(variant.name)
        sleeper = sleeper_of(asleep.engine) if asleep is not None else None
        if asleep is None or sleeper is None:
            return await self._load(served, variant, limits)
        try:
            await asyncio.to_thread(sleeper.wake)
        except EngineError as error:
            _log.warning("%s: %s does not wake and is loaded anew: %s", served.config.stage, asleep.label, error)
            del served.asleep[variant.name]
            await asleep.close()
            return await self._load(served, variant, limits)
        asleep.tune(limits(variant, most_of(asleep.engine)))
        return asleep


def find_variant(served: Served[Any], name: str) -> Variant:
    known = {variant.name: variant for variant in served.config.variants}
    if name not in known:
        raise SwitchError(
            "UnknownVariant", f"stage {served.config.stage} has no variant '{name}'; use one of {', '.join(known)}"
        )
    return known[name]


def choose_mode(old: Variant, new: Variant, free: FreeMemory) -> Mode:
    """Raises SwitchError where the new variant would not fit even when the old one has gone."""
    if _fits(new, free):
        return "beside"
    gone = FreeMemory(_plus(free.host, old.memory.host), _plus(free.gpu, old.memory.gpu))
    if _fits(new, gone):
        return "drained"
    raise SwitchError(
        "NoMemory",
        f"variant '{new.name}' needs {_needs(new)}, and {_has(gone)} would be free without '{old.name}'",
    )


def _fits(variant: Variant, free: FreeMemory) -> bool:
    host, gpu = parse_quantity_bytes(variant.memory.host), variant.memory.gpu
    fits_host = free.host is None or host <= free.host
    return fits_host and (gpu is None or free.gpu is None or parse_quantity_bytes(gpu) <= free.gpu)


def _plus(free: int | None, quantity: str | None) -> int | None:
    return free if free is None or quantity is None else free + parse_quantity_bytes(quantity)


def _needs(variant: Variant) -> str:
    gpu = f" and {variant.memory.gpu} of GPU memory" if variant.memory.gpu else ""
    return f"{variant.memory.host} of main memory{gpu}"


def _has(free: FreeMemory) -> str:
    told = [
        f"{bytes_ / 2**30:.1f} GiB of {name}"
        for name, bytes_ in (("main memory", free.host), ("GPU memory", free.gpu))
        if bytes_ is not None
    ]
    return " and ".join(told)
