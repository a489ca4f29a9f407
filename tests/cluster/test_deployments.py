"""Deployments: rollouts within their bounds, scaling, rollback, pausing."""

from __future__ import annotations

from typing import Any

import pytest
from cluster_objects import (
    condition,
    deployment,
    is_leaving,
    is_of_old_controllers,
    is_ready,
    is_rolled_out,
    is_true,
    names,
)
from watching import Obj

from cluster import STRATEGIC, Cluster

_REVISION = "deployment.kubernetes.io/revision"
_COST = "controller.kubernetes.io/pod-deletion-cost"
_HASH = "pod-template-hash"
_REPLAY = 1.0
"""Seconds that a watch is read for what has happened already."""


def _rolled_out(cluster: Cluster, namespace: str, name: str = "web") -> Obj:
    return cluster.wait("Deployment", name, namespace, is_rolled_out)


def _up(cluster: Cluster, namespace: str, replicas: int = 2, **spec: Any) -> Obj:
    """The Deployment `web`, rolled out."""
    cluster.make(deployment("web", replicas, **spec), namespace)
    return _rolled_out(cluster, namespace)


def _change(cluster: Cluster, namespace: str, turn: str, **spec: Any) -> None:
    """Another pod template for each `turn`."""
    template = {"metadata": {"annotations": {"example.com/turn": turn}}}
    answer = cluster.patch("Deployment", "web", namespace, {"spec": {"template": template, **spec}}, STRATEGIC)
    assert answer.status == 200, answer


def _scale(cluster: Cluster, namespace: str, replicas: int) -> None:
    change = {"spec": {"replicas": replicas}}
    assert cluster.patch("Deployment", "web", namespace, change, subresource="scale").status == 200


def _pods(cluster: Cluster, namespace: str, count: int) -> list[Obj]:
    """The pods, as soon as all of them are Ready and there are so many."""
    return cluster.wait_all("Pod", namespace, lambda pods: len(pods) == count and all(map(is_ready, pods)))


def _hashes(objects: list[Obj]) -> set[str]:
    return {one["metadata"]["labels"][_HASH] for one in objects}


class TestRollout:
    def test_to_its_end(self, cluster: Cluster, namespace: str) -> None:
        done = _up(cluster, namespace, 3)
        assert condition(done, "Progressing")["reason"] == "NewReplicaSetAvailable"
        assert is_true(done, "Available")
        assert done["metadata"]["annotations"][_REVISION] == "1"
        assert "unavailableReplicas" not in done["status"]

    def test_each_owns_the_next(self, cluster: Cluster, namespace: str) -> None:
        done = _up(cluster, namespace)
        (replica_set,) = cluster.items("ReplicaSet", namespace)
        assert replica_set["metadata"]["name"].startswith("web-")
        assert replica_set["spec"]["selector"]["matchLabels"].keys() == {"app", _HASH}
        for child, kind, parent in [
            (replica_set, "Deployment", done),
            *((pod, "ReplicaSet", replica_set) for pod in cluster.items("Pod", namespace)),
        ]:
            (owner,) = child["metadata"]["ownerReferences"]
            assert (owner["kind"], owner["uid"]) == (kind, parent["metadata"]["uid"])
            assert owner["controller"] is True
            assert owner["blockOwnerDeletion"] is True

    def test_a_pod_that_goes_is_replaced(self, cluster: Cluster, namespace: str) -> None:
        _up(cluster, namespace)
        gone = cluster.items("Pod", namespace)[0]["metadata"]
        cluster.delete("Pod", gone["name"], namespace)
        cluster.wait_gone("Pod", gone["name"], namespace)
        pods = _pods(cluster, namespace, 2)
        assert gone["uid"] not in {pod["metadata"]["uid"] for pod in pods}

    def test_one_that_gets_nowhere_says_so(self, cluster: Cluster, namespace: str) -> None:
        nowhere = {"nodeSelector": {"example.com/nowhere": "yes"}}
        cluster.make(deployment("web", 1, pod=nowhere, progressDeadlineSeconds=1), namespace)
        stuck = cluster.wait("Deployment", "web", namespace, lambda one: not _progresses(one))
        assert condition(stuck, "Progressing")["reason"] == "ProgressDeadlineExceeded"
        assert condition(stuck, "Available")["status"] == "False"
        assert stuck["status"]["unavailableReplicas"] == 1

    def test_the_selector_must_match_the_template(self, cluster: Cluster, namespace: str) -> None:
        manifest = deployment("web")
        manifest["spec"]["selector"] = {"matchLabels": {"app": "other"}}
        cluster.create(manifest, namespace).must_refuse(422, "Invalid", "`selector` does not match template `labels`")


