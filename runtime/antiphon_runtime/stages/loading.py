"""From a variant to a working stage: files from the store, engine loaded and warmed off the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from antiphon_crds.runtime_config import StageConfig
from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Observer
from antiphon_runtime.engines import registry
from antiphon_runtime.engines.protocols import Engine, EngineError
from antiphon_runtime.stages.memory import resident_bytes
from antiphon_runtime.stages.working import Answering, Detecting, Distinguishing, Recognizing, Speaking, Working

_log = logging.getLogger(__name__)
KINDS: dict[Stage, type[Any]] = {
    "vad": Detecting,
    "asr": Recognizing,
    "llm": Answering,
    "tts": Speaking,
    "diarization": Distinguishing,
}
_MOST_FRAMES = 64
"""Largest batch of an engine that names none."""


class StageObserver(Observer, Protocol):
    """Who is told of a variant's batches."""

    def follow(self, queued: Callable[[], int], cap: Callable[[], int]) -> None:
        """Where to ask, from now on, how many items wait, and how large the next batch may be."""
        ...


ObserverOf: TypeAlias = Callable[[Stage, str, Variant, bool], StageObserver]
"""By stage, model, variant, and whether it is emulated."""
FolderOf: TypeAlias = Callable[[str, Variant], Path]
"""Model files of a variant; blocks while they are fetched."""


class Loader:
    """Loads variants one after another, as each takes all cores while it does."""

    def __init__(self, folder_of: FolderOf, observer_of: ObserverOf, *, threads: int) -> None:
        self._folder_of = folder_of
        self._observer_of = observer_of
        self._threads = threads
        self._one_at_a_time = asyncio.Lock()

    async def load(
        self, config: StageConfig, model: str, variant: Variant, limits: Callable[[int], Limits]
    ) -> Working[Any]:
        """Warm. `limits` are made for the largest batch that the engine takes. Raises EngineError, ModelError."""
        async with self._one_at_a_time:
            started = time.monotonic()
            _log.info("%s: loading %s/%s (engine %s)", config.stage, model, variant.name, variant.engine)
            before = resident_bytes()
            engine = await asyncio.to_thread(self._make, config, model, variant)
            try:
                working = self._joined(config, model, variant, engine, limits)
            except BaseException:
                await asyncio.to_thread(engine.close)
                raise
            working.memory_bytes = max(resident_bytes() - before, 0)
            _log.info("%s: %s is warm after %.1f s", config.stage, working.label, time.monotonic() - started)
            return working

    def _make(self, config: StageConfig, model: str, variant: Variant) -> Engine:
        folder = self._folder_of(model, variant)
        threads = config.concurrency.intra_op_threads or self._threads
        engine = registry.create(config.stage, with_stage_options(variant, config), folder, threads=threads)
        try:
            engine.warm_up()
        except Exception as error:
            engine.close()
            raise EngineError(f"{model}/{variant.name} could not be warmed up: {error}") from error
        return engine

    def _joined(
        self, config: StageConfig, model: str, variant: Variant, engine: Engine, limits: Callable[[int], Limits]
    ) -> Working[Any]:
        observer = self._observer_of(config.stage, model, variant, engine.emulated)
        most = most_of(engine)
        working: Working[Any] = KINDS[config.stage](model, variant, engine, limits(most), observer)
        observer.follow(lambda: working.queued, lambda: working.cap)
        return working


def most_of(engine: Engine) -> int:
    """The largest batch that the engine takes."""
    return int(getattr(engine, "max_batch", _MOST_FRAMES))


def with_stage_options(variant: Variant, config: StageConfig) -> Variant:
    """The agent's options that the engine must know when it loads, in the engine's own words."""
    asr = config.options.asr
    given: dict[str, Any] = {}
    if asr is not None:
        given |= {"windowSeconds": float(asr.window_seconds)} if asr.window_seconds else {}
    return variant.model_copy(update={"options": variant.options | given}) if given else variant
