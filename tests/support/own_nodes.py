"""Nodes that a test makes for itself: pods are placed on them, and nobody runs them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cluster_objects import is_true
from watching import Obj

from cluster import Cluster

LABEL = "example.com/suite"


@dataclass(frozen=True)
class OwnNode:
    """A node that no pod but the test's own matches."""

    name: str
    resource: str
    """An extended resource that no other node has."""

    @property
    def selector(self) -> dict[str, str]:
        return {LABEL: self.name}

    def takes(self, amount: int) -> Obj:
        """A pod's `containers` that ask for so much of the resource."""
        limits = {self.resource: str(amount)}
        return {"containers": [{"name": "main", "image": "busybox", "resources": {"limits": limits}}]}


@contextmanager
def own_node(
    cluster: Cluster,
    slices: int = 0,
    resource: str = "",
    labels: dict[str, str] | None = None,
    taints: list[dict[str, Any]] | None = None,
) -> Iterator[OwnNode]:
    """A Ready node with `slices` of an extended resource. It and its pods are gone afterwards.

    It has no heartbeat: about 40 s later a node controller may call it NotReady.
    """
    word = uuid.uuid4().hex[:6]
    node = OwnNode(f"own-{word}", resource or f"example.com/slice-{word}")
    spec = {"taints": taints} if taints else {}
    metadata = {"name": node.name, "labels": {LABEL: node.name, **(labels or {})}}
    cluster.make({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec})
    try:
        patched = cluster.patch("Node", node.name, "", {"status": _status(node, slices)}, subresource="status")
        assert patched.status == 200, patched
        cluster.wait("Node", node.name, "", _is_usable)
        yield node
    finally:
        _remove(cluster, node.name)


def _status(node: OwnNode, slices: int) -> Obj:
    amounts = {"cpu": "8", "memory": "16Gi", "pods": "110", node.resource: str(slices)}
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "made by a test",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
    return {"capacity": amounts, "allocatable": amounts, "conditions": [ready]}


def _is_usable(node: Obj) -> bool:
    taints = node["spec"].get("taints", [])
    return is_true(node, "Ready") and not [one for one in taints if one["key"].startswith("node.kubernetes.io/not-")]


def _remove(cluster: Cluster, name: str) -> None:
    cluster.delete("Node", name)
    for pod in cluster.items("Pod", fieldSelector=f"spec.nodeName={name}"):
        metadata = pod["metadata"]
        cluster.delete("Pod", metadata["name"], metadata["namespace"], gracePeriodSeconds=0)
