"""Disruption budgets: what they count, and what they keep from being evicted."""

from __future__ import annotations

from typing import Any

import pytest
from cluster_objects import deployment, disruption_budget, is_ready, is_rolled_out, names
from watching import Obj

from cluster import Answer, Cluster, object_path


def _evict(cluster: Cluster, namespace: str, pod: str, **query: str) -> Answer:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
    return cluster.request("POST", object_path("Pod", pod, namespace, "eviction"), eviction, query)


def _budget(cluster: Cluster, namespace: str, allowed: int, **spec: Any) -> Obj:
    """A budget for app=web, once it allows so many disruptions."""
    cluster.make(disruption_budget("web", "web", **spec), namespace)
    return _once_it_allows(cluster, namespace, allowed)


def _once_it_allows(cluster: Cluster, namespace: str, allowed: int) -> Obj:
    def counted(budget: Obj) -> bool:
        status = budget.get("status", {})
        return bool(status.get("disruptionsAllowed") == allowed and status.get("expectedPods") == 3)

    return cluster.wait("PodDisruptionBudget", "web", namespace, counted)


@pytest.fixture
def pods(cluster: Cluster, namespace: str) -> list[str]:
    """Three Ready pods app=web of a Deployment."""
    cluster.make(deployment("web", 3), namespace)
    cluster.wait("Deployment", "web", namespace, is_rolled_out)
    return names(cluster.items("Pod", namespace))


@pytest.mark.usefixtures("pods")
class TestStatus:
    @pytest.mark.parametrize(
        ("spec", "desired", "allowed"),
        [
            ({"minAvailable": 2}, 2, 1),
            ({"minAvailable": "50%"}, 2, 1),
            ({"maxUnavailable": 2}, 1, 2),
            ({"maxUnavailable": "34%"}, 1, 2),
            ({"minAvailable": 3}, 3, 0),
        ],
        ids=lambda one: str(one),
    )
    def test_it_counts(
        self, cluster: Cluster, namespace: str, spec: dict[str, Any], desired: int, allowed: int
    ) -> None:
        status = _budget(cluster, namespace, allowed, **spec)["status"]
        assert status["currentHealthy"] == 3
        assert status["desiredHealthy"] == desired
        assert status["observedGeneration"] == 1


class TestEviction:
    def test_an_evicted_pod_goes_and_is_replaced(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        _budget(cluster, namespace, 1, minAvailable=2)
        assert _evict(cluster, namespace, pods[0]).status == 201
        cluster.wait_gone("Pod", pods[0], namespace)
        cluster.wait_all("Pod", namespace, lambda found: len(found) == 3 and all(map(is_ready, found)))
        _once_it_allows(cluster, namespace, 1)

    def test_none_is_evicted_that_the_budget_needs(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        _budget(cluster, namespace, 0, minAvailable=3)
        answer = _evict(cluster, namespace, pods[0])
        answer.must_refuse(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget")
        assert answer.body["details"]["causes"][0]["reason"] == "DisruptionBudget"
        assert names(cluster.items("Pod", namespace)) == pods

    def test_only_as_many_at_once_as_it_allows(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        _budget(cluster, namespace, 1, minAvailable=2)
        assert _evict(cluster, namespace, pods[0]).status == 201
        _evict(cluster, namespace, pods[1]).must_refuse(429, "TooManyRequests")

    def test_without_a_budget_it_is_a_deletion(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        assert _evict(cluster, namespace, pods[0]).status == 201
        cluster.wait_gone("Pod", pods[0], namespace)

    def test_dry_run(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        assert _evict(cluster, namespace, pods[0], dryRun="All").status == 201
        assert names(cluster.items("Pod", namespace)) == pods

    def test_a_pod_that_is_not_there(self, cluster: Cluster, namespace: str) -> None:
        _evict(cluster, namespace, "none").must_refuse(404, "NotFound", 'pods "none" not found')
