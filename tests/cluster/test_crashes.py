"""The operator is killed at random moments while ten agents come, change and go: the world ends as if it never was.

`ANTIPHON_SEED` draws the same moments again; `ANTIPHON_CRASHES` is how many there are of each kind.
"""

from __future__ import annotations

import os
import random
import time
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
from worlds_compared import CHILDREN, Comparable, Tokens, comparable, differences, orphans

import sandbox
from cluster import Cluster

CRASHES = int(os.environ.get("ANTIPHON_CRASHES", "30"))
AGENTS = tuple(f"agent-{number}" for number in range(10))
SPLIT = AGENTS[8:]
SAME_WITHIN_SECONDS = 60.0
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
    """And ask for more meanwhile, which has to wait."""
    corner.cluster.delete("VoiceModel", corner.model_name("asr"))
    corner.change(AGENTS[0], {"scaling": {"replicas": 4}})


def bring_model_back(corner: Operated) -> None:
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


def delete_all(corner: Operated) -> None:
    for name in AGENTS:
        corner.cluster.delete("VoiceAgent", name, corner.namespace)


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
        """Nothing was written for a while, and no Deployment is on its way."""
        last = time.monotonic() + SAME_WITHIN_SECONDS
        while self.watcher.quiet_seconds() < QUIET_SECONDS or not self.all_rolled_out():
            assert time.monotonic() < last, f"it writes on and on:\n{self.operator.last_words}"
            time.sleep(0.1)

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
            assert time.monotonic() < last, f"{what}: undisturbed, and with crashes:\n{told}\n{self.operator.last_words}"
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
    found.made, found.removed = run.watcher.made, run.watcher.removed
    return found


@dataclass
class Tally:
    hit: Counter[str] = field(default_factory=Counter)
    not_reached: int = 0


def crash(run: Run, moment: Moment, wanted: Comparable, tally: Tally) -> None:
    """At that moment; a write that does not come is not waited for beyond the end of the step."""
    if isinstance(moment, AfterWrite):
        run.watcher.arm(moment.number, run.operator.pid)
        while not run.watcher.fired and (run.watcher.quiet_seconds() < QUIET_SECONDS or differences(wanted, run.world())):
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


def clear(run: Run) -> None:
    delete_all(run.corner)
    for kind in (*CHILDREN, "ReplicaSet", "Pod"):
        if kind in ("NetworkPolicy",):
            continue
        run.corner.cluster.wait_all(kind, run.corner.namespace, lambda found: not found, labelSelector=OURS)


OURS = "app.kubernetes.io/managed-by=antiphon,antiphon.dev/agent"


def test_crashes_leave_the_world_as_an_undisturbed_run_does(
    hollow: Cluster, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = int(os.environ.get("ANTIPHON_SEED") or random.SystemRandom().randrange(10**6))
    print(f"\nANTIPHON_SEED={seed}", flush=True)
    namespace = "crashes"
    hollow.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    corner, tally, began = Operated(hollow, namespace), Tally(), time.monotonic()
    corner.make_models()
    with running_proxy(hollow.kubeconfig, tmp_path / "kubeconfig") as proxy, ExitStack() as stack:
        calm = Run(corner, proxy, tmp_path, stack)
        expected = undisturbed(calm)
        print(f"undisturbed: {sum(expected.writes)} writes {expected.writes}, {time.monotonic() - began:.0f} s", flush=True)
        clear(calm)
        run = Run(corner, proxy, tmp_path, stack)
        disturbed(run, random.Random(seed), expected, tally)
        print(f"{tally.hit} {tally.not_reached}, {time.monotonic() - began:.0f} s", flush=True)
        run.wait_quiet()
        print(sum(run.watcher.made.values()), sum(expected.made.values()), "made")
        print({k: (run.watcher.made[k], expected.made[k]) for k in run.watcher.made.keys()|expected.made.keys() if run.watcher.made[k]!= expected.made[k]})
        print({k: (run.watcher.removed[k], expected.removed[k]) for k in run.watcher.removed.keys()|expected.removed.keys() if run.watcher.removed[k]!= expected.removed[k]})
        assert not orphans(hollow, namespace)
        run.operator.terminate()
    corner.remove_models()
