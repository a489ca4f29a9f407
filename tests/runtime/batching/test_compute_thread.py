"""The real thread: off the loop, one call after another, and gone when it is stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import pytest

from antiphon_runtime.batching.batcher import Batcher
from antiphon_runtime.batching.compute_thread import ComputeThread, Outcome
from antiphon_runtime.batching.errors import ComputeError, HungError
from antiphon_runtime.batching.limits import Limits

Value = TypeVar("Value")


async def _outcome(thread: ComputeThread, function: Callable[[], Value]) -> Outcome[Value]:
    came: asyncio.Future[Outcome[Value]] = asyncio.get_running_loop().create_future()
    thread.call(function, came.set_result)
    return await came


async def _gone(name: str) -> None:
    async with asyncio.timeout(5):
        while any(thread.name == name for thread in threading.enumerate()):
            await asyncio.sleep(0)


def test_it_gives_values_and_errors_and_ends() -> None:
    async def story() -> None:
        thread = ComputeThread("a compute thread")
        name = await _outcome(thread, lambda: threading.current_thread().name)
        assert name.value == "a compute thread"
        assert name.seconds >= 0
        error = await _outcome(thread, lambda: {0: 0}[1])
        assert isinstance(error.error, KeyError)
        gone = await _outcome(thread, lambda: exit(3))
        assert isinstance(gone.error, SystemExit)
        thread.stop()
        await _gone("a compute thread")

    asyncio.run(story())


def test_a_loop_that_is_gone_does_not_matter() -> None:
    release = threading.Event()

    async def story() -> None:
        ComputeThread("an orphan").call(release.wait, lambda _: None)

    asyncio.run(story())
    release.set()
    asyncio.run(_gone("an orphan"))


def test_many_callers_one_thread_at_a_time() -> None:
    busy = threading.Lock()
    threads: set[str] = set()

    def compute(items: Sequence[int]) -> list[int]:
        assert busy.acquire(blocking=False), "two calls at a time"
        threads.add(threading.current_thread().name)
        busy.release()
        return [item + 1 for item in items]

    async def ask(batcher: Batcher[int, int], session: int) -> int:
        total = 0
        for number in range(50):
            total += await batcher.submit(number, session=session)
        return total

    async def story() -> list[int]:
        batcher = Batcher(compute, Limits(max_batch=8), name="many")
        totals = await asyncio.gather(*(ask(batcher, session) for session in range(20)))
        await batcher.close()
        await _gone("many")
        return totals

    assert asyncio.run(story()) == [sum(range(1, 51))] * 20
    assert threads == {"many"}


def test_a_real_hang_is_left_behind() -> None:
    release = threading.Event()

    def compute(items: Sequence[str]) -> list[str]:
        if "hang" in items:
            release.wait()
        return [item.upper() for item in items]

    async def story() -> None:
        batcher = Batcher(compute, Limits(max_batch=1, hang_seconds=0.05), name="hangs")
        hanging, waiting = batcher.submit("hang", session=1), batcher.submit("go on", session=2)
        with pytest.raises(HungError):
            await hanging
        assert await waiting == "GO ON"
        assert batcher.hung_computations == 1
        release.set()
        await batcher.close()
        await _gone("hangs")
        await asyncio.sleep(0)
        assert batcher.hung_computations == 0

    asyncio.run(story())


def test_what_the_function_raises_reaches_the_caller() -> None:
    def compute(_items: Sequence[int]) -> list[int]:
        raise StopIteration("an odd one")

    async def story() -> None:
        batcher = Batcher(compute)
        with pytest.raises(ComputeError, match="StopIteration: an odd one") as failed:
            await batcher.submit(1, session=1)
        assert isinstance(failed.value.__cause__, StopIteration)
        await batcher.close()

    asyncio.run(story())
