"""Tunings and how they come to pods: in virtual time, with pods that fail in all ways."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from control_pods import MadeUpPod, MadeUpPods, address_of, in_background
from virtual_time import in_virtual_time, run_virtually

from antiphon_crds.control import Tuning
from antiphon_operator.pods.delivery import Deliveries, Listener
from antiphon_operator.pods.known import GroupKey, PodAddress, PodKey
from antiphon_operator.pods.next_step import LARGEST_GENERATION
from antiphon_operator.pods.progress import Progress
from antiphon_operator.pods.watching import PodWatch

GROUP = GroupKey("team", "hello", "main")


class World:
    """Pods that are watched and tuned."""

    def __init__(self) -> None:
        self.pods = MadeUpPods()
        self.known: dict[PodKey, PodAddress] = {}
        self.ahead: list[int] = []
        self.progressed = 0
        self.observed: list[str] = []
        self.watch = PodWatch(self.pods, lambda _: None, chance=random.Random(1))
        listener = Listener(lambda _, generation: self.ahead.append(generation), self._progressed, self.observed.append)
        self.deliveries = Deliveries(self.pods, self.watch, listener, chance=random.Random(2))
        self.watch.on_report = self.deliveries.heard

    def add(self, name: str, **more: Any) -> MadeUpPod:
        address = f"10.0.0.{len(self.pods.by_address) + 1}"
        pod = address_of(name, address, **more)
        self.known[pod.key] = pod
        self.pods.by_address[address] = made = MadeUpPod()
        self.tell()
        return made

    def tell(self) -> None:
        self.watch.set_pods(self.known)
        self.deliveries.set_pods(self.known)

    def want(self, generation: int) -> bool:
        return self.deliveries.want(GROUP, Tuning(generation=generation))

    @property
    def progress(self) -> Progress:
        progress = self.deliveries.progress(GROUP)
        assert progress is not None
        return progress

    @property
    def reasons(self) -> dict[str, str]:
        return {key.name: failure.reason for key, failure in self.progress.failures.items()}

    def _progressed(self, group: GroupKey) -> None:
        assert group == GROUP
        self.progressed += 1


@asynccontextmanager
async def tuning() -> AsyncIterator[World]:
    world = World()
    async with in_background(world.watch.run()):
        yield world
    await world.deliveries.close()


@in_virtual_time
async def test_every_ready_pod_gets_it_once_and_later_ones_too() -> None:
    async with tuning() as world:
        assert world.deliveries.progress(GROUP) is None
        made = [world.add(f"pod-{index}") for index in range(20)]
        other = world.add("other", group="speech")
        waiting = world.add("waiting", ready=False)
        assert world.want(3)
        await asyncio.sleep(6)
        assert [pod.told for pod in made] == [[3]] * 20
        assert (world.progress.applied, world.progress.total, world.progress.is_done) == (20, 20, True)
        assert other.told == waiting.told == []
        world.known[PodKey("team", "waiting")] = address_of("waiting", "10.0.0.22")
        world.tell()
        await asyncio.sleep(1)
        assert waiting.told == [3]
        assert (world.progress.applied, world.progress.total) == (21, 21)
        assert world.progressed >= 21
        assert world.observed == ["Applied"] * 21
        assert world.pods.most_at_once <= 16 + 32


@in_virtual_time
async def test_one_that_takes_time_is_waited_for_and_the_newest_wins() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        pod.switch_seconds = 20
        world.want(1)
        await asyncio.sleep(4)
        assert (pod.told, world.progress.applied, dict(world.progress.failures)) == ([1], 0, {})
        assert not world.progress.is_done
        for generation in (2, 3, 4):
            world.want(generation)
        await asyncio.sleep(1)
        assert pod.told == [1, 4]
        await asyncio.sleep(21)
        assert world.progress.is_done
        assert pod.told == [1, 4]


@in_virtual_time
async def test_what_is_older_or_another_of_the_same_generation_is_not_taken() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        assert world.want(5)
        assert world.want(5)
        assert not world.want(4)
        assert not world.deliveries.want(GROUP, Tuning(generation=5, max_sessions=1))
        await asyncio.sleep(6)
        assert pod.told == [5]
        world.deliveries.forget(GROUP)
        assert world.deliveries.progress(GROUP) is None
        assert world.want(1)


@in_virtual_time
async def test_a_restarted_pod_gets_it_again() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        world.want(7)
        await asyncio.sleep(6)
        pod.restart(generation=2)
        await asyncio.sleep(9)
        assert pod.told == [7]
        assert world.progress.is_done
        pod.restart(generation=7)
        await asyncio.sleep(9)
        assert pod.told == []


@in_virtual_time
async def test_lost_answers_are_found_out_and_nothing_is_pressed() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        pod.lost_answers = 1
        world.want(1)
        await asyncio.sleep(10)
        assert world.progress.is_done
        assert pod.told == [1], "the report says that it has arrived"
        assert world.observed == ["Unreachable"]


@in_virtual_time
async def test_a_pod_that_does_not_answer_is_tried_with_patience_and_holds_nobody_up() -> None:
    async with tuning() as world:
        for index in range(40):
            world.add(f"silent-{index}").silent = True
        fine = world.add("fine")
        world.want(1)
        await asyncio.sleep(8)
        assert fine.told == [1]
        assert set(world.reasons.values()) == {"Unreachable"}
        assert (world.progress.applied, world.progress.total) == (1, 41)
        await asyncio.sleep(120)
        for pod in world.pods.by_address.values():
            pod.silent = False
        await asyncio.sleep(60)
        assert world.progress.is_done
        assert sum(pod.tunings for pod in world.pods.by_address.values()) == 41


@in_virtual_time
async def test_a_pod_that_has_stopped_to_answer_is_not_told_anything_until_it_does() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        await asyncio.sleep(1)
        pod.silent = True
        await asyncio.sleep(10)
        world.want(1)
        await asyncio.sleep(20)
        assert world.observed == []
        assert world.reasons == {"pod": "Unreachable"}


@in_virtual_time
async def test_a_wrong_token_is_told_and_a_new_one_used_at_once() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        world.want(1)
        await asyncio.sleep(6)
        pod.token = "rotated"
        world.want(2)
        await asyncio.sleep(15)
        assert world.reasons == {"pod": "Refused"}
        assert 1 <= world.observed.count("Refused") <= 6
        world.known[PodKey("team", "pod")] = address_of("pod", "10.0.0.1", token="rotated")
        world.tell()
        await asyncio.sleep(1)
        assert world.progress.is_done


@pytest.mark.parametrize("reason", ["NoMemory", "UnknownVariant", "Invalid"])
def test_what_a_pod_can_not_take_it_is_told_once(reason: str) -> None:
    async def story() -> None:
        async with tuning() as world:
            pod = world.add("pod")
            pod.refusal = reason
            world.want(1)
            await asyncio.sleep(60)
            assert (pod.tunings, world.reasons) == (1, {"pod": reason})
            (failure,) = world.progress.failures.values()
            assert str(failure) == f"{reason}: as the test wants it"
            pod.refusal = None
            world.want(2)
            assert not world.progress.failures
            await asyncio.sleep(6)
            assert world.progress.is_done

    run_virtually(story())


@in_virtual_time
async def test_a_switch_that_fails_in_the_background_is_told() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        pod.switch_seconds = 3
        world.want(1)
        await asyncio.sleep(2)
        assert pod.pending == 1
        pod.message = "stage asr: its files are gone"
        await asyncio.sleep(30)
        assert pod.tunings == 1
        assert [str(failure) for failure in world.progress.failures.values()] == [
            "Failed: stage asr: its files are gone"
        ]


@in_virtual_time
async def test_a_pod_that_drains_is_left_alone() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        await asyncio.sleep(1)
        pod.phase = "Draining"
        world.want(1)
        await asyncio.sleep(60)
        assert pod.tunings <= 2
        assert not world.progress.failures


@in_virtual_time
async def test_a_pod_that_is_ahead_is_told_and_overtaken() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        pod.generation = 9
        await asyncio.sleep(1)
        world.want(3)
        await asyncio.sleep(20)
        assert world.ahead == [9]
        assert (world.progress.ahead, world.reasons, pod.tunings) == (9, {"pod": "StaleGeneration"}, 0)
        world.want(10)
        await asyncio.sleep(6)
        assert world.progress.is_done
        assert world.progress.ahead is None
        assert world.ahead == [9]


@in_virtual_time
async def test_a_pod_that_is_ahead_since_it_was_asked_says_so_itself() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        await asyncio.sleep(1)
        pod.generation = 9
        world.want(3)
        await asyncio.sleep(0.1)
        assert (world.ahead, world.observed) == ([9], ["StaleGeneration"])


@in_virtual_time
async def test_a_pod_that_lies_about_its_generation_does_not_drive_it_up_for_ever() -> None:
    async with tuning() as world:
        pod, fine = world.add("pod"), world.add("fine")
        pod.claims = 1000
        for generation in (1, 1001, 1003, 1005, 1007, 1009):
            world.want(generation)
            pod.claims = generation + 1
            await asyncio.sleep(12)
        assert len(world.ahead) <= 4
        assert world.progress.ahead is None
        assert world.reasons == {"pod": "StaleGeneration"}
        assert fine.generation == 1009


@in_virtual_time
async def test_a_generation_that_can_not_be_overtaken_is_not_believed() -> None:
    async with tuning() as world:
        world.add("pod").claims = LARGEST_GENERATION
        world.want(1)
        await asyncio.sleep(30)
        assert (world.ahead, world.progress.ahead, world.reasons) == ([], None, {"pod": "StaleGeneration"})


@in_virtual_time
async def test_a_pod_that_has_gone_is_not_counted_and_its_delivery_is_given_up() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        world.pods.answer_seconds = 2
        await asyncio.sleep(5)
        world.want(1)
        await asyncio.sleep(0.5)
        del world.known[PodKey("team", "pod")]
        world.tell()
        await asyncio.sleep(10)
        assert pod.told == []
        assert (world.progress.total, world.progress.is_done) == (0, True)


@in_virtual_time
async def test_what_the_pod_before_it_said_does_not_count() -> None:
    async with tuning() as world:
        pod = world.add("pod")
        world.want(1)
        await asyncio.sleep(6)
        assert world.progress.is_done
        pod.restart()
        world.known[PodKey("team", "pod")] = address_of("pod", "10.0.0.1", uid="another")
        world.deliveries.set_pods(world.known)
        assert not world.progress.is_done
        world.watch.set_pods(world.known)
        await asyncio.sleep(1)
        assert world.progress.is_done
        assert pod.told == [1]
