"""What a variant's batches and ticks come to in metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from antiphon_runtime.batching.observing import Batch, Dropped, End, Tick
from antiphon_runtime.telemetry.instruments import Instruments
from antiphon_runtime.telemetry.labels import Runs


class StageMetrics:
    """The observer of one variant. Once it is forgotten, what it is still told goes nowhere."""

    def __init__(self, instruments: Instruments, runs: Runs) -> None:
        self.runs = runs
        self._size = instruments.histogram("batch_size").labels(*runs)
        self._wait = instruments.histogram("batch_wait_seconds").labels(*runs)
        self._step = instruments.histogram("step_duration_seconds").labels(*runs)
        self._whole = instruments.histogram("stage_seconds").labels(*runs)
        self._overrun = instruments.counter("tick_overrun_total").labels(*runs)
        self._skipped = instruments.counter("tick_skipped_total").labels(*runs)
        self._queued = instruments.gauge("queued").labels(*runs)
        self._cap = instruments.gauge("batch_cap").labels(*runs)
        batches, dropped = instruments.counter("batches_total"), instruments.counter("work_dropped_total")
        self._ends: dict[End, _Counts] = {end: batches.labels(*runs, end).inc for end in get_args(End)}
        self._dropped: dict[Dropped, _Counts] = {why: dropped.labels(*runs, why).inc for why in get_args(Dropped)}

    def on_batch(self, batch: Batch) -> None:
        self._size.observe(batch.size)
        for seconds in batch.waits_seconds:
            self._wait.observe(seconds)
        if batch.end != "failed":
            self._step.observe(batch.seconds)
        if batch.end == "computed":
            for seconds in batch.waits_seconds:
                self._whole.observe(seconds + batch.seconds)
        self._ends[batch.end]()
        self._queued.set(batch.queued)
        self._cap.set(batch.cap)

    def on_dropped(self, why: Dropped) -> None:
        self._dropped[why]()

    def on_tick(self, tick: Tick) -> None:
        self._size.observe(tick.stepped)
        self._wait.observe(tick.late_seconds)
        self._step.observe(tick.seconds)
        self._whole.observe(tick.late_seconds + tick.seconds)
        if tick.overrun:
            self._overrun.inc()
        if tick.skipped:
            self._skipped.inc(tick.skipped)

    def follow(self, queued: Callable[[], int], cap: Callable[[], int]) -> None:
        """From now on both are asked for at each scrape, so that they hold between batches too. Must be quick."""
        self._queued.set_function(queued)
        self._cap.set_function(cap)


_Counts = Callable[[], None]
