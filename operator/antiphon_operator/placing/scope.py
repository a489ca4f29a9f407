"""Where a group may be placed: the nodes of its pool, or those of any pool and of none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

from antiphon_crds.placement import PlacementGroup
from antiphon_crds.pool import GPUPool
from antiphon_operator.objects import Obj
from antiphon_operator.placing.choice import Misfit
from antiphon_operator.placing.claims import claimable
from antiphon_operator.placing.offers import Offer, has_labels, is_tolerated, offers_of

Found = TypeVar("Found")

GPU_TOLERATION: Final[Mapping[str, Any]] = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
"""GPU nodes are often tainted so; who asks for a GPU may go there."""


@dataclass(frozen=True)
class ClusterView:
    """What placing looks at."""

    nodes: tuple[Obj, ...] = ()
    """Nodes, as they come over the wire."""
    pools: Mapping[str, GPUPool] | None = None
    """Valid GPUPools by name."""
    slices: tuple[Obj, ...] = ()
    """ResourceSlices, as they come over the wire."""
    serves_dra: bool = False
    """Whether the cluster serves resource.k8s.io/v1."""
    namespace: str = "default"
    """Of the agent."""
    found: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was found out about the nodes, for the next group that asks the same: with 1,000 nodes that takes 10 ms and more."""


@dataclass(frozen=True)
class Scope:
    """Nodes among which a group is placed, and what they offer."""

    pool: GPUPool | None
    view: ClusterView
    group: PlacementGroup

    @property
    def name(self) -> str:
        return f"pool {self.pool.metadata.name}" if self.pool else "the cluster"

    @property
    def by_claim(self) -> bool:
        return self.pool is not None and self.pool.spec.backend == "DRA"

    @property
    def served(self) -> bool:
        """False: the pool asks for claims and the cluster has none."""
        return self.view.serves_dra or not self.by_claim

    @property
    def named(self) -> bool:
        """Whether the group asks for this pool by name."""
        return self.pool is not None and self.group.pool is not None

    @property
    def nodes(self) -> tuple[Obj, ...]:
        """Nodes with all labels that are asked for, whatever their state."""
        return self._once("nodes", self._find_nodes)

    @property
    def reachable(self) -> tuple[Obj, ...]:
        """Those of them whose taints the pods tolerate."""
        return self._once("reachable", self._find_reachable)

    @property
    def offers(self) -> tuple[Offer, ...]:
        """Smallest first."""
        return self._once("offers", self._find_offers)

    @cached_property
    def _asked(self) -> object:
        """All that nodes and offers depend on, the view apart."""
        selector, tolerations = sorted(self.group.node_selector.items()), _tolerations(self.group)
        pool = self.pool.metadata.name if self.pool else None
        return pool, self.named, tuple(selector), tuple(tuple(each.items()) for each in tolerations)

    def _once(self, what: str, find: Callable[[], tuple[Found, ...]]) -> tuple[Found, ...]:
        key = (what, self._asked)
        if key not in self.view.found:
            self.view.found[key] = find()
        known: tuple[Found, ...] = self.view.found[key]
        return known

    def _find_nodes(self) -> tuple[Obj, ...]:
        of_pool = self.pool.spec.node_selector if self.pool else {}
        wanted = [labels for labels in (self.group.node_selector, of_pool) if labels]
        candidates = self.view.nodes if self.pool else _outside_reserved(self.view)
        return tuple(node for node in candidates if all(has_labels(node, labels) for labels in wanted))

    def _find_reachable(self) -> tuple[Obj, ...]:
        tolerations = tuple(_tolerations(self.group))
        return tuple(node for node in self.nodes if is_tolerated(node, tolerations))

    def _find_offers(self) -> tuple[Offer, ...]:
        if not self.served:
            return ()
        found = claimable(self.view.slices, self.reachable) if self.by_claim else offers_of(self.reachable)
        return tuple(offer for offer in found if self.named or self.pool is None or _is_meant(self.pool, offer))


def pool_of(group: PlacementGroup, view: ClusterView) -> GPUPool | Misfit | None:
    """The pool that the group names. None: it names none."""
    if group.pool is None:
        return None
    pool = (view.pools or {}).get(group.pool)
    if pool is None:
        message = f"there is no GPUPool {group.pool}; apply it, or name one that there is ({_names(view)})"
        return Misfit("PoolMissing", message)
    if not _is_open_to(pool, view.namespace):
        allowed = ", ".join(pool.spec.only_agents_of)
        message = f"pool {group.pool} is only for agents of {allowed}, and this one is of {view.namespace}"
        return Misfit("PoolNotAllowed", f"{message}; name another pool, or add {view.namespace} to its onlyAgentsOf")
    return pool


def scopes_of(group: PlacementGroup, view: ClusterView, named: GPUPool | None) -> tuple[list[Scope], Scope]:
    """The pools to look in, by name, and what is looked at after them.

    Nodes of a pool that is not for this namespace are never looked at. Without a pool no selector can keep the pods off
    them, though: a reserved pool needs a taint as well.
    """
    if named is not None:
        return [], Scope(named, view, group)
    pools = view.pools or {}
    allowed = [pools[name] for name in sorted(pools) if _is_open_to(pools[name], view.namespace)]
    return [Scope(pool, view, group) for pool in allowed], Scope(None, view, group)


def _is_meant(pool: GPUPool, offer: Offer) -> bool:
    """Not a partition where the pool says that there are none, nor a GPU whose own labels tell another hardware than it does,
    as where plain nodes stand for GPUs. Only a group that names the pool gets those."""
    if pool.spec.partitioning.mode == "None" and offer.profile:
        return False
    told, named = offer.hardware, pool.spec.hardware
    return told is None or named is None or told.split("/")[0] == named.split("/")[0]


def _outside_reserved(view: ClusterView) -> Iterator[Obj]:
    pools = (view.pools or {}).values()
    reserved = [pool.spec.node_selector for pool in pools if not _is_open_to(pool, view.namespace)]
    return (node for node in view.nodes if not any(has_labels(node, labels) for labels in reserved))


def _tolerations(group: PlacementGroup) -> Iterable[Mapping[str, str | None]]:
    yield GPU_TOLERATION
    for toleration in group.tolerations:
        yield {
            "key": toleration.key,
            "operator": toleration.operator,
            "value": toleration.value,
            "effect": toleration.effect,
        }


def _is_open_to(pool: GPUPool, namespace: str) -> bool:
    return not pool.spec.only_agents_of or namespace in pool.spec.only_agents_of


def _names(view: ClusterView) -> str:
    return ", ".join(sorted(view.pools or {})) or "none is there"
