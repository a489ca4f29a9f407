"""Everything submitted ends once and rightly: in virtual time, with a function that takes as long as we say."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from virtual_computer import VirtualComputer
from virtual_time import in_virtual_time, settled

from antiphon_runtime.batching.batcher import Batcher
from antiphon_runtime.batching.errors import (
    ClosedError,
    ComputeError,
    ExpiredError,
    HungError,
    OverloadedError,
    SupersededError,
)
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Batch, Dropped

ROOMY = Limits(max_batch=8)


@dataclass
class Stage:
    """A function that squares, takes `seconds` a batch, and raises on items that are bad."""

    seconds: float = 1.0
    bad: frozenset[int] = frozenset()
    batches: list[list[int]] = field(default_factory=list)
    observed: list[Batch] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)

    def compute(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        if self.bad.intersection(items):
            raise ValueError("a bad item")
        return [item * item for item in items]

    def on_batch(self, batch: Batch) -> None:
        self.observed.append(batch)

    def on_dropped(self, why: Dropped) -> None:
        self.dropped.append(why)

    def batcher(self, limits: Limits = ROOMY, **options: Any) -> Batcher[int, int]:
        def start(_name: str) -> VirtualComputer:
            return VirtualComputer(lambda: self.seconds)

        return Batcher(self.compute, limits, observer=self, start_computer=start, **options)


def _now() -> float:
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_nothing_is_held_back_and_what_waits_forms_the_next_batch() -> None:
    stage = Stage()
    batcher = stage.batcher()
    first = batcher.submit(1, session="a")
    await settled()
    rest = [batcher.submit(item, session="a") for item in (2, 3, 4)]
    assert await first == 1
    assert _now() == pytest.approx(1.0)
    assert await asyncio.gather(*rest) == [4, 9, 16]
    assert _now() == pytest.approx(2.0)
    assert stage.batches == [[1], [2, 3, 4]]


@in_virtual_time
async def test_what_comes_together_goes_together() -> None:
    stage = Stage()
    batcher = stage.batcher()
    await asyncio.gather(*(batcher.submit(item, session=item) for item in range(8)))
    assert stage.batches == [list(range(8))]


@in_virtual_time
async def test_a_wait_fills_the_batch_but_no_longer_than_needed() -> None:
    stage = Stage(seconds=0.0)
    batcher = stage.batcher(Limits(max_batch=2, max_wait_seconds=0.5))
    alone = batcher.submit(1, session="a")
    await alone
    assert _now() == pytest.approx(0.5)
    pair = [batcher.submit(2, session="a")]
    await asyncio.sleep(0.1)
    pair.append(batcher.submit(3, session="b"))
    await asyncio.gather(*pair)
    assert _now() == pytest.approx(0.6)
    assert stage.batches == [[1], [2, 3]]


@in_virtual_time
async def test_cap_and_wait_are_tuned_while_it_runs() -> None:
    stage = Stage()
    batcher = stage.batcher(Limits(max_batch=1, max_wait_seconds=100))
    results = [batcher.submit(item, session="a") for item in range(7)]
    await settled()
    batcher.tune(Limits(max_batch=4, max_wait_seconds=100))
    await results[0]
    await asyncio.sleep(1.5)
    assert stage.batches == [[0], [1, 2, 3, 4]]
    batcher.tune(Limits(max_batch=4))
    await asyncio.gather(*results)
    assert _now() == pytest.approx(3.5)
    assert stage.batches == [[0], [1, 2, 3, 4], [5, 6]]


@in_virtual_time
async def test_a_batch_has_a_session_once_where_the_function_moves_its_state() -> None:
    stage = Stage()
    batcher = stage.batcher(once_per_session=True)
    await asyncio.gather(*(batcher.submit(item, session=item % 2) for item in range(5)))
    assert stage.batches == [[0, 1], [2, 3], [4]]


@in_virtual_time
async def test_finals_come_first_and_the_later_partial_supersedes_the_older() -> None:
    stage = Stage()
    batcher = stage.batcher(Limits(max_batch=1))
    busy = batcher.submit(0, session="z")
    await settled()
    old = batcher.submit(1, session="a", final=False)
    new = batcher.submit(2, session="a", final=False)
    other = batcher.submit(3, session="b", final=False)
    final = batcher.submit(4, session="b")
    assert [await busy, await new, await final] == [0, 4, 16]
    for superseded in (old, other):
        with pytest.raises(SupersededError):
            await superseded
    assert stage.batches == [[0], [4], [2]]
    assert stage.dropped == ["superseded", "superseded"]


@in_virtual_time
async def test_a_deadline_that_passes_in_the_queue_is_told_at_once_and_nothing_is_computed() -> None:
    stage = Stage(seconds=10)
    batcher = stage.batcher()
    busy = batcher.submit(0, session="z")
    await settled()
    late = batcher.submit(1, session="a", deadline=3.0)
    with pytest.raises(ExpiredError) as expired:
        await late
    assert expired.value.reason == "deadline"
    assert _now() == pytest.approx(3.0)
    assert await busy == 0
    await batcher.close()
    assert stage.batches == [[0]]


@in_virtual_time
async def test_a_deadline_that_has_passed_already_is_never_computed() -> None:
    stage = Stage()
    batcher = stage.batcher()
    await asyncio.sleep(5)
    with pytest.raises(ExpiredError):
        await batcher.submit(1, session="a", deadline=5.0)
    assert stage.batches == []


@in_virtual_time
async def test_work_in_hand_is_finished_though_its_deadline_passes() -> None:
    batcher = Stage(seconds=10).batcher()
    assert await batcher.submit(3, session="a", deadline=1.0) == 9


@in_virtual_time
async def test_old_work_expires_by_its_age() -> None:
    batcher = Stage(seconds=10).batcher(replace(ROOMY, max_age_seconds=2.0))
    busy = batcher.submit(0, session="z")
    await settled()
    with pytest.raises(ExpiredError):
        await batcher.submit(1, session="a", deadline=100.0)
    assert _now() == pytest.approx(2.0)
    await busy


@in_virtual_time
async def test_fenced_work_is_dropped_before_it_is_computed() -> None:
    stage = Stage()
    batcher = stage.batcher()
    fenced = False
    busy = batcher.submit(0, session="z")
    await settled()
    stale = batcher.submit(1, session="a", is_fenced=lambda: fenced)
    fenced = True
    await busy
    with pytest.raises(ExpiredError) as expired:
        await stale
    assert expired.value.reason == "fenced"
    assert stage.batches == [[0]]


@in_virtual_time
async def test_a_sweep_ends_fenced_work_without_waiting_for_its_turn() -> None:
    stage = Stage(seconds=10)
    batcher = stage.batcher()
    batcher.submit(0, session="z")
    await settled()
    stale = batcher.submit(1, session="a", is_fenced=lambda: True)
    wanted = batcher.submit(2, session="b", is_fenced=lambda: False)
    batcher.sweep()
    with pytest.raises(ExpiredError):
        await stale
    assert _now() < 1
    assert await wanted == 4


@in_virtual_time
async def test_a_full_queue_refuses_at_once_and_says_when_to_come_again() -> None:
    stage = Stage()
    batcher = stage.batcher(Limits(max_batch=2, max_queue=3))
    await batcher.submit(0, session="z")
    batcher.submit(0, session="z")
    await settled()
    waiting = [batcher.submit(item, session="a") for item in (1, 2)]
    waiting.append(batcher.submit(3, session="b", final=False))
    with pytest.raises(OverloadedError) as refused:
        batcher.submit(4, session="a")
    assert 0 < refused.value.retry_after_seconds < 10
    newer = batcher.submit(5, session="b", final=False)
    assert await asyncio.gather(*waiting[:2], newer) == [1, 4, 25]
    assert isinstance(waiting[2].exception(), SupersededError)
    assert batcher.queued == 0


@in_virtual_time
async def test_cancelling_one_that_waits_hurts_nobody_and_frees_its_place() -> None:
    stage = Stage()
    batcher = stage.batcher(Limits(max_batch=8, max_queue=2))
    busy = batcher.submit(0, session="z")
    await settled()
    gone, stays = batcher.submit(1, session="a"), batcher.submit(2, session="a")
    gone.cancel()
    await settled()
    third = batcher.submit(3, session="b")
    assert [await busy, await stays, await third] == [0, 4, 9]
    assert stage.batches == [[0], [2, 3]]
    assert stage.dropped == ["cancelled"]


@in_virtual_time
async def test_cancelling_one_that_is_computed_hurts_nobody() -> None:
    batcher = Stage().batcher()
    gone, stays = batcher.submit(1, session="a"), batcher.submit(2, session="a")
    await settled()
    gone.cancel()
    assert await stays == 4


@in_virtual_time
async def test_a_function_that_raises_fails_exactly_its_batch() -> None:
    stage = Stage(bad=frozenset({2}))
    batcher = stage.batcher(Limits(max_batch=2))
    results = await asyncio.gather(
        *(batcher.submit(item, session="a") for item in (1, 2, 3, 4)), return_exceptions=True
    )
    assert [isinstance(result, ComputeError) for result in results] == [True, True, False, False]
    assert isinstance(results[0], ComputeError)
    assert isinstance(results[0].__cause__, ValueError)
    assert [batch.end for batch in stage.observed] == ["failed", "computed"]


@in_virtual_time
async def test_bisecting_fails_the_bad_items_alone() -> None:
    stage = Stage(bad=frozenset({2, 6}))
    batcher = stage.batcher(bisect=True)
    results = await asyncio.gather(*(batcher.submit(item, session="a") for item in range(8)), return_exceptions=True)
    assert [item for item in range(8) if isinstance(results[item], ComputeError)] == [2, 6]
    assert [result for result in results if isinstance(result, int)] == [0, 1, 9, 16, 25, 49]


@in_virtual_time
async def test_too_few_results_fail_the_batch() -> None:
    short: Callable[[Sequence[int]], list[int]] = lambda items: list(items)[1:]  # noqa: E731
    batcher = Batcher(short, ROOMY, start_computer=lambda _: VirtualComputer(lambda: 0.1))
    with pytest.raises(ComputeError, match="1 results came back for 2 items"):
        await asyncio.gather(batcher.submit(1, session="a"), batcher.submit(2, session="a"))


@in_virtual_time
async def test_a_function_that_hangs_is_reported_and_the_batcher_goes_on() -> None:
    stage = Stage(seconds=math.inf)
    batcher = stage.batcher(Limits(max_batch=1, hang_seconds=30))
    hanging, waiting = batcher.submit(1, session="a"), batcher.submit(2, session="a")
    await settled()
    stage.seconds = 1.0
    with pytest.raises(HungError):
        await hanging
    assert batcher.hung_computations == 1
    assert await waiting == 4
    assert _now() == pytest.approx(31.0)
    assert [batch.end for batch in stage.observed] == ["hung", "computed"]


@in_virtual_time
async def test_one_that_comes_back_late_changes_nothing() -> None:
    stage = Stage(seconds=40)
    batcher = stage.batcher(Limits(max_batch=1, hang_seconds=30))
    hanging, waiting = batcher.submit(1, session="a"), batcher.submit(2, session="a")
    await settled()
    stage.seconds = 20
    assert await waiting == 4
    assert isinstance(hanging.exception(), HungError)
    assert batcher.hung_computations == 0
    assert _now() == pytest.approx(50.0)


@in_virtual_time
async def test_closing_drains() -> None:
    batcher = Stage().batcher(Limits(max_batch=2, max_wait_seconds=100))
    results = [batcher.submit(item, session="a") for item in range(5)]
    await batcher.close()
    assert [result.result() for result in results] == [0, 1, 4, 9, 16]
    assert _now() == pytest.approx(3.0)
    with pytest.raises(ClosedError):
        batcher.submit(1, session="a")
    await batcher.close()


@in_virtual_time
async def test_closing_rejects_what_waits_and_finishes_what_is_in_hand() -> None:
    stage = Stage()
    batcher = stage.batcher(Limits(max_batch=1))
    first, second = batcher.submit(1, session="a"), batcher.submit(2, session="a")
    await settled()
    await batcher.close(drain=False)
    assert first.result() == 1
    assert isinstance(second.exception(), ClosedError)
    assert stage.batches == [[1]]


@in_virtual_time
async def test_the_cap_follows_the_objective_within_the_operators_bound() -> None:
    stage = Stage()
    batcher = stage.batcher(Limits(max_batch=8, objective_seconds=0.5))
    await asyncio.gather(*(batcher.submit(item, session="a") for item in range(8)))
    assert batcher.cap == 6
    stage.seconds = 0.1
    await asyncio.gather(*(batcher.submit(item, session="a") for item in range(40)))
    assert batcher.cap == 8


@in_virtual_time
async def test_it_tells_size_wait_duration_and_queue() -> None:
    stage = Stage()
    batcher = stage.batcher(Limits(max_batch=2))
    await asyncio.gather(*(batcher.submit(item, session="a") for item in range(3)))
    first, second = stage.observed
    assert (first.size, first.queued, first.cap, first.seconds) == (2, 1, 2, 1.0)
    assert first.waits_seconds == pytest.approx((0.0, 0.0), abs=1e-3)
    assert second.waits_seconds == pytest.approx((1.0,), abs=1e-3)


@in_virtual_time
async def test_an_observer_that_raises_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Stage):
        def on_batch(self, batch: Batch) -> None:
            raise RuntimeError(f"no more disk for {batch}")

    assert await Broken().batcher().submit(3, session="a") == 9
    await settled()
    assert "an observer of a batcher raised" in caplog.text
