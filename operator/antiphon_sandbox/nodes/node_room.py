"""A node as the scheduler sees it: what it has, and which pods are on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon_sandbox.nodes.amounts import Amounts, amounts, requested
from antiphon_sandbox.objects import Obj, labels_of, name_of, namespace_of, uid_of, walk

HostPort = tuple[str, str, int]
_ANYWHERE = "0.0.0.0"  # noqa: S104 (a host port's wildcard)


@dataclass
class Room:
    """Kept up to date pod by pod."""

    node: Obj
    pods: dict[str, Obj] = field(default_factory=dict)
    """By uid."""
    used: Amounts = field(default_factory=dict)
    has: Amounts = field(init=False)

    def __post_init__(self) -> None:
        self.see(self.node)

    def see(self, node: Obj) -> None:
        """The node as it is now."""
        self.node = node
        self.has = amounts(walk(node, "status", "allocatable"))

    @property
    def name(self) -> str:
        return name_of(self.node)

    @property
    def labels(self) -> dict[str, str]:
        return labels_of(self.node)

    def add(self, pod: Obj) -> None:
        if uid_of(pod) in self.pods:
            self.remove(uid_of(pod))
        self.pods[uid_of(pod)] = pod
        for name, amount in requested(pod).items():
            self.used[name] = self.used.get(name, 0) + amount

    def remove(self, uid: str) -> None:
        pod = self.pods.pop(uid, None)
        for name, amount in requested(pod).items() if pod else ():
            self.used[name] -= amount

    def lacking(self, wanted: Amounts) -> list[str]:
        """The resources of which too little is free; what is not asked for does not matter."""
        has, used = self.has, self.used
        return [name for name, amount in wanted.items() if amount and amount > has.get(name, 0) - used.get(name, 0)]

    def taken_ports(self) -> set[HostPort]:
        return {port for pod in self.pods.values() for port in host_ports(pod)}


def host_ports(pod: Obj) -> set[HostPort]:
    return {
        (port.get("hostIP") or _ANYWHERE, port.get("protocol", "TCP"), port["hostPort"])
        for container in pod["spec"]["containers"]
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
