"""The operator is killed at random moments while ten agents come, change and go: the world ends as if it never was.

`ANTIPHON_SEED` draws the same moments again; `ANTIPHON_CRASHES` is how many there are of each kind.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from faulty_proxy import FaultyProxy, running_proxy
from offline_apiserver import REPOSITORY
from operated import Operated
from operator_process import OperatorProcess, operator_process
from random_moments import AfterWrite, Moment, WriteWatcher, draw_moments
from worlds_compared import Comparable, Tokens, comparable, differences, orphans

import sandbox
from cluster import Cluster

CRASHES = int(os.environ.get("ANTIPHON_CRASHES", "15"))
AGENTS = tuple(f"agent-{number}" for number in range(10))
SPLIT = AGENTS[8:]
SAME_WITHIN_SECONDS = 90.0
"""Garbage collectors may first look for new kinds every 30 s."""
QUIET_SECONDS = 2.6
"""What is told of models is written up to 2 s after their agents changed."""
HOLLOW = "nodes: [{name: hollow, kind: hollow, count: 2, capacity: {cpu: 96, memory: 1Ti}}]"
Spec = dict[str, Any]


@pytest.fixture(scope="module")
def hollow(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster of KUBECONFIG; else a sandbox whose pods run nothing, so that all time goes into the operator."""
    if os.environ.get("KUBECONFIG"):
        yield request.getfixturevalue("cluster")
        return
    folder = tmp_path_factory.mktemp("hollow")
    (folder / "nodes.yaml").write_text(HOLLOW, encoding="utf-8")
    with sandbox.running("up", "--kubeconfig", folder / "kubeconfig", "--nodes", folder / "nodes.yaml"):
        found = Cluster(folder / "kubeconfig")
        found.kubectl("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
        found.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(REPOSITORY / "crds"))
        yield found


# --- the script ----------------------------------------------------------------------------------------------------


def create(corner: Operated) -> None:
    for name in AGENTS:
        corner.make(new_agent(corner, name))


def new_agent(corner: Operated, name: str) -> Spec:
    agent = corner.agent(name)
    if name in SPLIT:
        agent["spec"]["placement"]["groups"] = [group("main", "vad", "asr"), group("mouth", "llm", "tts")]
    return agent


def group(name: str, *stages: str) -> Spec:
    return {"name": name, "stages": [*stages], "partition": {"profile": "none"}, "resources": {"cpu": "50m"}}


def change(names: Sequence[str], spec: Spec) -> Callable[[Operated], None]:
    def do(corner: Operated) -> None:
        for name in names:
            corner.change(name, spec)

    return do


def other_variant(corner: Operated) -> None:
    for name in AGENTS[3:8]:
        corner.change(name, {"pipeline": {"asr": {"variants": ["quick"]}}})


def lose_model(corner: Operated) -> None:
    corner.cluster.delete("VoiceModel", corner.model_name("asr"))


def bring_model_back(corner: Operated) -> None:
    """After more was asked for, which had to wait."""
    corner.change(AGENTS[0], {"scaling": {"replicas": 4}})
    for model in corner.models():
        if model["spec"]["stage"] == "asr":
            corner.cluster.make(model)


def remove_group(corner: Operated) -> None:
    for name in SPLIT:
        corner.change(name, {"placement": {"groups": [group("main", "vad", "asr", "llm", "tts")]}})


def rotate_tokens(corner: Operated) -> None:
    annotations = {"antiphon.dev/rotate-control-token": "once"}
    for name in AGENTS[:4]:
        answer = corner.cluster.patch("VoiceAgent", name, corner.namespace, {"metadata": {"annotations": annotations}})
        assert answer.status == 200, answer


def delete_some(corner: Operated) -> None:
    """One of them comes back at once, under the same name."""
    for name in AGENTS[5:9]:
        corner.cluster.delete("VoiceAgent", name, corner.namespace)
    corner.make(new_agent(corner, AGENTS[6]))


