"""The queue of what is due: each key once, never twice at once, failures later and later."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from virtual_time import run_virtually

from antiphon_operator.kube.errors import ApiError
from antiphon_operator.operate.due import DueQueue


class _Visits:
    """Takes a second for each visit, and watches that no key is visited twice at once."""

    def __init__(self, failing: int = 0) -> None:
        self.times: list[tuple[str, float]] = []
        self.under_way: set[str] = set()
        self.failing = failing

    async def __call__(self, key: str) -> None:
        assert key not in self.under_way
        self.under_way.add(key)
        self.times.append((key, asyncio.get_running_loop().time()))
        await asyncio.sleep(1)
        self.under_way.discard(key)
        if self.failing:
            self.failing -= 1
            raise ApiError(500, "InternalError", "it broke")


async def _worked(queue: DueQueue[str], visits: _Visits, seconds: float, workers: int = 2) -> None:
    task = asyncio.create_task(queue.run(visits, workers))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_key_that_is_marked_often_is_visited_once() -> None:
    async def main() -> None:
        queue: DueQueue[str] = DueQueue()
        visits = _Visits()
        for _ in range(10):
            queue.mark("a")
        assert len(queue) == 1
        await _worked(queue, visits, 10)
        assert [key for key, _ in visits.times] == ["a"]
        assert queue.idle

    run_virtually(main())


def test_marked_while_it_is_visited_it_is_visited_again_afterwards() -> None:
    async def main() -> None:
        queue: DueQueue[str] = DueQueue()
        visits = _Visits()
        task = asyncio.create_task(queue.run(visits, 3))
        queue.mark("a")
        await asyncio.sleep(0.5)
        queue.mark("a")
        await asyncio.sleep(5)
        task.cancel()
        assert [time for _, time in visits.times] == [0, 1]

    run_virtually(main())


def test_the_earlier_of_two_times_holds() -> None:
    async def main() -> None:
        queue: DueQueue[str] = DueQueue()
        visits = _Visits()
        queue.mark("a", 8)
        queue.mark("a", 3)
        queue.mark("a", 5)
        assert len(queue) == 0
        await _worked(queue, visits, 20)
        assert visits.times == [("a", 3)]

    run_virtually(main())


def test_failures_come_back_later_and_later_and_starve_nobody() -> None:
    async def main() -> None:
        queue: DueQueue[str] = DueQueue(random.Random(1))
        visits = _Visits(failing=5)
        queue.mark("bad")
        await _worked(queue, visits, 60, workers=1)
        pauses = [later - earlier - 1 for (_, earlier), (_, later) in zip(visits.times, visits.times[1:], strict=False)]
        assert len(pauses) == 5
        assert all(0.75 * 0.5 * 2**index <= pause <= 1.25 * 0.5 * 2**index for index, pause in enumerate(pauses))

    run_virtually(main())


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 20), st.floats(0, 20)), max_size=30), st.integers(1, 4))
def test_every_mark_is_followed_by_a_visit(marks: list[tuple[str, float, float]], workers: int) -> None:
    """A mark made at one time for another one: a visit begins then or later."""

    async def main() -> None:
        queue: DueQueue[str] = DueQueue()
        visits = _Visits()
        loop = asyncio.get_running_loop()
        for key, at, after in marks:
            loop.call_at(at, queue.mark, key, after)
        await _worked(queue, visits, 200, workers)
        last = {key: max(time for visited, time in visits.times if visited == key) for key, _, _ in marks}
        for key, at, _ in marks:
            assert last[key] >= at - 1e-6
        counts, marked = Counter(key for key, _ in visits.times), Counter(key for key, _, _ in marks)
        assert all(counts[key] <= marked[key] for key in counts)
        assert queue.idle

    run_virtually(main())
