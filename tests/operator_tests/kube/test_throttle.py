from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from virtual_time import in_virtual_time

from antiphon_operator.kube.calls import Call
from antiphon_operator.kube.throttle import Rates, Throttle, TokenBucket


@given(
    st.floats(0.5, 500),
    st.integers(1, 50),
    st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_no_stretch_of_time_sees_more_than_burst_and_rate(per_second: float, burst: int, gaps: list[float]) -> None:
    bucket, now, granted = TokenBucket(per_second, burst), 100.0, []
    for gap in gaps:
        now += gap
        granted.append(now + bucket.reserve(now))
    assert granted == sorted(granted)
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            most = burst + (granted[last] - granted[first]) * per_second
            assert last - first + 1 <= most + 1e-3


def test_a_burst_waits_for_nothing() -> None:
    bucket = TokenBucket(10, 5)
    waits = [bucket.reserve(0) for _ in range(7)]
    assert waits[:5] == [0, 0, 0, 0, 0]
    assert [round(wait, 6) for wait in waits[5:]] == [0.1, 0.2]


@in_virtual_time
async def test_a_hot_loop_of_watches_gets_five_a_second_and_others_do_not_wait_for_it() -> None:
    throttle, loop = Throttle(Rates()), asyncio.get_running_loop()
    count = 0

    async def hot() -> None:
        nonlocal count
        while True:
            await throttle.turn(Call("watch", resource="pods"), "/api/v1/pods")
            count += 1

    task = asyncio.create_task(hot())
    await asyncio.sleep(20)
    began = loop.time()
    for verb in ("get", "list", "create", "patch"):
        await throttle.turn(Call(verb, resource="nodes"), "/api/v1/nodes")
    assert loop.time() == began
    task.cancel()
    assert 100 <= count <= 106


@in_virtual_time
async def test_writes_have_room_for_a_thousand_agents_and_no_more() -> None:
    throttle, loop = Throttle(), asyncio.get_running_loop()
    for _ in range(10_000):
        await throttle.turn(Call("patch"), "/any")
    assert 8.9 < loop.time() < 9.1


@in_virtual_time
async def test_lanes_that_are_idle_are_forgotten() -> None:
    throttle = Throttle(Rates(reads_per_second=1e6, reads_burst=1_000_000))
    for index in range(2_000):
        await throttle.turn(Call("list"), f"/{index}")
        await asyncio.sleep(0.01)
    assert len(throttle._lanes) <= 256
