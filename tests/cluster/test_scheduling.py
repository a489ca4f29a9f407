"""Where pods go: extended resources, selectors, affinity, taints, cordons; on nodes that the tests make."""

from __future__ import annotations

from typing import Any

import pytest
from cluster_objects import condition, container, pod
from own_nodes import LABEL, OwnNode, own_node
from watching import Obj

from cluster import Cluster, object_path


def _place(cluster: Cluster, namespace: str, name: str) -> str:
    """The node that the pod gets."""
    placed = cluster.wait("Pod", name, namespace, lambda one: one["spec"].get("nodeName"))
    assert condition(placed, "PodScheduled")["status"] in ("True", "Unknown")
    return str(placed["spec"]["nodeName"])


def _why_not(cluster: Cluster, namespace: str, name: str) -> str:
    """The scheduler's words on why the pod has no node."""
    pending = cluster.wait(
        "Pod", name, namespace, lambda one: condition(one, "PodScheduled")["reason"] == "Unschedulable"
    )
    assert condition(pending, "PodScheduled")["status"] == "False"
    assert pending["status"]["phase"] == "Pending"
    assert "nodeName" not in pending["spec"]
    return str(condition(pending, "PodScheduled")["message"])


def _affinity(kind: str, **expression: Any) -> Obj:
    """Node affinity by one expression, required or preferred."""
    term = {"matchExpressions": [{"key": "example.com/zone", **expression}]}
    if kind == "required":
        return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}
    preferred = [{"weight": 100, "preference": term}]
    return {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


class TestExtendedResources:
    def test_the_pod_too_many_waits_for_a_place(self, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster, slices=2) as node:
            for name in ("a", "b"):
                cluster.make(pod(name, **node.takes(1)), namespace)
                assert _place(cluster, namespace, name) == node.name
            cluster.make(pod("c", **node.takes(1)), namespace)
            why = _why_not(cluster, namespace, "c")
            assert f"Insufficient {node.resource}" in why
            assert why.startswith("0/")
            cluster.delete("Pod", "a", namespace, gracePeriodSeconds=0)
            assert _place(cluster, namespace, "c") == node.name

    def test_a_pod_that_is_too_large_for_any_node(self, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster, slices=2) as node:
            cluster.make(pod("large", **node.takes(3)), namespace)
            assert f"Insufficient {node.resource}" in _why_not(cluster, namespace, "large")

    def test_a_resource_that_no_node_has(self, cluster: Cluster, namespace: str) -> None:
        cluster.make(pod("odd", **OwnNode("none", "example.com/slice-of-nobody").takes(1)), namespace)
        assert "Insufficient example.com/slice-of-nobody" in _why_not(cluster, namespace, "odd")

    def test_a_node_that_gets_more(self, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster, slices=0) as node:
            cluster.make(pod("one", **node.takes(1)), namespace)
            _why_not(cluster, namespace, "one")
            more = {"status": {"capacity": {node.resource: "1"}, "allocatable": {node.resource: "1"}}}
            assert cluster.patch("Node", node.name, "", more, subresource="status").status == 200
            assert _place(cluster, namespace, "one") == node.name

    def test_a_node_that_comes(self, cluster: Cluster, namespace: str) -> None:
        resource = f"example.com/for-{namespace}"
        cluster.make(pod("one", **OwnNode("none", resource).takes(2)), namespace)
        _why_not(cluster, namespace, "one")
        with own_node(cluster, slices=2, resource=resource) as node:
            assert _place(cluster, namespace, "one") == node.name

    def test_several_nodes_fill_up(self, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster, slices=3) as first, own_node(cluster, slices=3, resource=first.resource) as second:
            for number in range(8):
                cluster.make(pod(f"pod-{number}", **first.takes(1)), namespace)
            cluster.wait_all("Pod", namespace, lambda pods: all(map(_is_decided, pods)))
            nodes = [one["spec"].get("nodeName") for one in cluster.items("Pod", namespace)]
            assert {name: nodes.count(name) for name in set(nodes)} == {first.name: 3, second.name: 3, None: 2}

    def test_cpu_counts_as_well(self, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster) as node:
            half = [container(resources={"requests": {"cpu": "4500m"}})]
            cluster.make(pod("a", nodeSelector=node.selector, containers=half), namespace)
            assert _place(cluster, namespace, "a") == node.name
            cluster.make(pod("b", nodeSelector=node.selector, containers=half), namespace)
            assert "Insufficient cpu" in _why_not(cluster, namespace, "b")


def _is_decided(pod: Obj) -> bool:
    return "nodeName" in pod["spec"] or condition(pod, "PodScheduled")["reason"] == "Unschedulable"


class TestSelectors:
    def test_a_node_selector(self, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster) as node:
            cluster.make(pod("one", nodeSelector=node.selector), namespace)
            assert _place(cluster, namespace, "one") == node.name
            cluster.make(pod("none", nodeSelector={LABEL: "other"}), namespace)
            assert "didn't match Pod's node affinity" in _why_not(cluster, namespace, "none")

    def test_a_label_that_comes_later(self, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster) as node:
            cluster.make(pod("one", nodeSelector={**node.selector, "example.com/fast": "yes"}), namespace)
            _why_not(cluster, namespace, "one")
            cluster.patch("Node", node.name, "", {"metadata": {"labels": {"example.com/fast": "yes"}}})
            assert _place(cluster, namespace, "one") == node.name

    @pytest.mark.parametrize(
        ("expression", "expected"),
        [
            ({"operator": "In", "values": ["7", "8"]}, "seven"),
            ({"operator": "NotIn", "values": ["7"]}, "nine"),
            ({"operator": "Gt", "values": ["8"]}, "nine"),
            ({"operator": "Lt", "values": ["8"]}, "seven"),
        ],
        ids=lambda one: one["operator"] if isinstance(one, dict) else one,
    )
    def test_required_affinity(
        self, cluster: Cluster, namespace: str, expression: dict[str, Any], expected: str
    ) -> None:
        with (
            own_node(cluster, slices=1, labels={"example.com/zone": "7"}) as seven,
            own_node(cluster, slices=1, resource=seven.resource, labels={"example.com/zone": "9"}) as nine,
        ):
            affinity = _affinity("required", **expression)
            cluster.make(pod("one", affinity=affinity, **seven.takes(1)), namespace)
            assert _place(cluster, namespace, "one") == {"seven": seven.name, "nine": nine.name}[expected]

    def test_preferred_affinity_decides_between_equals(self, cluster: Cluster, namespace: str) -> None:
        with (
            own_node(cluster, slices=1, labels={"example.com/zone": "a"}) as first,
            own_node(cluster, slices=1, resource=first.resource, labels={"example.com/zone": "b"}) as second,
        ):
            affinity = _affinity("preferred", operator="In", values=["b"])
            cluster.make(pod("one", affinity=affinity, **first.takes(1)), namespace)
            assert _place(cluster, namespace, "one") == second.name
            cluster.make(pod("two", affinity=affinity, **first.takes(1)), namespace)
            assert _place(cluster, namespace, "two") == first.name


class TestTaints:
    def test_only_who_tolerates_it_goes_there(self, cluster: Cluster, namespace: str) -> None:
        taint = {"key": "example.com/only", "value": "voice", "effect": "NoSchedule"}
        with own_node(cluster, slices=2, taints=[taint]) as node:
            cluster.make(pod("other", **node.takes(1)), namespace)
            assert "taint" in _why_not(cluster, namespace, "other")
            tolerations = [{"key": "example.com/only", "operator": "Equal", "value": "voice", "effect": "NoSchedule"}]
            cluster.make(pod("voice", tolerations=tolerations, **node.takes(1)), namespace)
            assert _place(cluster, namespace, "voice") == node.name

    def test_a_toleration_of_any_value(self, cluster: Cluster, namespace: str) -> None:
        taint = {"key": "example.com/only", "value": "voice", "effect": "NoSchedule"}
        with own_node(cluster, slices=1, taints=[taint]) as node:
            tolerations = [{"key": "example.com/only", "operator": "Exists"}]
            cluster.make(pod("voice", tolerations=tolerations, **node.takes(1)), namespace)
            assert _place(cluster, namespace, "voice") == node.name

    def test_a_taint_that_goes(self, cluster: Cluster, namespace: str) -> None:
        taint = {"key": "example.com/only", "effect": "NoSchedule"}
        with own_node(cluster, slices=1, taints=[taint]) as node:
            cluster.make(pod("one", **node.takes(1)), namespace)
            _why_not(cluster, namespace, "one")
            cluster.patch("Node", node.name, "", {"spec": {"taints": None}})
            assert _place(cluster, namespace, "one") == node.name

    def test_a_cordoned_node_takes_nobody(self, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster, slices=1) as node:
            cluster.patch("Node", node.name, "", {"spec": {"unschedulable": True}})
            cluster.make(pod("one", **node.takes(1)), namespace)
            assert "unschedulable" in _why_not(cluster, namespace, "one")
            cluster.patch("Node", node.name, "", {"spec": {"unschedulable": None}})
            assert _place(cluster, namespace, "one") == node.name


class TestByHand:
    def test_a_pod_with_a_node_is_left_alone(self, cluster: Cluster, namespace: str) -> None:
        taint = {"key": "example.com/only", "effect": "NoSchedule"}
        with own_node(cluster, taints=[taint]) as node:
            made = cluster.make(pod("one", nodeName=node.name), namespace)
            assert made["spec"]["nodeName"] == node.name

    def test_a_pod_of_another_scheduler_is_bound_once(self, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster) as node:
            cluster.make(pod("one", schedulerName="nobody"), namespace)
            target = {"apiVersion": "v1", "kind": "Node", "name": node.name}
            binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "one"}, "target": target}
            path = object_path("Pod", "one", namespace, "binding")
            assert cluster.request("POST", path, binding).status == 201
            bound = cluster.get("Pod", "one", namespace)
            assert bound["spec"]["nodeName"] == node.name
            assert condition(bound, "PodScheduled")["status"] == "True"
            cluster.request("POST", path, binding).must_refuse(409, "Conflict", "already assigned to node")


class TestEvents:
    def test_the_scheduler_tells_what_it_does(self, cluster: Cluster, namespace: str) -> None:
        with own_node(cluster, slices=1) as node:
            cluster.make(pod("one", **node.takes(1)), namespace)
            cluster.make(pod("two", **node.takes(2)), namespace)
            events = cluster.wait_all("Event", namespace, lambda found: {"one", "two"} <= _regarded(found))
            told = {one["involvedObject"]["name"]: one for one in events}
            assert told["one"]["reason"] == "Scheduled"
            assert f"Successfully assigned {namespace}/one to {node.name}" in told["one"]["message"]
            assert (told["two"]["reason"], told["two"]["type"]) == ("FailedScheduling", "Warning")
            assert f"Insufficient {node.resource}" in told["two"]["message"]


def _regarded(events: list[Obj]) -> set[str]:
    return {one["involvedObject"]["name"] for one in events}
