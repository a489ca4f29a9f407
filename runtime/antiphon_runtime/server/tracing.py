"""A listener that sends a trace of every turn."""

from __future__ import annotations

import asyncio
import time

from antiphon_runtime.stages.cast import Stages
from antiphon_runtime.telemetry.labels import Runs, emulated_label
from antiphon_runtime.telemetry.logs import current_session
from antiphon_runtime.telemetry.spans import TurnAttributes
from antiphon_runtime.telemetry.traces import Tracer
from antiphon_runtime.turns.timeline import Timeline
from antiphon_runtime.voice.listener import Nobody, TurnResult


class TurnTraces(Nobody):
    """Made on the event loop, whose clock timelines have."""

    def __init__(self, tracer: Tracer, stages: Stages) -> None:
        self._tracer = tracer
        self._stages = stages
        self._loop = asyncio.get_running_loop()

    def turn(self, timeline: Timeline, result: TurnResult) -> None:
        works = [served.current for served in self._stages.all_served() if served.current is not None]
        ran = tuple(
            Runs(work.stage, work.model, work.variant.name, emulated_label(work.engine.emulated)) for work in works
        )
        engines = {work.stage: work.variant.engine for work in works}
        told = TurnAttributes(session=current_session(), result=result, ran=ran, engines=engines)
        self._tracer.turn(timeline, told, time.time() - self._loop.time())
