"""Two operators at once: one leads; however it ends or is cut off, the other one goes on, and they never write in turns."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from faults import Hang
from operated import Operated
from operator_process import OperatorProcess, operator_process
from worse_faults import Arrival, WorseProxy, worse_proxy

from cluster import Cluster

LEASE = "antiphon-operator"


@dataclass
class Candidate:
    """An operator behind a proxy of its own, which writes down what it asks."""

    name: str
    proxy: WorseProxy
    process: OperatorProcess

    def writes(self, since: float = 0.0) -> list[Arrival]:
        return [one for one in tuple(self.proxy.arrivals) if one.is_write and one.at >= since]


@dataclass
class Pair:
    """Of candidates in a namespace."""

    corner: Operated
    folder: Path
    stack: ExitStack
    count: int = 0

    def candidate(self) -> Candidate:
        self.count += 1
        name = f"operator-{self.count}"
        proxy = self.stack.enter_context(
            worse_proxy(self.corner.cluster.kubeconfig, self.folder / f"{name}.kubeconfig")
        )
        process = operator_process(proxy.kubeconfig, folder=self.folder, namespace=self.corner.namespace, identity=name)
        return Candidate(name, proxy, self.stack.enter_context(process))

    def led(self) -> tuple[Candidate, Candidate]:
        """The one that leads, and the one that waits."""
        leader = self.candidate()
        leader.process.wait_leader()
        return leader, self.candidate()

    def reconciled(self, replicas: int, timeout: float) -> None:
        """The agent's Deployment has so many replicas."""
        self.corner.cluster.wait(
            "deployments",
            "hello-main",
            self.corner.namespace,
            lambda found: found["spec"]["replicas"] == replicas,
            timeout,
        )


@pytest.fixture
def pair(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Pair]:
    corner = Operated(cluster, namespace)
    corner.make_models()
    try:
        with ExitStack() as stack:
            yield Pair(corner, tmp_path, stack)
    finally:
        corner.remove_models()


def replicas(corner: Operated, number: int) -> None:
    corner.change("hello", {"scaling": {"replicas": number}})


def must_not_have_written_in_turns(*candidates: Candidate) -> None:
    """Each object's writes are first all of one, then all of the other."""
    writers: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
    for candidate in candidates:
        for write in candidate.writes():
            writers[write.path].append((write.at, candidate.name))
    for path, writes in writers.items():
        names = [name for _, name in sorted(writes)]
        switches = sum(one != other for one, other in itertools.pairwise(names))
        assert switches < len(candidates), f"{path} was written by {names}"


def test_one_leads_and_a_killed_one_is_followed_within_20_seconds(pair: Pair) -> None:
    leader, other = pair.led()
    pair.corner.make(pair.corner.agent(replicas=0))
    pair.reconciled(0, 10)
    assert leader.process.is_ready
    assert other.process.is_ready
    assert (leader.process.is_leader, other.process.is_leader) == (True, False)
    assert not other.writes()
    leader.process.kill()
    killed = time.monotonic()
    replicas(pair.corner, 1)
    pair.reconciled(1, 20)
    print(f"\n{time.monotonic() - killed:.1f} s from kill -9 to a change reconciled by the other")
    assert other.process.is_leader
    must_not_have_written_in_turns(leader, other)


def test_one_that_is_told_to_end_hands_over_within_3_seconds(pair: Pair) -> None:
    leader, other = pair.led()
    pair.corner.make(pair.corner.agent(replicas=0))
    pair.reconciled(0, 10)
    told = time.monotonic()
    leader.process.terminate()
    replicas(pair.corner, 1)
    other.process.wait_leader()
    leads = time.monotonic() - told
    pair.reconciled(1, 5)
    print(f"\n{leads:.1f} s from SIGTERM to the other leading, {time.monotonic() - told:.1f} s to a change reconciled")
    assert leads < 3
    must_not_have_written_in_turns(leader, other)


def test_one_that_is_cut_off_stops_before_the_other_begins(pair: Pair) -> None:
    """It still hears its watches, so that it has something to write, and gets no answer to anything."""
    leader, other = pair.led()
    pair.corner.make(pair.corner.agent(replicas=0))
    pair.reconciled(0, 10)
    leader.proxy.inject(Hang(), "GET|POST|PUT|PATCH|DELETE", times=None)
    cut = time.monotonic()
    for number in range(1, 5):
        replicas(pair.corner, number)
        time.sleep(0.3)
    pair.reconciled(4, 25)
    follows = time.monotonic() - cut
    leader.process.wait_until(lambda: not leader.process.is_leader, "it leads no more", 5)
    assert other.process.is_leader
    tried, first = leader.writes(since=cut), other.writes()[0]
    assert tried, "it had nothing to write"
    gap = first.at - tried[-1].at
    print(
        f"\ncut off, it tried {len(tried)} writes, the last one after {tried[-1].at - cut:.1f} s;"
        f" the other began {gap:.1f} s later, and had the change reconciled after {follows:.1f} s"
    )
    assert gap > 0
    leader.proxy.heal()
    healed = time.monotonic()
    time.sleep(3)
    assert (leader.process.is_leader, other.process.is_leader) == (False, True)
    assert leader.process.is_ready
    assert not leader.writes(since=healed)
    must_not_have_written_in_turns(leader, other)
