"""When pods are asked, for how long their answers hold, and what is told of them: in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from control_pods import MadeUpPod, MadeUpPods, address_of, in_background
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import in_virtual_time, run_virtually

from antiphon_operator.pods.due_times import DueTimes, next_in_phase, phase_of
from antiphon_operator.pods.known import AgentKey, PodAddress, PodKey
from antiphon_operator.pods.settings import Backoff, WatchSettings
from antiphon_operator.pods.watching import PodWatch

HELLO = AgentKey("team", "hello")


class World:
    """Pods that are watched."""

    def __init__(self, **settings: Any) -> None:
        self.pods = MadeUpPods()
        self.changes: list[tuple[float, AgentKey]] = []
        self.known: dict[PodKey, PodAddress] = {}
        chance = random.Random(1)
        self.watch = PodWatch(self.pods, self._changed, settings=WatchSettings(**settings), chance=chance)

    def add(self, name: str, **more: Any) -> MadeUpPod:
        address = f"10.0.{len(self.known) // 250}.{len(self.known) % 250 + 1}"
        pod = address_of(name, address, **more)
        self.known[pod.key] = pod
        self.pods.by_address[address] = made = MadeUpPod()
        return made

    def tell(self) -> None:
        self.watch.set_pods(self.known)

    def report(self, name: str) -> Any:
        return self.watch.report(PodKey("team", name))

    def _changed(self, agent: AgentKey) -> None:
        self.changes.append((asyncio.get_running_loop().time(), agent))


@asynccontextmanager
async def watching(**settings: Any) -> AsyncIterator[World]:
    world = World(**settings)
    async with in_background(world.watch.run()):
        yield world


@in_virtual_time
async def test_pods_are_asked_each_interval_and_spread_over_it() -> None:
    async with watching() as world:
        made = [world.add(f"pod-{index}") for index in range(100)]
        world.tell()
        await asyncio.sleep(61)
    for pod in made:
        assert 11 <= len(pod.asked) <= 14
        assert all(2 <= later - earlier <= 8 for earlier, later in itertools.pairwise(pod.asked))
    asked = sorted(at for pod in made for at in pod.asked)
    for start in range(60):
        assert 10 <= sum(start <= at < start + 1 for at in asked) <= 30, "evenly: about 20 a second"
    assert max(sum(start <= at < start + 0.1 for at in asked) for start in asked) <= 8


@in_virtual_time
async def test_no_more_than_so_many_at_once_and_slow_pods_do_not_starve_the_others() -> None:
    async with watching(most_at_once=4, most_per_second=50) as world:
        slow = [world.add(f"slow-{index}") for index in range(30)]
        fine = [world.add(f"fine-{index}") for index in range(10)]
        for pod in slow:
            pod.silent = True
        world.tell()
        await asyncio.sleep(300)
        assert world.pods.most_at_once == 4
        assert all(world.report(f"fine-{index}").state for index in range(10))
        assert all(len(pod.asked) >= 12 for pod in fine)


@in_virtual_time
async def test_a_pod_that_does_not_answer_is_asked_ever_more_seldom_and_at_once_when_it_is_ready() -> None:
    async with watching() as world:
        pod = world.add("pod", ready=False)
        pod.silent = True
        world.tell()
        await asyncio.sleep(600)
        waits = [later - earlier - 3 for earlier, later in itertools.pairwise(pod.asked)]
        assert waits[:3] == pytest.approx([5, 10, 20], rel=0.31)
        assert all(40 <= wait <= 53 for wait in waits[3:])
        assert "no answer" in world.report("pod").error
        pod.silent = False
        await asyncio.sleep(0.2)
        world.known[PodKey("team", "pod")] = address_of("pod", "10.0.0.1", ready=True)
        world.tell()
        await asyncio.sleep(3.1)
        assert world.report("pod").state is not None
        assert not world.report("pod").error


@in_virtual_time
async def test_a_state_holds_for_three_intervals() -> None:
    async with watching() as world:
        pod = world.add("pod")
        world.tell()
        await asyncio.sleep(1)
        pod.silent = True
        heard_at = world.report("pod").heard_at
        while world.report("pod").state is not None:
            await asyncio.sleep(0.1)
            assert asyncio.get_running_loop().time() < heard_at + 15.2
        assert asyncio.get_running_loop().time() >= heard_at + 15
        await asyncio.sleep(5)
        told_at = [at for at, _ in world.changes]
        assert len(told_at) == 3, "heard, silent, unknown"
        assert heard_at + 15 <= told_at[2] <= heard_at + 15 + 3.1


@in_virtual_time
async def test_a_pod_that_starts_or_is_tuned_is_asked_often() -> None:
    async with watching() as world:
        pod = world.add("pod")
        pod.phase = "Starting"
        world.tell()
        await asyncio.sleep(10)
        assert 17 <= len(pod.asked) <= 21
        pod.phase = "Ready"
        await asyncio.sleep(20)
        before = len(pod.asked)
        pod.pending = 7
        world.watch.hasten(PodKey("team", "pod"))
        await asyncio.sleep(5)
        assert 8 <= len(pod.asked) - before <= 11
        before = len(pod.asked)
        pod.message = "no memory"
        await asyncio.sleep(30)
        assert len(pod.asked) - before <= 8, "what has failed is waited for no more"


@in_virtual_time
async def test_news_are_told_at_once_and_session_counts_now_and_then() -> None:
    async with watching(interval_seconds=1.0) as world:
        pod = world.add("pod")
        world.tell()
        await asyncio.sleep(10)
        assert len(world.changes) == 1
        for count in range(30):
            pod.sessions = count
            await asyncio.sleep(1)
        assert 5 <= len(world.changes) - 1 <= 7
        await asyncio.sleep(10)
        quiet = len(world.changes)
        assert world.report("pod").state.sessions.idle == 29
        await asyncio.sleep(60)
        assert len(world.changes) == quiet
        for change in ("generation", "phase"):
            setattr(pod, change, {"generation": 4, "phase": "Draining"}[change])
            await asyncio.sleep(1.6)
        assert len(world.changes) == quiet + 2
        assert {agent for _, agent in world.changes} == {HELLO}


@in_virtual_time
async def test_a_state_that_ends_to_hold_is_told_however_long_the_wait_is() -> None:
    async with watching(silent=Backoff(100, 100)) as world:
        pod = world.add("pod")
        world.tell()
        await asyncio.sleep(1)
        pod.silent = True
        await asyncio.sleep(30)
        assert len(world.changes) == 3, "heard, silent, unknown"


@in_virtual_time
async def test_what_comes_up_while_a_pod_is_asked_is_not_forgotten() -> None:
    async with watching() as world:
        pod = world.add("pod")
        world.pods.answer_seconds = 1.0
        world.tell()
        await asyncio.sleep(0.5)
        world.watch.hasten(PodKey("team", "pod"))
        await asyncio.sleep(1.1)
        assert len(pod.asked) == 2
        while len(pod.asked) == 2:
            await asyncio.sleep(0.1)
        world.known[PodKey("team", "pod")] = address_of("pod", "10.0.0.1", token="new")
        world.tell()
        await asyncio.sleep(1.1)
        assert len(pod.asked) == 4, "asked anew with what has changed"


@in_virtual_time
async def test_what_is_gone_is_asked_no_more_and_another_of_its_name_is_unknown() -> None:
    async with watching() as world:
        pod, other = world.add("pod"), world.add("other")
        world.tell()
        await asyncio.sleep(4)
        assert world.report("pod").state is not None
        world.known[PodKey("team", "pod")] = address_of("pod", "10.0.0.1", uid="another")
        del world.known[PodKey("team", "other")]
        world.tell()
        assert world.report("pod").state is None
        assert world.report("other") is None
        times = len(other.asked)
        await asyncio.sleep(20)
        assert len(other.asked) == times
        assert world.report("pod").state is not None
        assert world.report("pod").uid == "another"
        assert len(pod.asked) > 3


@in_virtual_time
async def test_a_pod_without_an_address_waits_for_one_and_a_new_token_is_tried_at_once() -> None:
    async with watching() as world:
        pod = world.add("pod", token="old")
        world.known[PodKey("team", "pod")] = address_of("pod", "")
        world.tell()
        await asyncio.sleep(30)
        assert pod.asked == []
        world.known[PodKey("team", "pod")] = address_of("pod", "10.0.0.1", token="old")
        world.tell()
        await asyncio.sleep(0.1)
        assert "401" in world.report("pod").error
        world.known[PodKey("team", "pod")] = address_of("pod", "10.0.0.1")
        world.tell()
        await asyncio.sleep(0.1)
        assert world.report("pod").state is not None
        pod.garbage = True
        await asyncio.sleep(8)
        assert "JSON" in world.report("pod").error


def test_five_thousand_pods_cost_little() -> None:
    """Of this process, the transport apart. Asked less often than few are, and still known."""

    async def story() -> None:
        async with watching() as world:
            made = [world.add(f"pod-{index}") for index in range(5000)]
            world.tell()
            await asyncio.sleep(60)
            asked = sum(len(pod.asked) for pod in made)
            assert asked <= 60 * world.watch.settings.most_per_second
            assert min(len(pod.asked) for pod in made) >= 3
            assert all(report.state is not None for report in world.watch.reports().values())
            assert len(asyncio.all_tasks()) < 40

    started = time.process_time()
    run_virtually(story())
    assert time.process_time() - started < 30, "for a minute; about 5 s where nothing else runs"


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["put", "hasten", "drop"]), st.integers(0, 50)), max_size=60)
)
def test_the_heap_is_a_sorted_list(actions: list[tuple[int, str, int]]) -> None:
    due, model = DueTimes[int](), dict[int, float]()
    for key, action, at in actions:
        if action == "put":
            due.put(key, at)
            model[key] = at
        elif action == "hasten":
            assert due.hasten(key, at) == (model.get(key, -1) > at)
            model.update({key: min(model[key], at)} if key in model else {})
        else:
            due.drop(key)
            model.pop(key, None)
        assert due.next_at() == min(model.values(), default=None)
        assert len(due) == len(model)
    came = []
    while (popped := due.pop(25)) is not None:
        came.append(model.pop(popped))
    assert came == sorted(came)
    assert all(at > 25 for at in model.values())


@given(st.floats(0, 1e6), st.floats(0.5, 60), st.integers(0, 10_000))
def test_the_next_moment_is_neither_now_nor_far(now: float, interval: float, number: int) -> None:
    at = next_in_phase(now, interval, phase_of(number))
    assert now + 0.49 * interval <= at <= now + 1.51 * interval


@given(st.integers(1, 2000), st.integers())
def test_a_backoff_is_bounded(failures: int, seed: int) -> None:
    backoff = Backoff(0.5, 30)
    assert 0.5 <= backoff.seconds(failures, random.Random(seed)) <= 30 * 1.3
