"""Runs a plan: sessions in real time, in one process or several."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias

from antiphon_runtime.bench.connection import Caller, converse
from antiphon_runtime.bench.histograms import Histogram, Key, gained
from antiphon_runtime.bench.pacing import Lateness, start_offsets
from antiphon_runtime.bench.plan import Plan
from antiphon_runtime.bench.scraping import scrape
from antiphon_runtime.bench.takes import silence, take
from antiphon_runtime.bench.ticking import Ticker
from antiphon_runtime.bench.turns import SessionRecord

_PROGRESS_SECONDS = 1.0
_PROCESS_START_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Progress:
    seconds: float
    of_seconds: float
    sessions: int
    """That have begun."""
    turns: int
    """That are over."""

    def __str__(self) -> str:
        return f"{self.seconds:.0f} of {self.of_seconds:.0f} s, {self.sessions} sessions, {self.turns} turns over"


OnProgress: TypeAlias = Callable[[Progress], None]


@dataclass
class Measured:
    """What the sessions have seen, and what the server has said of itself."""

    plan: Plan
    sessions: list[SessionRecord]
    lateness: Lateness
    server: dict[Key, Histogram] = field(default_factory=dict)
    """What its histograms have gained. Empty where they were not asked for, or not there."""
    driver_cpu_percent: float = 0.0
    """Of one core, over the whole bench."""


def drive(plan: Plan, on_progress: OnProgress = lambda _: None) -> Measured:
    """Returns when all sessions have ended. Not to be called on an event loop."""
    before = scrape(plan.metrics_url)
    began = time.monotonic()
    parts = [_Part(plan, indexes, began) for indexes in _shares(plan)]
    found = [asyncio.run(_run(parts[0], on_progress))] if len(parts) == 1 else _in_processes(parts)
    lateness = Lateness()
    for each in found:
        lateness.merge(each.lateness)
    sessions = sorted((record for each in found for record in each.sessions), key=lambda record: record.index)
    server = gained(before, scrape(plan.metrics_url))
    cpu_seconds = sum(each.cpu_seconds for each in found)
    return Measured(plan, sessions, lateness, server, 100 * cpu_seconds / (time.monotonic() - began))


@dataclass(frozen=True)
class _Part:
    """What one process does."""

    plan: Plan
    indexes: tuple[int, ...]
    start: float
    """By the system's monotonic clock, which all processes share."""


@dataclass(frozen=True)
class _Found:
    sessions: list[SessionRecord]
    lateness: Lateness
    cpu_seconds: float


def _shares(plan: Plan) -> list[tuple[int, ...]]:
    processes = max(1, min(plan.processes, plan.sessions))
    return [tuple(range(first, plan.sessions, processes)) for first in range(processes)]


def _in_processes(parts: Sequence[_Part]) -> list[_Found]:
    start = time.monotonic() + _PROCESS_START_SECONDS
    moved = [_Part(part.plan, part.indexes, start) for part in parts]
    with ProcessPoolExecutor(len(parts), mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(_run_part, moved))


def _run_part(part: _Part) -> _Found:
    return asyncio.run(_run(part, lambda _: None))


async def _run(part: _Part, on_progress: OnProgress) -> _Found:
    plan, loop = part.plan, asyncio.get_running_loop()
    takes = tuple(take(clip, plan.manner.audio_format) for clip in plan.clips)
    ticker = Ticker()
    caller = Caller(plan.url, plan.api_key, plan.manner, takes, silence(plan.manner.audio_format), ticker)
    start = loop.time() + max(part.start - time.monotonic(), 0.0)
    records = [SessionRecord(index) for index in part.indexes]
    offsets = start_offsets(plan.sessions, plan.ramp_seconds)
    gc.collect()
    gc.freeze()  # what was made so far is not looked at again: such a look takes longer than a frame
    cpu_began = time.process_time()
    tasks = [
        asyncio.create_task(
            _session(plan, caller, record, start, offsets[record.index]), name=f"session {record.index}"
        )
        for record in records
    ]
    watching = asyncio.create_task(_watch(plan, records, start, on_progress), name="progress")
    try:
        await asyncio.gather(*tasks)
    finally:
        watching.cancel()
        ticker.close()
        gc.unfreeze()
    return _Found(records, ticker.lateness, time.process_time() - cpu_began)


async def _session(plan: Plan, caller: Caller, record: SessionRecord, start: float, offset: float) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(max(start + offset - loop.time(), 0.0))
    until = start + plan.seconds
    await converse(caller, record, plan.seed * 1_000_003 + record.index, until, until + plan.finish_seconds)


async def _watch(plan: Plan, records: Sequence[SessionRecord], start: float, on_progress: OnProgress) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        turns = sum(turn.outcome != "unfinished" for record in records for turn in record.turns)
        opened = sum(record.opened_ms is not None for record in records)
        on_progress(Progress(asyncio.get_running_loop().time() - start, plan.seconds, opened, turns))
