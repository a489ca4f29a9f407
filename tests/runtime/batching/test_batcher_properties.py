"""Whatever happens to a batcher, every item ends exactly once, in order within its session, and in its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_computer import VirtualComputer
from virtual_time import run_virtually

from antiphon_runtime.batching.batcher import Batcher
from antiphon_runtime.batching.errors import (
    BatchingError,
    ClosedError,
    ComputeError,
    ExpiredError,
    HungError,
    OverloadedError,
    SupersededError,
)
from antiphon_runtime.batching.limits import Limits

HANG_SECONDS = 5.0


@dataclass(frozen=True)
class Ask:
    after: float
    """Seconds since the ask before."""
    session: int
    final: bool
    patience: float | None
    """Seconds to its deadline."""
    cancelled_after: float | None
    is_bad: bool
    fenced_after: float | None


seconds = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0])
asks = st.builds(
    Ask,
    after=seconds,
    session=st.integers(0, 3),
    final=st.booleans(),
    patience=st.none() | seconds,
    cancelled_after=st.none() | seconds,
    is_bad=st.integers(0, 9).map(lambda one_in_ten: one_in_ten == 0),
    fenced_after=st.none() | seconds,
)
limits = st.builds(
    Limits,
    max_batch=st.integers(1, 5),
    max_wait_seconds=seconds,
    max_queue=st.integers(1, 8),
    max_age_seconds=st.none() | st.just(2.0),
    objective_seconds=st.none() | st.just(0.6),
    hang_seconds=st.just(HANG_SECONDS),
)


class Story:
    """A batcher, asked by a script; the function says what it saw."""

    def __init__(
        self, script: Sequence[Ask], durations: Sequence[float], *, once_per_session: bool = False, bisect: bool = False
    ) -> None:
        self.script = script
        self.durations = durations
        self.once_per_session = once_per_session
        self.bisect = bisect
        self.batches: list[list[int]] = []
        self.ends: dict[int, int | BaseException] = {}

    def compute(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        if any(self.script[number].is_bad for number in numbers):
            raise ValueError("a bad item")
        return list(numbers)

    async def tell(self, first: Limits, later: Limits, *, drain: bool) -> None:
        def start(_name: str) -> VirtualComputer:
            return VirtualComputer(lambda: self.durations[len(self.batches) % len(self.durations)])

        batcher = Batcher[int, int](
            self.compute,
            first,
            once_per_session=self.once_per_session,
            bisect=self.bisect,
            start_computer=start,
        )
        asking = []
        for number, ask in enumerate(self.script):
            await asyncio.sleep(ask.after)
            if number == len(self.script) // 2:
                batcher.tune(later)
            asking.append(asyncio.create_task(self._ask(batcher, number, ask)))
        await asyncio.sleep(0.2)
        await batcher.close(drain=drain)
        await asyncio.gather(*asking)
        assert batcher.queued == 0

    async def _ask(self, batcher: Batcher[int, int], number: int, ask: Ask) -> None:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        deadline = None if ask.patience is None else asked + ask.patience
        fenced_at = float("inf") if ask.fenced_after is None else asked + ask.fenced_after
        try:
            future = batcher.submit(
                number,
                session=ask.session,
                final=ask.final,
                deadline=deadline,
                is_fenced=lambda: loop.time() >= fenced_at,
            )
            if ask.cancelled_after is not None:
                loop.call_later(ask.cancelled_after, future.cancel)
            self._end(number, await future)
        except (BatchingError, asyncio.CancelledError) as error:
            self._end(number, error)

    def _end(self, number: int, end: int | BaseException) -> None:
        assert number not in self.ends
        self.ends[number] = end


@settings(deadline=None)
@given(
    st.lists(asks, max_size=25),
    st.lists(st.sampled_from([0.01, 0.5, 1.0, 7.0]), min_size=1, max_size=5),
    limits,
    limits,
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_every_item_ends_exactly_once_and_rightly(
    script: list[Ask],
    durations: list[float],
    first: Limits,
    later: Limits,
    once_per_session: bool,
    bisect: bool,
    drain: bool,
) -> None:
    story = Story(script, durations, once_per_session=once_per_session, bisect=bisect)
    run_virtually(story.tell(first, later, drain=drain))
    assert sorted(story.ends) == list(range(len(script)))
    for number, end in story.ends.items():
        _check_end(story, number, end, drain=drain)
    for batch in story.batches:
        assert len(batch) <= max(first.max_batch, later.max_batch)
        assert not once_per_session or len({script[number].session for number in batch}) == len(batch)
    if not bisect:
        _check_order(story)


def _check_end(story: Story, number: int, end: int | BaseException, *, drain: bool) -> None:
    ask = story.script[number]
    is_computed = any(number in batch for batch in story.batches)
    match end:
        case int():
            assert end == number
            assert not ask.is_bad
        case SupersededError():
            assert not ask.final
            assert not is_computed
        case OverloadedError():
            assert not is_computed
        case ExpiredError() | ClosedError():
            assert story.bisect or not is_computed
            assert not (drain and isinstance(end, ClosedError))
        case ComputeError():
            assert ask.is_bad or not story.bisect
        case HungError():
            assert max(story.durations) >= HANG_SECONDS
        case _:
            assert isinstance(end, asyncio.CancelledError)
            assert ask.cancelled_after is not None


def _check_order(story: Story) -> None:
    computed = [number for batch in story.batches for number in batch]
    assert len(set(computed)) == len(computed)
    for session in {ask.session for ask in story.script}:
        numbers = [number for number in computed if story.script[number].session == session]
        assert numbers == sorted(numbers)


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(1, 6))
def test_a_crowd_of_one_session_delays_another_by_one_item_for_each(arrivals: list[int], cap: int) -> None:
    """The nth item of a session waits for n items of each other session at most."""
    script = [Ask(0.0, session, True, None, None, False, None) for session in arrivals]
    story = Story(script, [0.5])
    run_virtually(story.tell(Limits(max_batch=cap), Limits(max_batch=cap), drain=True))
    computed = [number for batch in story.batches for number in batch]
    alone = len(story.batches[0])
    for place, number in enumerate(computed[alone:], start=alone):
        session = arrivals[number]
        before = computed[alone:place]
        rank = sum(arrivals[earlier] == session for earlier in before)
        for other in set(arrivals) - {session}:
            assert sum(arrivals[earlier] == other for earlier in before) <= rank + 1
