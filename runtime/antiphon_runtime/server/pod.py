"""The pod: its stages and sessions, from start to end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from antiphon_crds.durations import parse_duration_seconds
from antiphon_crds.runtime_config import RuntimeConfig
from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.server.admission import Admission
from antiphon_runtime.server.assembly import assemble
from antiphon_runtime.server.recent import Recent, RecentSteps, RecentTurns
from antiphon_runtime.server.sessions import Sessions
from antiphon_runtime.server.tracing import TurnTraces
from antiphon_runtime.server.tuning import Tuner
from antiphon_runtime.stages.cast import Part, Stages
from antiphon_runtime.stages.loading import Loader
from antiphon_runtime.stages.switching import FreeMemory, Switcher
from antiphon_runtime.telemetry.labels import Runs, emulated_label
from antiphon_runtime.telemetry.metrics import Metrics
from antiphon_runtime.telemetry.traces import Tracer
from antiphon_runtime.voice.defaults import agent_options
from antiphon_runtime.voice.listeners import Listeners
from antiphon_runtime.voice.phrases import Manner, Phrases
from antiphon_runtime.voice.session import Agent

_log = logging.getLogger(__name__)
Phase: TypeAlias = Literal["Starting", "Ready", "Draining", "Failed"]


class Pod:
    """Made on the event loop. `start` returns when it is ready, or raises; `drain` and `close` end it."""

    def __init__(
        self,
        config: RuntimeConfig,
        folder_of: Callable[[str, Variant], Path],
        free_memory: Callable[[], FreeMemory],
        measure: Callable[[Stages], Awaitable[int]],
        *,
        threads: int,
        metrics: Metrics | None = None,
        tracer: Tracer | None = None,
        on_loaded: Callable[[], None] = lambda: None,
    ) -> None:
        """`measure` tells how many sessions the warm stages can hold. `on_loaded` is called off the event loop."""
        self.config = config
        self.metrics = metrics or Metrics()
        self.phase: Phase = "Starting"
        self.message = "loading models"
        self.options = agent_options(config)
        self.stages = assemble(config, self._forget)
        self.admission = Admission(self.metrics.session_rejected)
        self._measure = measure
        self._on_loaded = on_loaded
        self.recent_turns = RecentTurns()
        self.recent_steps: dict[Stage, Recent] = {}
        self._loader = Loader(folder_of, self._observer, threads=threads)
        self.tuner = Tuner(
            self.stages,
            Switcher(self._loader, free_memory),
            self.admission,
            self.options,
            config.tuning,
            most_sessions=config.sessions.max_sessions,
        )
        self._phrases = Phrases(self.options.tts.phrase_cache.entries, self.metrics.phrase)
        traces = [TurnTraces(tracer, self.stages)] if tracer is not None else []
        listener = Listeners([self.metrics, self.recent_turns, *traces])
        agent = Agent(self.options, self._phrases, lambda: self.tuner.features, listener)
        self.sessions = Sessions(
            agent,
            self.stages,
            self.admission,
            config.sessions,
            on_end=self.metrics.session_ended,
            on_count=self._count,
        )
        self.tuner.active_sessions = lambda: self.sessions.speaking
        self.tuner.on_features = self.sessions.apply_features
        self.tuner.on_switched = lambda part, mode, seconds: self.metrics.switched(part.config.stage, mode, seconds)

    @property
    def is_ready(self) -> bool:
        return self.phase == "Ready"

    async def start(self) -> None:
        """Loads, warms and measures; sessions are let in after that."""
        try:
            for part in self.stages:
                self.message = f"loading stage {part.config.stage}"
                await self._load(part)
            await asyncio.to_thread(self._on_loaded)
            await self._warm_phrases()
            self.message = "measuring its capacity"
            self.admission.measured = await self._measure(self.stages)
        except Exception as error:
            self.phase, self.message = "Failed", str(error) or type(error).__name__
            self.admission.failure = self.message
            raise
        if self.phase == "Starting":
            self.phase, self.message = "Ready", ""
            self.metrics.ready(True)
        self._count()
        _log.info("ready: up to %s sessions", self.admission.capacity)

    def count(self) -> None:
        """Brings the gauges of sessions up to date."""
        self.metrics.sessions(self.sessions.counts())
        if self.admission.capacity is not None:
            self.metrics.capacity(self.admission.capacity)

    async def drain(self) -> None:
        """Takes no new sessions; returns when the old ones have ended, at the latest at the limit."""
        seconds = parse_duration_seconds(self.config.sessions.drain)
        self.phase, self.message = "Draining", f"{len(self.sessions)} sessions finish, for at most {seconds:g} s"
        self.admission.is_draining = True
        self.metrics.ready(False)
        _log.info("draining: %s", self.message)
        await self.sessions.drain(seconds)

    async def close(self) -> None:
        await self.tuner.close()
        await self.sessions.close()
        for served in self.stages.all_served():
            await served.close()

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _load(self, part: Part) -> None:
        name = self.tuner.variant_of(part)
        for served in (part.served, part.trial):
            if served is None:
                continue
            wanted = name if served is part.served else served.config.variant
            variant = next(variant for variant in served.config.variants if variant.name == wanted)
            limits = partial(self.tuner.limits, part, variant)
            served.put(await self._loader.load(served.config, served.model, variant, limits))

    async def _warm_phrases(self) -> None:
        served = self.stages.served("tts")
        texts = self.options.tts.phrase_cache.warm
        if served is not None and texts:
            self.message = "speaking its frequent phrases"
            manner = Manner(self.options.tts.voice or "", self.options.tts.speed)
            async with served.lease() as speaking:
                await self._phrases.warm(speaking, texts, manner)

    def _observer(self, stage: Stage, model: str, variant: Variant, emulated: bool) -> RecentSteps:
        return RecentSteps(stage, self.metrics.observer(stage, model, variant, emulated), self.recent_steps)

    def _forget(self, working: Any) -> None:
        emulated = emulated_label(working.engine.emulated)
        self.metrics.forget(Runs(working.stage, working.model, working.variant.name, emulated))
        if working.stage == "tts":
            self._phrases.forget_variant(working.label)

    def _count(self) -> None:
        """Sessions have come or gone."""
        self.count()
        if any(part.config.load_steps for part in self.stages):
            self.tuner.retune()
