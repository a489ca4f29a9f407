"""Finals before partials, one session after the other, nothing lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.batching.fair_queue import FairQueue
from antiphon_runtime.batching.work import Work

Pieces = list[Work[int, int]]

arrivals = st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=60)
batches = st.lists(st.integers(1, 8), min_size=1, max_size=10)


def _queue(arrived: Sequence[tuple[int, bool]]) -> tuple[FairQueue[int, int], Pieces]:
    """All that arrived, as the batcher adds it: a partial gives way to later work of its session."""
    queue: FairQueue[int, int] = FairQueue()
    loop = asyncio.new_event_loop()
    for number, (session, final) in enumerate(arrived):
        if older := queue.superseded_by(session):
            queue.remove(older)
        queue.add(Work(number, number, loop.create_future(), session, final, float(number)))
    loop.close()
    return queue, list(queue)


def _take_all(queue: FairQueue[int, int], sizes: Sequence[int], *, once: bool = False) -> list[Pieces]:
    taken: list[Pieces] = []
    while queue:
        taken.append(queue.take(sizes[len(taken) % len(sizes)], lambda _: True, once_per_session=once))
    return taken


@given(arrivals, batches, st.booleans())
def test_what_waits_is_taken_exactly_once(arrived: list[tuple[int, bool]], sizes: list[int], once: bool) -> None:
    queue, waiting = _queue(arrived)
    taken = [work.number for batch in _take_all(queue, sizes, once=once) for work in batch]
    assert sorted(taken) == [work.number for work in waiting]


@given(arrivals, batches, st.booleans())
def test_a_session_is_served_in_order_of_arrival(arrived: list[tuple[int, bool]], sizes: list[int], once: bool) -> None:
    queue, _ = _queue(arrived)
    last: dict[object, int] = {}
    for batch in _take_all(queue, sizes, once=once):
        for work in batch:
            assert last.get(work.session, -1) < work.number
            last[work.session] = work.number


@given(arrivals, batches)
def test_between_two_of_one_session_each_other_is_served_at_most_once(
    arrived: list[tuple[int, bool]], sizes: list[int]
) -> None:
    queue, _ = _queue(arrived)
    taken = [work for batch in _take_all(queue, sizes) for work in batch if work.final]
    for session in {work.session for work in taken}:
        since: Counter[object] = Counter()
        for work in taken:
            if work.session == session:
                since.clear()
            else:
                since[work.session] += 1
            if any(later.session == session for later in taken[taken.index(work) + 1 :]):
                assert max(since.values(), default=0) <= 1


@given(arrivals, batches)
def test_finals_come_before_partials(arrived: list[tuple[int, bool]], sizes: list[int]) -> None:
    queue, _ = _queue(arrived)
    finals = [work.final for batch in _take_all(queue, sizes) for work in batch]
    assert finals == sorted(finals, reverse=True)


@given(arrivals, batches)
def test_a_batch_has_a_session_once_where_asked(arrived: list[tuple[int, bool]], sizes: list[int]) -> None:
    queue, _ = _queue(arrived)
    while queue:
        possible = queue.batch_size(once_per_session=True)
        batch = queue.take(sizes[0], lambda _: True, once_per_session=True)
        assert len({work.session for work in batch}) == len(batch) == min(possible, sizes[0])


@given(arrivals, st.sets(st.integers(0, 60)))
def test_unwanted_work_goes_and_costs_its_session_no_turn(arrived: list[tuple[int, bool]], unwanted: set[int]) -> None:
    queue, waiting = _queue(arrived)
    wanted = [work for work in waiting if work.number not in unwanted]
    sessions = {work.session for work in wanted if work.final}
    first = queue.take(max(len(sessions), 1), lambda work: work.number not in unwanted)
    assert sessions <= {work.session for work in first}
    rest = queue.take(len(waiting) + 1, lambda work: work.number not in unwanted)
    assert sorted(work.number for work in first + rest) == [work.number for work in wanted]
    assert not queue


def test_a_full_batch_leaves_the_rest_waiting() -> None:
    queue, _ = _queue([(1, True), (1, True), (1, True), (2, True)])
    assert [work.number for work in queue.take(2, lambda _: True)] == [0, 3]
    assert len(queue) == 2
    assert queue.oldest is not None
    assert queue.oldest.number == 1
