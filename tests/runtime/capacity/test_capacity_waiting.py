"""The formulas beside the real batcher and the real streams, in virtual time."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from virtual_computer import VirtualComputer
from virtual_time import run_virtually

from antiphon_runtime.batching.batcher import Batcher
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Batch, Dropped
from antiphon_runtime.batching.streams import Streams
from antiphon_runtime.capacity.waiting import p95_wait_seconds
from antiphon_runtime.capacity.work import Line, StageWork

CALLS = 2000


class Waits:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_batch(self, batch: Batch) -> None:
        self.seconds += batch.waits_seconds

    def on_dropped(self, why: Dropped) -> None:
        raise AssertionError(why)

    @property
    def p95(self) -> float:
        return sorted(self.seconds)[int(0.95 * len(self.seconds))]


async def _at_random(call: Callable[[int], Awaitable[object]], calls_a_second: float) -> None:
    chance = random.Random(1)
    async with asyncio.TaskGroup() as group:
        for number in range(CALLS):
            group.create_task(call(number))  # type: ignore[arg-type]
            await asyncio.sleep(chance.expovariate(calls_a_second))


async def _batched(work: StageWork, calls_a_second: float) -> float:
    waits, size = Waits(), 0

    def compute(items: Sequence[int]) -> Sequence[int]:
        nonlocal size
        size = len(items)
        return items

    batcher: Batcher[int, int] = Batcher(
        compute,
        Limits(max_batch=work.max_batch, max_queue=CALLS, hang_seconds=None),
        observer=waits,
        start_computer=lambda _: VirtualComputer(lambda: work.whole.seconds(size)),
    )

    async def call(number: int) -> None:
        await batcher.submit(number, session=number)

    await _at_random(call, calls_a_second)
    await batcher.close()
    return waits.p95


async def _streamed(work: StageWork, calls_a_second: float) -> float:
    waits = Waits()
    streams = Streams(Limits(max_batch=work.max_batch, max_queue=CALLS, hang_seconds=None), name="tts", observer=waits)

    async def speak() -> AsyncIterator[int]:
        await asyncio.sleep(work.whole.seconds(streams.active))
        yield 1

    async def call(_: int) -> None:
        async for _piece in streams.run(speak):
            pass

    await _at_random(call, calls_a_second)
    return waits.p95


@pytest.mark.parametrize("load", [0.3, 0.7])
@pytest.mark.parametrize("max_batch", [1, 8])
@pytest.mark.parametrize("line", [Line(0, 0.1), Line(0.05, 0.05), Line(0.1, 0.01)], ids=str)
@pytest.mark.parametrize("streams", [False, True], ids=["batches", "streams"])
def test_nobody_waits_much_longer_than_is_said(streams: bool, line: Line, max_batch: int, load: float) -> None:
    work = StageWork("tts" if streams else "asr", line, max_batch, streams=streams)
    calls_a_second = load / work.seconds_when_full
    happened = run_virtually((_streamed if streams else _batched)(work, calls_a_second))
    said = p95_wait_seconds(work, calls_a_second)
    assert happened <= 1.5 * said + 0.2 * work.whole.seconds(1)
    assert said <= 4 * happened + work.whole.seconds(max_batch)


def test_what_cannot_keep_up_waits_for_ever() -> None:
    work = StageWork("asr", Line(0, 0.1), 4)
    assert p95_wait_seconds(work, 10) == math.inf
    assert p95_wait_seconds(work, 5, slowed=2) == math.inf
    assert p95_wait_seconds(work, 0) == 0
    assert p95_wait_seconds(StageWork("asr", Line(0, 0), 4), 1000) == 0
