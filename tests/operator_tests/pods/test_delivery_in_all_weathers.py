"""Whatever happens to pods and answers: the newest wanted tuning wins, in order, and nobody is pressed."""

from __future__ import annotations

import asyncio
import itertools
import random

from control_pods import MadeUpPod, MadeUpPods, address_of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from virtual_time import VirtualLoop

from antiphon_crds.control import Tuning
from antiphon_operator.pods.delivery import Deliveries, Listener
from antiphon_operator.pods.known import GroupKey, PodAddress, PodKey
from antiphon_operator.pods.watching import PodWatch

GROUP = GroupKey("team", "hello", "main")
SETTLES_WITHIN_SECONDS = 150.0
"""The longest wait of the watch, of the delivery, a switch, and the timeouts between them."""


class Deliveries_(RuleBasedStateMachine):  # noqa: N801 (hypothesis prints it)
    """The lead's part is played: what is ahead is overtaken at once."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.pods = MadeUpPods()
        self.known: dict[PodKey, PodAddress] = {}
        self.numbers = itertools.count(1)
        self.generation = 0
        self.runner.run(self._start())

    async def _start(self) -> None:
        self.watch = PodWatch(self.pods, lambda _: None, chance=random.Random(1))
        listener = Listener(on_ahead=lambda _, generation: self._want(generation + 1))
        self.deliveries = Deliveries(self.pods, self.watch, listener, chance=random.Random(2))
        self.watch.on_report = self.deliveries.heard
        self.watching = asyncio.create_task(self.watch.run())
        self._want(1)

    def _want(self, generation: int) -> None:
        self.generation = max(generation, self.generation)
        self.deliveries.want(GROUP, Tuning(generation=self.generation))

    @property
    def made(self) -> list[MadeUpPod]:
        return [self.pods.by_address[pod.address] for pod in self.known.values()]

    def any_pod(self, chosen: int) -> MadeUpPod:
        return self.made[chosen % len(self.made)]

    async def _tell(self) -> None:
        self.watch.set_pods(self.known)
        self.deliveries.set_pods(self.known)

    async def _later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    @rule(by=st.integers(1, 3), seconds=st.sampled_from([0.0, 0.001, 1.0]))
    def something_newer_is_wanted(self, by: int, seconds: float) -> None:
        async def wants() -> None:
            self._want(self.generation + by)
            await asyncio.sleep(seconds)

        self.runner.run(wants())

    @rule(ready=st.booleans(), slow=st.booleans(), generation=st.integers(0, 3))
    def a_pod_comes(self, ready: bool, slow: bool, generation: int) -> None:
        number = next(self.numbers)
        pod = address_of(f"pod-{number}", f"10.0.{number // 250}.{number % 250 + 1}", ready=ready)
        self.known[pod.key] = pod
        self.pods.by_address[pod.address] = MadeUpPod(generation=generation, switch_seconds=7.0 if slow else 0.0)
        self.runner.run(self._tell())

    @precondition(lambda self: self.known)
    @rule(chosen=st.integers(0, 20))
    def a_pod_goes(self, chosen: int) -> None:
        del self.known[sorted(self.known)[chosen % len(self.known)]]
        self.runner.run(self._tell())

    @precondition(lambda self: self.known)
    @rule(chosen=st.integers(0, 20))
    def a_pod_becomes_ready_or_unready(self, chosen: int) -> None:
        key = sorted(self.known)[chosen % len(self.known)]
        old = self.known[key]
        self.known[key] = address_of(old.name, old.address, ready=not old.ready)
        self.runner.run(self._tell())

    @precondition(lambda self: self.known)
    @rule(chosen=st.integers(0, 20), behind=st.integers(0, 4))
    def a_pod_restarts(self, chosen: int, behind: int) -> None:
        self.any_pod(chosen).restart(max(0, self.generation - behind))

    @precondition(lambda self: self.known)
    @rule(chosen=st.integers(0, 20), by=st.integers(1, 3))
    def somebody_else_tunes_a_pod(self, chosen: int, by: int) -> None:
        pod = self.any_pod(chosen)
        pod.generation, pod.pending = pod.wanted + by, None

    @precondition(lambda self: self.known)
    @rule(chosen=st.integers(0, 20), lost=st.integers(1, 3))
    def answers_are_lost(self, chosen: int, lost: int) -> None:
        self.any_pod(chosen).lost_answers = lost

    @precondition(lambda self: self.known)
    @rule(chosen=st.integers(0, 20), fault=st.sampled_from(["silent", "garbage"]), on=st.booleans())
    def a_pod_is_broken_or_mended(self, chosen: int, fault: str, on: bool) -> None:
        setattr(self.any_pod(chosen), fault, on)

    @rule(seconds=st.sampled_from([0.001, 0.1, 0.7, 3.0, 11.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        before = {id(pod): pod.tunings for pod in self.made}
        generation = self.generation
        self.runner.run(self._later(seconds))
        for pod in self.made:
            most = 4 + seconds / 2 + (self.generation - generation)
            assert pod.tunings - before.get(id(pod), 0) <= most, "requests are bounded"

    def teardown(self) -> None:
        for pod in self.made:
            pod.silent = pod.garbage = False
            pod.lost_answers = 0
        self.runner.run(self._later(SETTLES_WITHIN_SECONDS))
        progress = self.deliveries.progress(GROUP)
        assert progress is not None
        ready = [self.pods.by_address[pod.address] for pod in self.known.values() if pod.ready]
        assert [pod.generation for pod in ready] == [self.generation] * len(ready)
        assert (progress.generation, progress.applied, progress.total) == (self.generation, len(ready), len(ready))
        assert not progress.failures
        for pod in self.pods.by_address.values():
            assert pod.told == sorted(pod.told), "never an older one after a newer one"
        told = sum(pod.tunings for pod in self.pods.by_address.values())
        self.runner.run(self._later(60))
        assert told == sum(pod.tunings for pod in self.pods.by_address.values()), "nothing more is to be done"
        self.runner.run(self._end())
        self.runner.close()

    async def _end(self) -> None:
        self.watching.cancel()
        await asyncio.gather(self.watching, return_exceptions=True)
        await self.deliveries.close()


TestDeliveries = Deliveries_.TestCase
TestDeliveries.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
