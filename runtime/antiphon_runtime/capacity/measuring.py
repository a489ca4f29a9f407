"""Measures what the warm stages of this pod take, in a few seconds: a single call, then more of them at once."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from antiphon_crds.runtime_config import StageConfig
from antiphon_crds.stages import Stage
from antiphon_runtime.capacity.probes import PROBES, Material, Probe, Taken
from antiphon_runtime.capacity.work import Device, StageWork, batch_within, line_through, median
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.stages.cast import Stages
from antiphon_runtime.stages.working import Working

_log = logging.getLogger(__name__)
BUDGET_SECONDS = 3.0
"""For all stages. A stage that is slower than its share is probed once or twice, and that takes as long as it takes."""
_ORDER: tuple[Stage, ...] = ("tts", "vad", "diarization", "asr", "llm")
"""The voice first, as it says what the others hear; then the quick ones, which leave their share to the slow."""
_SINGLES = 3
_WORTH_A_SECOND_LOOK_SECONDS = 1.5
"""Up to which a call is made twice at least, as the first may have been disturbed."""
_GROWTH = 4
_STREAMING: frozenset[Stage] = frozenset({"llm", "tts"})
_UNSEEN_CORES = 0.2
"""A voice that keeps less than this busy does its work in processes of its own, one for each call."""


class MeasuringError(EngineError):
    """A warm stage could not do what a session will ask of it."""


@dataclass(frozen=True, slots=True)
class _Round:
    """So many calls at once."""

    taken: Sequence[Taken]
    seconds: float
    cpu_seconds: float

    @property
    def size(self) -> int:
        return len(self.taken)

    @property
    def first_seconds(self) -> float:
        """Of the slowest."""
        return max(taken.first_seconds for taken in self.taken)

    @property
    def step_seconds(self) -> float:
        return statistics.fmean(taken.step_seconds for taken in self.taken)


async def measure(stages: Stages, *, budget_seconds: float = BUDGET_SECONDS) -> list[StageWork]:
    """Every stage's own model; not one on trial. Raises MeasuringError, which names the stage."""
    loop = asyncio.get_running_loop()
    end = loop.time() + budget_seconds
    material = Material()
    wanted = [stage for stage in _ORDER if stage in stages]
    works = []
    for index, stage in enumerate(wanted):
        share_seconds = max(end - loop.time(), 0.0) / (len(wanted) - index)
        works.append(await _measured(stages, stage, material, share_seconds))
    return works


async def _measured(stages: Stages, stage: Stage, material: Material, share_seconds: float) -> StageWork:
    served = stages.served(stage)
    assert served is not None  # noqa: S101 (the stage is among them)
    async with served.lease() as working:
        try:
            singles, rounds = await _rounds(PROBES[stage], working, served.config, material, share_seconds)
        except Exception as error:
            raise MeasuringError(f"stage {stage} ({working.label}) failed when it was measured: {error}") from error
        work = _work_of(working, singles, rounds)
    _log.info("%s: %s takes %s", stage, working.label, _in_words(work))
    return work


async def _rounds(
    probe: Probe, working: Working[Any], config: StageConfig, material: Material, share_seconds: float
) -> tuple[list[_Round], list[_Round]]:
    """Single calls, and larger and larger rounds, while there is time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + share_seconds

    async def round_of(size: int) -> _Round:
        started, cpu_before = loop.time(), time.process_time()
        taken = await _all_or_nothing([probe(working, config.options, material) for _ in range(size)])
        return _Round(taken, loop.time() - started, time.process_time() - cpu_before)

    singles = [await round_of(1)]
    if singles[0].seconds < _WORTH_A_SECOND_LOOK_SECONDS:
        singles.append(await round_of(1))
    while len(singles) < _SINGLES and loop.time() + 4 * singles[-1].seconds < end:
        singles.append(await round_of(1))
    rounds = list(singles)
    while rounds[-1].size < working.cap and loop.time() + 2 * rounds[-1].seconds < end:
        rounds.append(await round_of(min(rounds[-1].size * _GROWTH, working.cap)))
    return singles, rounds


async def _all_or_nothing(probes: Sequence[Any]) -> list[Taken]:
    """All of them at once; none goes on when one has failed."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(probe) for probe in probes]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _work_of(working: Working[Any], singles: Sequence[_Round], rounds: Sequence[_Round]) -> StageWork:
    largest = rounds[-1]
    call = line_through(median([one.first_seconds for one in singles]), largest.size, largest.first_seconds)
    step = line_through(median([one.step_seconds for one in singles]), largest.size, largest.step_seconds)
    longest_seconds = None if working.stage in _STREAMING else working.limits.objective_seconds
    device = _device(working)
    return StageWork(
        working.stage,
        call,
        batch_within(call, working.limits.max_batch, longest_seconds),
        step,
        statistics.fmean(one.taken[0].later_pieces for one in singles),
        streams=working.stage in _STREAMING,
        device=device,
        cores=_cores(device, working, rounds),
    )


def _device(working: Working[Any]) -> Device:
    if working.engine.emulated or working.variant.engine == "openai":
        return "own"
    return "cpu" if working.variant.memory.gpu is None else "gpu"


def _cores(device: Device, working: Working[Any], rounds: Sequence[_Round]) -> float:
    """That are busy when as much as possible goes on at once: of the largest round."""
    if working.engine.emulated:
        return 0.0
    cores = max(one.cpu_seconds / max(one.seconds, 1e-9) for one in rounds if one.size == rounds[-1].size)
    if device == "cpu" and working.stage in _STREAMING and cores < _UNSEEN_CORES:
        return float(rounds[-1].size)
    return cores


def _in_words(work: StageWork) -> str:
    first = f"{work.call.seconds(1) * 1000:.3g} ms a call, {work.call.seconds(work.max_batch) * 1000:.3g} ms"
    later = f", {work.step.seconds(1) * 1000:.3g} ms a later piece" if work.steps else ""
    return f"{first} for {work.max_batch} at once{later}, {work.cores:.2g} cores"
