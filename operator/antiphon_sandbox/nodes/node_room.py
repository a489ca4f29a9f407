"""A node as the scheduler sees it: what it has, and which pods are on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from antiphon_sandbox.nodes.amounts import Amounts, amounts, requested
from antiphon_sandbox.objects import Obj, controller_of, is_true, labels_of, name_of, namespace_of, uid_of, walk

HostPort = tuple[str, str, int]
_ANYWHERE = "0.0.0.0"  # noqa: S104 (a host port's wildcard)


@dataclass
class Room:
    """Kept up to date pod by pod."""

    node: Obj
    pods: dict[str, Obj] = field(default_factory=dict)
    """By uid."""
    used: Amounts = field(default_factory=dict)
    wary: dict[str, Obj] = field(default_factory=dict)
    """Pods that keep others away, by uid."""
    siblings: Counter[str] = field(default_factory=Counter)
    """How many pods of each controller, by its uid."""
    has: Amounts = field(init=False)
    name: str = field(init=False)
    labels: Mapping[str, str] = field(init=False)
    taints: list[dict[str, Any]] = field(init=False)
    cordoned: bool = field(init=False)
    ready: bool = field(init=False)

    def __post_init__(self) -> None:
        self.see(self.node)

    def see(self, node: Obj) -> None:
        """The node as it is now."""
        self.node = node
        self.name, self.labels = name_of(node), labels_of(node)
        self.has = amounts(walk(node, "status", "allocatable"))
        self.taints = walk(node, "spec", "taints") or []
        self.cordoned = bool(walk(node, "spec", "unschedulable"))
        self.ready = is_true(node, "Ready")

    def add(self, pod: Obj) -> None:
        uid = uid_of(pod)
        if (known := self.pods.get(uid)) is not None:
            if known["spec"] == pod["spec"]:
                self._keep(uid, pod)
                return
            self.remove(uid)
        self._keep(uid, pod)
        self._count(pod, 1)

    def remove(self, uid: str) -> None:
        pod = self.pods.pop(uid, None)
        self.wary.pop(uid, None)
        if pod is not None:
            self._count(pod, -1)

    def _keep(self, uid: str, pod: Obj) -> None:
        self.pods[uid] = pod
        if walk(pod, "spec", "affinity", "podAntiAffinity"):
            self.wary[uid] = pod

    def _count(self, pod: Obj, sign: int) -> None:
        for name, amount in requested(pod).items():
            self.used[name] = self.used.get(name, 0) + sign * amount
        if owner := controller_of(pod):
            self.siblings[owner["uid"]] += sign

    def lacking(self, wanted: Amounts) -> list[str]:
        """The resources of which too little is free; what is not asked for does not matter."""
        has, used = self.has, self.used
        return [name for name, amount in wanted.items() if amount and amount > has.get(name, 0) - used.get(name, 0)]

    def taken_ports(self) -> set[HostPort]:
        return {port for pod in self.pods.values() for port in host_ports(pod)}


def host_ports(pod: Obj) -> set[HostPort]:
    """Of the containers, and of the sidecars beside them."""
    spec = pod["spec"]
    sidecars = (one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always")
    return {
        (port.get("hostIP") or _ANYWHERE, port.get("protocol", "TCP"), port["hostPort"])
        for container in (*sidecars, *spec["containers"])
        for port in container.get("ports") or ()
        if port.get("hostPort")
    }


def clash(one: set[HostPort], other: set[HostPort]) -> bool:
    """Two want the same port of an address; the wildcard is every address."""
    return any(
        mine[1:] == theirs[1:] and (mine[0] == theirs[0] or _ANYWHERE in (mine[0], theirs[0]))
        for mine in one
        for theirs in other
    )


def key_of(pod: Obj) -> tuple[str, str]:
    return namespace_of(pod), name_of(pod)
