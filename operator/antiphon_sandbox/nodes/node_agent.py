"""Registers nodes, and keeps them alive as kubelets do: a Lease each, renewed; the Node only when something is amiss."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress

from antiphon_sandbox.kube import ApiError, Event, Kube
from antiphon_sandbox.nodes.fleet import Fleet, Node
from antiphon_sandbox.nodes.node_objects import KIND_LABEL, labels, node_object, status
from antiphon_sandbox.objects import Obj, is_true, labels_of, micro_timestamp, name_of, owned_by, with_condition
from antiphon_sandbox.reconciler import Reconciler

LEASES = "leases.coordination.k8s.io"
LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
RENEW_SECONDS = 10.0
_HOLLOW_NETWORK = ipaddress.ip_network("192.168.0.0/16")


class NodeAgent:
    """Of all nodes of the fleet."""

    def __init__(self, kube: Kube, fleet: Fleet) -> None:
        self._kube = kube
        self._fleet = {node.name: node for node in fleet.nodes}
        self._addresses = {node.name: _address(node, index) for index, node in enumerate(fleet.nodes)}
        self._due = Reconciler[str]("node", self._register)

    async def run(self) -> None:
        """Until cancelled."""
        unsubscribe = self._kube.subscribe(["nodes"], self._notice)
        try:
            for name in self._fleet:
                self._register(name)
            for node in self._kube.list("nodes"):
                self._give_up(node)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._due.run())
                group.create_task(self._renew())
        finally:
            unsubscribe()

    def _notice(self, event: Event) -> None:
        """A node that somebody deletes is registered anew, once its pods had the time to go."""
        if event.type == "DELETED" and name_of(event.object) in self._fleet:
            self._due.mark_after(name_of(event.object), RENEW_SECONDS)

    def _register(self, name: str) -> None:
        """What the fleet says of a node is so; what others have put on it besides stays: labels, taints, resources."""
        node, now = self._fleet[name], self._kube.now()
        known = self._kube.get("nodes", "", name)
        if known is None:
            self._kube.create("nodes", node_object(node, self._addresses[name], now))
            return
        self._kube.patch("nodes", "", name, {"metadata": {"labels": labels(node)}})
        ours = status(node, self._addresses[name], now)
        theirs = known.get("status") or {}
        kept = {field: {**(theirs.get(field) or {}), **ours[field]} for field in ("capacity", "allocatable")}
        if not is_true(known, "Ready") or any(theirs.get(field) != kept[field] for field in kept):
            self._kube.update_status("nodes", {**known, "status": {**theirs, **ours, **kept}})

    def _give_up(self, node: Obj) -> None:
        """One of an earlier fleet, kept in a file of objects, is nobody's now: no pod is sent there any more."""
        if KIND_LABEL not in labels_of(node) or name_of(node) in self._fleet or not is_true(node, "Ready"):
            return
        message = (
            f"the sandbox was started without this node; `kubectl delete node {name_of(node)}` removes it and its pods"
        )
        unknown = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": message}
        conditions = with_condition(node["status"]["conditions"], unknown, self._kube.now())
        self._kube.update_status("nodes", {**node, "status": {**node["status"], "conditions": conditions}})

    async def _renew(self) -> None:
        while True:
            for name in self._fleet:
                with contextlib.suppress(ApiError):
                    self._renew_lease(name)
                await asyncio.sleep(0)
            await asyncio.sleep(RENEW_SECONDS)

    def _renew_lease(self, name: str) -> None:
        node = self._kube.get("nodes", "", name)
        if node is None:
            return
        spec = {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": micro_timestamp(self._kube.now()),
        }
        if self._kube.get(LEASES, LEASE_NAMESPACE, name) is None:
            self._kube.create(LEASES, _lease(node, spec))
        else:
            self._kube.patch(LEASES, LEASE_NAMESPACE, name, {"spec": spec})


def _lease(node: Obj, spec: Obj) -> Obj:
    owner = owned_by(node)
    metadata = {"name": name_of(node), "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]}
    return {"metadata": metadata, "spec": spec}


def _address(node: Node, index: int) -> str:
    return "127.0.0.1" if node.kind == "process" else str(_HOLLOW_NETWORK[index + 1])
