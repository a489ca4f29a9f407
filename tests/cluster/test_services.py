"""Services: their addresses, and Endpoints and EndpointSlices that follow the pods."""

from __future__ import annotations

from typing import Any

import pytest
from cluster_objects import STAYS, container, deployment, is_ready, is_rolled_out, names, pod, service
from watching import Obj

from cluster import Cluster

_NEVER_READY: dict[str, Any] = {"readinessProbe": {"exec": {"command": ["sh", "-c", "exit 1"]}, "periodSeconds": 1}}
_PLAYED = {"fake.kubelet/ready": "false"}
"""An annotation that makes hollow nodes play what the probe does on others."""


def _addresses(endpoints: Obj, key: str = "addresses") -> list[str]:
    """Names of the pods behind it."""
    subsets = endpoints.get("subsets", [])
    return sorted(address["targetRef"]["name"] for subset in subsets for address in subset.get(key, []))


def _in_slices(slices: list[Obj]) -> dict[str, bool]:
    """Pod -> whether it is ready."""
    found = [end for each in slices for end in each.get("endpoints") or []]
    return {end["targetRef"]["name"]: bool(end["conditions"]["ready"]) for end in found}


def _wait_for_slices(cluster: Cluster, namespace: str, expected: dict[str, bool]) -> list[Obj]:
    label = "kubernetes.io/service-name=web"
    return cluster.wait_all(
        "EndpointSlice", namespace, lambda found: found and _in_slices(found) == expected, labelSelector=label
    )


@pytest.fixture
def pods(cluster: Cluster, namespace: str) -> list[str]:
    """Two Ready pods app=web, and a Service `web` for them."""
    cluster.make(service("web", {"app": "web"}), namespace)
    cluster.make(deployment("web"), namespace)
    cluster.wait("Deployment", "web", namespace, is_rolled_out)
    return names(cluster.items("Pod", namespace))


class TestAddress:
    def test_it_gets_one(self, cluster: Cluster, namespace: str) -> None:
        spec = cluster.make(service("web", {"app": "web"}), namespace)["spec"]
        assert spec["type"] == "ClusterIP"
        assert spec["clusterIPs"] == [spec["clusterIP"]]
        assert spec["clusterIP"].count(".") == 3
        assert spec["ports"] == [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
        assert spec["sessionAffinity"] == "None"

    def test_each_its_own_and_for_good(self, cluster: Cluster, namespace: str) -> None:
        one, other = (cluster.make(service(name, {"app": name}), namespace) for name in ("one", "other"))
        assert one["spec"]["clusterIP"] != other["spec"]["clusterIP"]
        changed = cluster.patch("Service", "one", namespace, {"spec": {"selector": {"app": "new"}}})
        assert changed.body["spec"]["clusterIP"] == one["spec"]["clusterIP"]

    def test_a_headless_one_has_none(self, cluster: Cluster, namespace: str) -> None:
        spec = cluster.make(service("web", {"app": "web"}, clusterIP="None"), namespace)["spec"]
        assert spec["clusterIPs"] == ["None"]


class TestEndpoints:
    def test_the_ready_pods(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        found = cluster.wait("Endpoints", "web", namespace, lambda one: _addresses(one) == pods)
        (subset,) = found["subsets"]
        assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
        addresses = {address["targetRef"]["name"]: address for address in subset["addresses"]}
        for one in cluster.items("Pod", namespace):
            address = addresses[one["metadata"]["name"]]
            assert address["ip"] == one["status"]["podIP"]
            assert address["nodeName"] == one["spec"]["nodeName"]
            assert address["targetRef"]["uid"] == one["metadata"]["uid"]

    def test_a_pod_that_is_not_ready_is_kept_apart(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        unready = pod("unready", {"app": "web"}, containers=[container(command=STAYS, **_NEVER_READY)])
        unready["metadata"]["annotations"] = _PLAYED
        cluster.make(unready, namespace)
        found = cluster.wait("Endpoints", "web", namespace, lambda one: _addresses(one, "notReadyAddresses"))
        assert _addresses(found, "notReadyAddresses") == ["unready"]
        assert _addresses(found) == pods

    def test_a_pod_that_goes(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        cluster.wait("Endpoints", "web", namespace, lambda one: _addresses(one) == pods)
        cluster.patch("Deployment", "web", namespace, {"spec": {"replicas": 1}})
        (left,) = names(cluster.wait_all("Pod", namespace, lambda found: len(found) == 1))
        cluster.wait("Endpoints", "web", namespace, lambda one: _addresses(one) == [left])

    def test_another_selector(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        cluster.make(pod("other", {"app": "other"}), namespace)
        cluster.wait("Pod", "other", namespace, is_ready)
        cluster.wait("Endpoints", "web", namespace, lambda one: _addresses(one) == pods)
        cluster.patch("Service", "web", namespace, {"spec": {"selector": {"app": "other"}}})
        cluster.wait("Endpoints", "web", namespace, lambda one: _addresses(one) == ["other"])

    def test_a_named_target_port(self, cluster: Cluster, namespace: str) -> None:
        ports = [{"name": "web", "containerPort": 9000}]
        cluster.make(pod("one", {"app": "web"}, containers=[container(ports=ports)]), namespace)
        cluster.make(service("web", {"app": "web"}, ports=[{"port": 80, "targetPort": "web"}]), namespace)
        found = cluster.wait("Endpoints", "web", namespace, _addresses)
        assert found["subsets"][0]["ports"][0]["port"] == 9000

    def test_they_go_with_their_service(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        cluster.wait("Endpoints", "web", namespace, lambda one: _addresses(one) == pods)
        cluster.delete("Service", "web", namespace)
        cluster.wait_gone("Endpoints", "web", namespace)
        _wait_for_no_slices(cluster, namespace)


def _wait_for_no_slices(cluster: Cluster, namespace: str) -> None:
    label = "kubernetes.io/service-name=web"
    cluster.wait_all("EndpointSlice", namespace, lambda found: not found, labelSelector=label)


class TestEndpointSlices:
    def test_they_follow_the_pods(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        (only,) = _wait_for_slices(cluster, namespace, dict.fromkeys(pods, True))
        assert only["addressType"] == "IPv4"
        assert only["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
        assert only["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == "endpointslice-controller.k8s.io"
        assert only["metadata"]["ownerReferences"][0]["name"] == "web"
        cluster.patch("Deployment", "web", namespace, {"spec": {"replicas": 1}})
        (left,) = names(cluster.wait_all("Pod", namespace, lambda found: len(found) == 1))
        _wait_for_slices(cluster, namespace, {left: True})

    def test_a_pod_that_is_not_ready_is_marked(self, cluster: Cluster, namespace: str, pods: list[str]) -> None:
        unready = pod("unready", {"app": "web"}, containers=[container(command=STAYS, **_NEVER_READY)])
        unready["metadata"]["annotations"] = _PLAYED
        cluster.make(unready, namespace)
        _wait_for_slices(cluster, namespace, {**dict.fromkeys(pods, True), "unready": False})
