"""Streams in virtual time: so many at once, the others wait, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from virtual_time import in_virtual_time

from antiphon_runtime.batching.errors import ClosedError, ComputeError, HungError, OverloadedError
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Batch, Dropped
from antiphon_runtime.batching.streams import Streams


class Watcher:
    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.dropped: list[Dropped] = []

    def on_batch(self, batch: Batch) -> None:
        self.batches.append(batch)

    def on_dropped(self, why: Dropped) -> None:
        self.dropped.append(why)


class Source:
    """Gives numbers, one a second; counts what is under way."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.begun: list[str] = []

    async def numbers(self, name: str, count: int = 3, fails: bool = False) -> AsyncIterator[int]:
        self.begun.append(name)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            for number in range(count):
                await asyncio.sleep(1)
                if fails:
                    raise RuntimeError("broken")
                yield number
        finally:
            self.under_way -= 1


def streams(most: int, watcher: Watcher | None = None, **limits: float) -> Streams:
    return Streams(Limits(max_batch=most, **limits), name="llm", observer=watcher)  # type: ignore[arg-type]


async def collect(to: Streams, source: Source, name: str, *, final: bool = True) -> list[int]:
    return [number async for number in to.run(lambda: source.numbers(name), final=final)]


@in_virtual_time
async def test_so_many_at_once_and_all_get_what_they_asked_for() -> None:
    source, watcher = Source(), Watcher()
    queue = streams(2, watcher)
    results = await asyncio.gather(*(collect(queue, source, str(index)) for index in range(5)))
    assert results == [[0, 1, 2]] * 5
    assert source.most == 2
    assert asyncio.get_running_loop().time() == pytest.approx(9)
    assert sorted(batch.size for batch in watcher.batches) == [1, 1, 2, 2, 2]
    assert [round(batch.seconds) for batch in watcher.batches] == [1] * 5
    assert sorted(round(batch.waits_seconds[0]) for batch in watcher.batches) == [0, 0, 3, 3, 6]


@in_virtual_time
async def test_what_surely_counts_goes_before_speculation() -> None:
    source = Source()
    queue = streams(1)
    first = asyncio.create_task(collect(queue, source, "first"))
    await asyncio.sleep(0.1)
    guess = asyncio.create_task(collect(queue, source, "guess", final=False))
    await asyncio.sleep(0.1)
    sure = asyncio.create_task(collect(queue, source, "sure"))
    await asyncio.gather(first, guess, sure)
    assert source.begun == ["first", "sure", "guess"]


@in_virtual_time
async def test_closing_a_stream_ends_its_work_and_frees_its_place() -> None:
    source = Source()
    queue = streams(1)
    stream = queue.run(lambda: source.numbers("a", 100))
    assert await anext(stream) == 0
    await stream.aclose()
    assert (source.under_way, queue.active) == (0, 0)
    assert await collect(queue, source, "b") == [0, 1, 2]


@in_virtual_time
async def test_giving_up_while_waiting_hurts_nobody() -> None:
    source, watcher = Source(), Watcher()
    queue = streams(1, watcher)
    first = asyncio.create_task(collect(queue, source, "first"))
    await asyncio.sleep(0.1)
    second = asyncio.create_task(collect(queue, source, "second"))
    third = asyncio.create_task(collect(queue, source, "third"))
    await asyncio.sleep(0.1)
    second.cancel()
    await asyncio.gather(first, third)
    assert source.begun == ["first", "third"]
    assert watcher.dropped == ["cancelled"]
    assert (queue.active, queue.queued) == (0, 0)


@in_virtual_time
async def test_a_full_queue_refuses_at_once_with_a_hint() -> None:
    source, watcher = Source(), Watcher()
    queue = streams(1, watcher, max_queue=1)
    running = [asyncio.create_task(collect(queue, source, str(index))) for index in range(2)]
    await asyncio.sleep(0.1)
    with pytest.raises(OverloadedError) as refused:
        await collect(queue, source, "third")
    assert refused.value.retry_after_seconds >= 0
    assert watcher.dropped == ["overloaded"]
    await asyncio.gather(*running)


@in_virtual_time
async def test_failures_are_typed() -> None:
    source, watcher = Source(), Watcher()
    queue = streams(1, watcher, hang_seconds=5.0)
    with pytest.raises(ComputeError, match="broken"):
        async for _ in queue.run(lambda: source.numbers("a", fails=True)):
            pass

    async def forever() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(1e6)

    with pytest.raises(HungError):
        async for _ in queue.run(forever):
            pass
    assert [batch.end for batch in watcher.batches] == ["failed", "computed", "hung"]
    assert queue.active == 0


@in_virtual_time
async def test_more_are_let_in_when_the_limit_rises() -> None:
    source = Source()
    queue = streams(1)
    running = [asyncio.create_task(collect(queue, source, str(index))) for index in range(3)]
    await asyncio.sleep(0.1)
    queue.tune(Limits(max_batch=3))
    await asyncio.gather(*running)
    assert source.most == 3
    assert asyncio.get_running_loop().time() == pytest.approx(3.1, abs=0.1)


@in_virtual_time
async def test_closing_finishes_what_is_under_way_and_refuses_what_comes() -> None:
    source = Source()
    queue = streams(1)
    running = [asyncio.create_task(collect(queue, source, str(index))) for index in range(2)]
    await asyncio.sleep(0.1)
    await queue.close(drain=True)
    assert await asyncio.gather(*running) == [[0, 1, 2]] * 2
    with pytest.raises(ClosedError):
        await collect(queue, source, "late")


@in_virtual_time
async def test_closing_without_drain_refuses_those_who_wait() -> None:
    source = Source()
    queue = streams(1)
    first = asyncio.create_task(collect(queue, source, "first"))
    second = asyncio.create_task(collect(queue, source, "second"))
    await asyncio.sleep(0.1)
    await queue.close(drain=False)
    assert await first == [0, 1, 2]
    with pytest.raises(ClosedError):
        await second
