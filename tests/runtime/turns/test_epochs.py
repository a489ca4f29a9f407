"""What is stale stays stale, and nothing stale comes out of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.turns.epochs import Epoch, Epochs, while_current


@given(st.lists(st.booleans(), max_size=30))
def test_only_what_began_after_the_last_fence_is_current(fences: list[bool]) -> None:
    epochs = Epochs()
    carried: list[Epoch] = []
    since = 0
    for fence in fences:
        since = 0 if fence else since
        carried.append(epochs.fence() if fence else epochs.current)
        since += 1
    expected = len(fences) if True not in fences else since
    assert [epoch.is_over() for epoch in carried] == [True] * (len(carried) - expected) + [False] * expected


def test_a_speculation_ends_with_its_turn_and_not_the_other_way_round() -> None:
    turns = Epochs()
    turn = turns.current
    speculations = Epochs(within=turn)
    first = speculations.current
    second = speculations.fence()
    assert (first.is_over(), second.is_over(), turn.is_over()) == (True, False, False)
    turns.fence()
    assert second.is_over()
    assert speculations.fence().is_over()


def test_a_stream_gives_nothing_stale_and_is_closed() -> None:
    epochs = Epochs()
    closed: list[bool] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(100):
                yield number
        finally:
            closed.append(True)

    async def story() -> list[int]:
        got = []
        async for number in while_current(epochs.current, numbers()):
            got.append(number)
            if number == 3:
                epochs.fence()
        return got

    assert asyncio.run(story()) == [0, 1, 2, 3]
    assert closed == [True]