def _progresses(deployment: Obj) -> bool:
    return bool(condition(deployment, "Progressing")["status"] != "False")


class TestRollingUpdate:
    @pytest.mark.parametrize(
        ("replicas", "unavailable", "surge", "at_least", "at_most"),
        [(2, 0, 1, 2, 3), (3, 1, 0, 2, 3), (4, "25%", "25%", 3, 5)],
    )
    def test_it_keeps_within_its_bounds(
        self, cluster: Cluster, namespace: str, replicas: int, unavailable: Any, surge: Any, at_least: int, at_most: int
    ) -> None:
        bounds = {"maxUnavailable": unavailable, "maxSurge": surge}
        _up(cluster, namespace, replicas, strategy={"type": "RollingUpdate", "rollingUpdate": bounds})
        before = cluster.listing("ReplicaSet", namespace)
        old = _hashes(before.body["items"])
        _change(cluster, namespace, "2")

        def settled(pods: list[Obj]) -> bool:
            ready = [pod for pod in pods if is_ready(pod)]
            assert len(ready) >= at_least, names(pods)
            return len(pods) == len(ready) == replicas and not _hashes(pods) & old

        cluster.wait_all("Pod", namespace, settled)
        _rolled_out(cluster, namespace)
        wanted = {one["metadata"]["name"]: one["spec"]["replicas"] for one in before.body["items"]}
        for event in cluster.watch("ReplicaSet", namespace, before.revision, _REPLAY):
            wanted[event.name] = event.object["spec"]["replicas"]
            assert sum(wanted.values()) <= at_most, wanted

    def test_recreate_ends_the_old_before_it_begins_the_new(self, cluster: Cluster, namespace: str) -> None:
        _up(cluster, namespace, strategy={"type": "Recreate"})
        old = _hashes(cluster.items("Pod", namespace))
        _change(cluster, namespace, "2")

        def settled(pods: list[Obj]) -> bool:
            """An old pod that has ended, and is only not gone yet, keeps no new one waiting."""
            living = [pod for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")]
            assert len(_hashes(living)) <= 1, names(living)
            return len(pods) == 2 and all(map(is_ready, pods)) and not _hashes(pods) & old

        cluster.wait_all("Pod", namespace, settled)

    def test_a_restart_replaces_each_pod(self, cluster: Cluster, namespace: str) -> None:
        _up(cluster, namespace)
        before = {pod["metadata"]["uid"] for pod in cluster.items("Pod", namespace)}
        _change(cluster, namespace, "restarted")
        _rolled_out(cluster, namespace)
        after = {pod["metadata"]["uid"] for pod in _pods(cluster, namespace, 2)}
        assert not before & after

    def test_a_change_in_the_middle_of_a_rollout(self, cluster: Cluster, namespace: str) -> None:
        _up(cluster, namespace)
        _change(cluster, namespace, "2")
        cluster.wait_all("ReplicaSet", namespace, lambda found: len(found) == 2)
        _change(cluster, namespace, "3")
        done = _rolled_out(cluster, namespace)
        assert done["metadata"]["annotations"][_REVISION] == "3"
        turns = {pod["metadata"]["annotations"]["example.com/turn"] for pod in _pods(cluster, namespace, 2)}
        assert turns == {"3"}

    def test_old_revisions_are_kept_up_to_a_limit(self, cluster: Cluster, namespace: str) -> None:
        _up(cluster, namespace, 1, revisionHistoryLimit=1)
        for turn in ("2", "3"):
            _change(cluster, namespace, turn)
            _rolled_out(cluster, namespace)
        kept = cluster.wait_all("ReplicaSet", namespace, lambda found: len(found) == 2)
        assert "3" in {one["metadata"]["annotations"][_REVISION] for one in kept}


class TestRollback:
    def test_the_former_template_takes_up_its_replica_set_again(self, cluster: Cluster, namespace: str) -> None:
        _up(cluster, namespace)
        (first,) = cluster.items("ReplicaSet", namespace)
        _change(cluster, namespace, "2")
        _rolled_out(cluster, namespace)
        cluster.patch("Deployment", "web", namespace, {"spec": {"template": {"metadata": {"annotations": None}}}})
        done = _rolled_out(cluster, namespace)
        assert done["metadata"]["annotations"][_REVISION] == "3"
        again = cluster.get("ReplicaSet", first["metadata"]["name"], namespace)
        assert again["spec"]["replicas"] == 2
        assert again["metadata"]["annotations"][_REVISION] == "3"
        assert len(cluster.items("ReplicaSet", namespace)) == 2


class TestScaling:
    def test_up_and_down(self, cluster: Cluster, namespace: str) -> None:
        _up(cluster, namespace, 1)
        _scale(cluster, namespace, 3)
        _pods(cluster, namespace, 3)
        _scale(cluster, namespace, 0)
        _pods(cluster, namespace, 0)
        done = _rolled_out(cluster, namespace)
        assert len(cluster.items("ReplicaSet", namespace)) == 1
        assert done["metadata"]["annotations"][_REVISION] == "1"

    def test_the_pod_that_costs_least_goes_first(self, cluster: Cluster, namespace: str) -> None:
        _up(cluster, namespace, 3)
        _refuse_controllers_without_costs(cluster, namespace)
        pods = _pods(cluster, namespace, 3)
        dear = pods[1]["metadata"]["name"]
        for pod in pods:
            name = pod["metadata"]["name"]
            cost = {"metadata": {"annotations": {_COST: "10" if name == dear else "-1"}}}
            cluster.patch("Pod", name, namespace, cost)
        _scale(cluster, namespace, 1)
        assert names(_pods(cluster, namespace, 1)) == [dear]

    def test_a_pod_that_waits_goes_before_one_that_runs(self, cluster: Cluster, namespace: str) -> None:
        cluster.make({**deployment("web", 1), "kind": "ReplicaSet"}, namespace)
        (running,) = names(_pods(cluster, namespace, 1))
        nowhere = {"template": {"spec": {"nodeSelector": {"example.com/nowhere": "yes"}}}}
        cluster.patch("ReplicaSet", "web", namespace, {"spec": {"replicas": 2, **nowhere}})
        cluster.wait_all("Pod", namespace, lambda pods: len(pods) == 2)
        cluster.patch("ReplicaSet", "web", namespace, {"spec": {"replicas": 1}})
        assert names(_pods(cluster, namespace, 1)) == [running]


def _refuse_controllers_without_costs(cluster: Cluster, namespace: str) -> None:
    (replica_set,) = cluster.items("ReplicaSet", namespace)
    if is_of_old_controllers(replica_set):
        pytest.skip("the controllers are of 1.20, before pod-deletion-cost")


class TestPaused:
    def test_nothing_moves_until_it_goes_on(self, cluster: Cluster, namespace: str) -> None:
        _up(cluster, namespace)
        _change(cluster, namespace, "2", paused=True)
        seen = cluster.wait("Deployment", "web", namespace, lambda one: _reason(one) == "DeploymentPaused")
        assert condition(seen, "Progressing")["status"] == "Unknown"
        assert len(cluster.items("ReplicaSet", namespace)) == 1
        cluster.patch("Deployment", "web", namespace, {"spec": {"paused": False}})
        _rolled_out(cluster, namespace)
        assert len(cluster.items("ReplicaSet", namespace)) == 2

    def test_it_still_scales(self, cluster: Cluster, namespace: str) -> None:
        _up(cluster, namespace, 1)
        cluster.patch("Deployment", "web", namespace, {"spec": {"paused": True}})
        _scale(cluster, namespace, 2)
        assert not any(map(is_leaving, _pods(cluster, namespace, 2)))


def _reason(deployment: Obj) -> str:
    return str(condition(deployment, "Progressing")["reason"])
