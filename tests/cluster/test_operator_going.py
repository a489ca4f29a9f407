"""What goes: groups that are no longer wanted, agents, namespaces, and the operator itself."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from operated import Operated, condition, operated, own_namespace, runs_pods
from operator_process import OperatorProcess, operator_process

from antiphon_operator.kube.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, SECRETS, SERVICES, VOICE_AGENTS
from cluster import Cluster

Obj = dict[str, Any]
HOLD = "example.com/hold"
WRITES = "antiphon_operator_writes_total"


def _groups(corner: Operated, *stages: list[str]) -> Obj:
    """One group for each list of stages, named by its first."""
    (group,) = corner.agent()["spec"]["placement"]["groups"]
    return {"groups": [{**group, "name": f"the-{some[0]}", "stages": some} for some in stages]}


def test_only_what_is_no_longer_wanted_goes(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    with operated(cluster, namespace, tmp_path) as (corner, _):
        split = _groups(corner, ["vad", "asr", "llm"], ["tts"])
        corner.made(corner.agent(replicas=0, placement=split))
        corner.made(corner.agent("other", replicas=0))
        before, others = corner.versions(), corner.versions("other")
        assert {name for resource, name in before if resource is DEPLOYMENTS} == {"hello-the-vad", "hello-the-tts"}

        corner.change("hello", {"placement": _groups(corner, ["vad", "asr", "llm", "tts"])})
        corner.wait_gone(DEPLOYMENTS, "hello-the-tts")
        corner.wait_condition("hello", "Accepted", "True")
        corner.cluster.wait_all(
            "services", namespace, lambda found: not [one for one in found if "the-tts" in one["metadata"]["name"]]
        )
        after = corner.versions()
        assert {name for _, name in after} == {name for _, name in before if "the-tts" not in name}
        for kept in ((SERVICES, "hello"), (SERVICES, "hello-the-vad"), (SECRETS, "hello-control")):
            assert after[kept] == before[kept]
        assert corner.versions("other") == others


def test_an_agent_goes_with_all_that_it_became(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    with operated(cluster, namespace, tmp_path) as (corner, operator):
        corner.made(corner.agent(replicas=0))
        corner.made(corner.agent("other", replicas=0))
        others = corner.versions("other")
        corner.remove(VOICE_AGENTS, "hello")
        corner.wait_gone(VOICE_AGENTS, "hello", timeout=10)
        corner.wait_no_children("hello")
        writes = operator.metrics().total(WRITES, resource="deployments.apps")
        time.sleep(1)
        assert corner.all_children("hello") == {}
        assert operator.metrics().total(WRITES, resource="deployments.apps") == writes
        assert corner.versions("other") == others


def test_what_happens_while_nobody_operates_is_made_up_for(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    """Deleted, made, changed, spoilt; and of what stays, nothing is written."""
    alone = ["--no-election"]  # or the Lease of the one that was killed had to run out first
    with operated(cluster, namespace, tmp_path, arguments=alone) as (corner, operator):
        for name in ("gone", "changed", "spoilt", "same"):
            corner.made(corner.agent(name, replicas=0))
        _until_quiet(operator)
        operator.kill()
        same = corner.versions("same")
        corner.remove(VOICE_AGENTS, "gone")
        corner.wait_gone(VOICE_AGENTS, "gone", timeout=10)
        corner.make(corner.agent("new", replicas=0))
        corner.change("changed", {"sessions": {"maxPerReplica": 7}})
        corner.remove(SERVICES, "spoilt")
        corner.wait_no_children("gone")
        events = len(_told(corner))
        with operator_process(cluster.kubeconfig, folder=tmp_path, namespace=namespace, arguments=alone) as again:
            again.wait_leader()
            for name in ("new", "changed"):
                corner.wait_condition(name, "Accepted", "True")
            corner.wait(SERVICES, "spoilt")
            _until_quiet(again)
            assert corner.versions("same") == same
            assert corner.all_children("gone") == {}
            config = corner.the(CONFIG_MAPS, "changed-main")["data"]["runtime.yaml"]
            assert '"maxSessions": 7' in config
            told = _told(corner)
            assert len(told) <= events + 1, told


def _told(corner: Operated) -> list[str]:
    """Of agents; controllers tell of other things."""
    events = corner.cluster.items("events", corner.namespace)
    return [one["message"] for one in events if one["involvedObject"]["kind"] == "VoiceAgent"]


def _until_quiet(operator: OperatorProcess) -> None:
    """Until it has written nothing for three seconds."""
    writes, since = operator.metrics().total(WRITES), time.monotonic()
    last = since + 20
    while time.monotonic() - since < 3:
        assert time.monotonic() < last, "it goes on writing"
        time.sleep(0.2)
        if (now := operator.metrics().total(WRITES)) != writes:
            writes, since = now, time.monotonic()


def test_an_agent_made_anew_waits_for_what_is_left_of_the_old_one(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """Something holds an old child, as draining pods hold their ReplicaSet; nobody takes it over, and nothing is stuck."""
    with operated(cluster, namespace, tmp_path) as (corner, _):
        old = corner.made(corner.agent(replicas=0))
        held = (CONFIG_MAPS, "hello-main")
        corner.edit(*held, {"metadata": {"finalizers": [HOLD]}})
        corner.remove(VOICE_AGENTS, "hello")
        corner.wait_gone(VOICE_AGENTS, "hello", timeout=10)
        new = corner.make(corner.agent(replicas=0))
        assert new["metadata"]["uid"] != old["metadata"]["uid"]
        corner.wait(*held, lambda found: "deletionTimestamp" in found["metadata"])
        time.sleep(1.5)
        assert corner.the(*held)["metadata"]["ownerReferences"][0]["uid"] == old["metadata"]["uid"]
        corner.edit(*held, {"metadata": {"finalizers": None}})
        corner.wait(DEPLOYMENTS, "hello-main", lambda found: _owner(found) == new["metadata"]["uid"])
        corner.wait_condition("hello", "Accepted", "True")
        children = corner.all_children()
        assert len(children) == 9
        assert {_owner(child) for child in children.values()} == {new["metadata"]["uid"]}


def _owner(child: Obj) -> str:
    return str(child["metadata"]["ownerReferences"][0]["uid"])


def test_an_agent_made_anew_serves_while_an_old_pod_drains(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    with operated(cluster, namespace, tmp_path) as (corner, _):
        corner.make(corner.agent(replicas=1))
        corner.wait_condition("hello", "Ready", "True")
        (pod,) = corner.children("pods")
        corner.edit(PODS, pod, {"metadata": {"finalizers": [HOLD]}})
        try:
            corner.remove(VOICE_AGENTS, "hello")
            corner.wait(PODS, pod, lambda found: "deletionTimestamp" in found["metadata"])
            corner.wait_no_children("hello")
            corner.make(corner.agent(replicas=1))
            ready = corner.wait_condition("hello", "Ready", "True")
            assert ready["status"]["ready"] == "1/1"
            assert pod in corner.children("pods")
        finally:
            corner.edit(PODS, pod, {"metadata": {"finalizers": None}})
        corner.wait_gone(PODS, pod)
        assert condition(corner.wait_condition("hello", "Ready", "True"), "Ready")["reason"] == "Serving"


def test_a_namespace_ends_cleanly(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    with own_namespace(cluster) as doomed:
        more = ["--namespace", doomed]
        with operated(cluster, namespace, tmp_path, arguments=more) as (corner, operator):
            there = Operated(cluster, doomed, corner.suffix)
            for name in ("one", "two", "three"):
                there.made(there.agent(name, replicas=0))
            cluster.delete("Namespace", doomed)
            cluster.wait_gone("Namespace", doomed, timeout=40)
            corner.made(corner.agent(replicas=0))
            operator.must_run()
            assert "Traceback" not in operator.log


def test_voices_outlive_their_operator(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    with operated(cluster, namespace, tmp_path) as (corner, operator):
        corner.make(corner.agent(replicas=1))
        corner.wait_condition("hello", "Ready", "True")
        (before,) = corner.children("pods").values()
        operator.kill()
        time.sleep(1)
        (after,) = corner.children("pods").values()
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert all(one["restartCount"] == 0 for one in after["status"]["containerStatuses"])
        if not runs_pods(cluster):
            pytest.skip("the pods of this cluster's nodes are hollow: there is nobody to answer")
        with urllib.request.urlopen(f"http://{after['status']['podIP']}:9100/readyz", timeout=5) as answer:
            assert answer.status == 200
        corner.remove(VOICE_AGENTS, "hello")
        corner.wait_no_children("hello")