SCRIPT: dict[str, Callable[[Operated], None]] = {
    "ten agents are created": create,
    "a change that pods take as they run": change(AGENTS[:5], {"pipeline": {"asr": {"batch": {"max": 3}}}}),
    "a change that needs new pods": other_variant,
    "scaled up": change(AGENTS[:6], {"scaling": {"replicas": 3}}),
    "a model is deleted": lose_model,
    "the model comes back": bring_model_back,
    "scaled down": change(AGENTS[:6], {"scaling": {"replicas": 1}}),
    "a group is removed": remove_group,
    "control tokens are rotated": rotate_tokens,
    "agents are deleted, one comes back": delete_some,
}


# --- a run of it ---------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """An operator behind a proxy, which may be killed and started again."""

    corner: Operated
    proxy: FaultyProxy
    folder: Path
    stack: ExitStack
    tokens: Tokens = field(default_factory=Tokens)
    operator: OperatorProcess = field(init=False)
    watcher: WriteWatcher = field(init=False)

    def __post_init__(self) -> None:
        self.watcher = WriteWatcher(self.proxy)

    def start(self, workers: int = 16) -> None:
        process = operator_process(
            self.proxy.kubeconfig,
            folder=self.folder,
            namespace=self.corner.namespace,
            arguments=["--no-election", "--workers", str(workers)],
            wait=False,
        )
        self.operator = self.stack.enter_context(process)

    def world(self) -> Comparable:
        return comparable(self.corner.cluster, self.corner.namespace, self.tokens)

    def wait_quiet(self) -> None:
        """Nothing was written for a while, no Deployment is on its way, and what is to go is gone."""
        last = time.monotonic() + SAME_WITHIN_SECONDS
        while self.watcher.quiet_seconds() < QUIET_SECONDS or not self.all_rolled_out() or self.orphans():
            assert time.monotonic() < last, f"it writes on and on:\n{self.operator.last_words}"
            time.sleep(0.1)

    def orphans(self) -> list[str]:
        return orphans(self.corner.cluster, self.corner.namespace)

    def all_rolled_out(self) -> bool:
        return all(
            (found := one.get("status", {})).get("updatedReplicas", 0) == found.get("replicas", 0)
            and found.get("readyReplicas", 0) == one["spec"]["replicas"]
            for one in self.corner.cluster.items("deployments", self.corner.namespace)
        )

    def wait_same(self, wanted: Comparable, what: str) -> None:
        last = time.monotonic() + SAME_WITHIN_SECONDS
        while found := differences(wanted, self.world()):
            told = "\n".join(found[:30])
            assert time.monotonic() < last, (
                f"{what}: undisturbed, and with crashes:\n{told}\n{self.operator.last_words}"
            )
            self.operator.must_run()
            time.sleep(0.1)


@dataclass
class Undisturbed:
    """What it came to, step by step."""

    worlds: list[Comparable] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)


def undisturbed(run: Run) -> Undisturbed:
    found = Undisturbed()
    run.start()
    run.operator.wait_leader()
    for do in SCRIPT.values():
        run.watcher.begin()
        do(run.corner)
        run.wait_quiet()
        found.worlds.append(run.world())
        found.writes.append(run.watcher.writes)
    run.operator.terminate()
    found.made, found.removed = run.watcher.made.copy(), run.watcher.removed.copy()
    return found


@dataclass
class Tally:
    hit: Counter[str] = field(default_factory=Counter)
    not_reached: int = 0


def crash(run: Run, moment: Moment, wanted: Comparable, tally: Tally) -> None:
    """At that moment; a write that does not come is not waited for beyond the end of the step."""
    if isinstance(moment, AfterWrite):
        run.watcher.arm(moment.number, run.operator.pid)
        while not run.watcher.fired and (
            run.watcher.quiet_seconds() < QUIET_SECONDS or differences(wanted, run.world())
        ):
            time.sleep(0.02)
        run.watcher.disarm()
        tally.hit["after a write"] += run.watcher.fired
        tally.not_reached += not run.watcher.fired
    else:
        time.sleep(moment.seconds)
        tally.hit["at a random moment"] += 1
    run.operator.kill()


def wait_alive(run: Run, before: int) -> None:
    """Until it was heard of: before that a crash tells nothing."""
    run.operator.wait_until(lambda: run.watcher.requests > before, "heard of", 30)


def disturbed(run: Run, chance: random.Random, expected: Undisturbed, tally: Tally) -> None:
    moments = draw_moments(chance, expected.writes, CRASHES, CRASHES)
    began = time.monotonic()
    run.start()
    run.operator.wait_leader()
    for (name, do), planned, wanted in zip(SCRIPT.items(), moments, expected.worlds, strict=True):
        run.watcher.begin()
        do(run.corner)
        for moment in planned:
            crash(run, moment, wanted, tally)
            before = run.watcher.requests
            run.start(workers=chance.choice((1, 16)))
            wait_alive(run, before)
        run.wait_same(wanted, f"{name}, {planned}")
        print(f"{name}: as undisturbed, with {len(planned)} crashes, {time.monotonic() - began:.0f} s", flush=True)


def clear(run: Run) -> None:
    """As it was before, but for what the cluster counts."""
    for agent in run.corner.cluster.items("VoiceAgent", run.corner.namespace):
        run.corner.cluster.delete("VoiceAgent", agent["metadata"]["name"], run.corner.namespace)
    last = time.monotonic() + SAME_WITHIN_SECONDS
    while {kind for kind, _ in run.world()} - {"VoiceModel"}:
        assert time.monotonic() < last, run.world().keys()
        time.sleep(0.2)


def must_be_quiet(run: Run, seconds: float) -> None:
    before = run.watcher.writes
    time.sleep(seconds)
    assert run.watcher.writes == before, "it writes when nothing changes"


def must_have_written_no_more(run: Run, expected: Undisturbed) -> None:
    """Nothing twice. What belongs to agents that are deleted goes in the order of the garbage collector."""
    staying = [name for name in AGENTS if name not in AGENTS[5:9]]
    for what, found, wanted in (
        ("made", run.watcher.made, expected.made),
        ("deleted", run.watcher.removed, expected.removed),
    ):
        for path in found.keys() | wanted.keys():
            if any(f"/{name}-" in path or path.endswith(f"/{name}") for name in staying):
                assert found[path] <= wanted[path] == 1, f"{path} was {what} {found[path]} times, else {wanted[path]}"


@pytest.fixture
def corner(hollow: Cluster) -> Iterator[Operated]:
    found = Operated(hollow, f"test-{uuid.uuid4().hex[:8]}")
    hollow.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": found.namespace}})
    found.make_models()
    yield found
    found.remove_models()
    hollow.delete("Namespace", found.namespace)


def test_crashes_leave_the_world_as_an_undisturbed_run_does(corner: Operated, tmp_path: Path) -> None:
    seed = int(os.environ.get("ANTIPHON_SEED") or random.SystemRandom().randrange(10**6))
    print(f"\nANTIPHON_SEED={seed}", flush=True)
    tally, began = Tally(), time.monotonic()
    with running_proxy(corner.cluster.kubeconfig, tmp_path / "kubeconfig") as proxy, ExitStack() as stack:
        calm = Run(corner, proxy, tmp_path, stack)
        expected = undisturbed(calm)
        told = ", ".join(f"{name} {writes}" for name, writes in zip(SCRIPT, expected.writes, strict=True))
        print(f"undisturbed: {sum(expected.writes)} writes in {time.monotonic() - began:.0f} s ({told})", flush=True)
        clear(calm)
        run = Run(corner, proxy, tmp_path, stack)
        disturbed(run, random.Random(seed), expected, tally)
        run.wait_quiet()
        must_be_quiet(run, 3)
        run.wait_same(expected.worlds[-1], "at the end")
        assert not run.orphans()
        must_have_written_no_more(run, expected)
        run.operator.terminate()
    total = sum(tally.hit.values())
    where = ", ".join(f"{number} {what}" for what, number in tally.hit.items())
    print(f"crash points {total}/{total} passed ({where}; {tally.not_reached} drawn after the last write of a step)")
    print(f"{run.watcher.total} writes, {sum(expected.writes)} undisturbed; {time.monotonic() - began:.0f} s")
