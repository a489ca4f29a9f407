"""Takes events of the cluster into the world, and says what is due because of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from antiphon_operator.kube.resources import (
    GPU_POOLS,
    NODES,
    PODS,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
    SLA_POLICIES,
    VOICE_AGENTS,
    VOICE_MODELS,
    Resource,
)
from antiphon_operator.objects import Obj, labels_of, version_of
from antiphon_operator.operate.difference import asks_otherwise
from antiphon_operator.operate.due import DueQueue
from antiphon_operator.operate.reconciling import Due, agent_due
from antiphon_operator.operate.settings import OperatorSettings
from antiphon_operator.operate.world import Key, World, agent_key_of, key_of
from antiphon_operator.placing.place import CPU_ONLY

_CATALOG = (SLA_POLICIES, VOICE_MODELS, GPU_POOLS)
_SPECIFIED = (VOICE_AGENTS, *_CATALOG)
_PLACES = (NODES, RESOURCE_SLICES)


class Herald:
    """What an event means: our own writes come back as events too, and mean nothing."""

    def __init__(self, world: World, due: DueQueue[Due], settings: OperatorSettings) -> None:
        self._world = world
        self._due = due
        self._settings = settings
        self.is_visited: Callable[[Key, Obj], bool] = lambda _agent, _child: False
        """Whether the agent of a child that changed is being visited just now, and looks after it itself."""

    def heard(self, resource: Resource, kind: str, obj: Obj) -> None:
        """`kind` as a watch says it: ADDED, MODIFIED or DELETED."""
        before = self._world.store(resource).get(key_of(obj))
        gone = kind == "DELETED"
        changed = self._world.drop(resource, obj) if gone else self._world.put(resource, obj)
        if changed:
            self._mark(resource, before, obj, gone)

    def reconcile_listing(self, resource: Resource, listed: Iterable[Obj], version: int, namespace: str | None) -> None:
        """A whole list of one resource, as of `version`: heals what no watch told."""
        found = {key_of(obj): obj for obj in listed}
        for obj in found.values():
            self.heard(resource, "MODIFIED", obj)
        store = self._world.store(resource)
        for key in store.names():
            known = store.get(key)
            in_scope = namespace is None or key[0] == namespace
            if known is not None and in_scope and key not in found and version_of(known) <= version:
                self.heard(resource, "DELETED", known)

    def mark_all(self, spread_seconds: float = 0.0) -> None:
        keys = self._world.agents.names()
        for index, key in enumerate(keys):
            self._due.mark(agent_due(key), spread_seconds * index / len(keys))
        for resource in _CATALOG:
            for key in self._world.store(resource).names():
                self._due.mark((resource.plural, key), self._settings.catalog_settle_seconds)

    def _mark(self, resource: Resource, before: Obj | None, obj: Obj, gone: bool) -> None:
        if resource in _SPECIFIED:
            if gone or before is None or asks_otherwise(before, obj):
                self._mark_asked(resource, obj)
        elif resource in _PLACES:
            if gone or before is None or _offers_otherwise(resource, before, obj):
                self._mark_placed()
        elif resource is RESOURCE_CLAIMS:
            self._mark_pools()
        elif (agent := agent_key_of(obj)) is not None:
            self._mark_owner(resource, agent, obj, gone)

    def _mark_asked(self, resource: Resource, obj: Obj) -> None:
        if resource is VOICE_AGENTS:
            self._due.mark(agent_due(key_of(obj)))
        else:
            self._mark_users(resource, obj)

    def _mark_owner(self, resource: Resource, agent: Key, obj: Obj, gone: bool) -> None:
        """A child that goes may do so because its agent went, which is heard a little later."""
        if resource is PODS:
            self._due.mark(agent_due(agent), self._settings.pods_settle_seconds)
            self._mark_pools()
        elif not self.is_visited(agent, obj):
            self._due.mark(agent_due(agent), self._settings.pods_settle_seconds if gone else 0.0)

    def _mark_users(self, resource: Resource, obj: Obj) -> None:
        self._due.mark((resource.plural, key_of(obj)), self._settings.catalog_settle_seconds)
        agents = self._world.agents_naming(resource, obj["metadata"]["name"])
        for key in agents if resource is not GPU_POOLS else self._world.agents.names():
            self._due.mark(agent_due(key))

    def _mark_placed(self) -> None:
        """Agents on GPUs, and those that wait for some; who runs on a CPU does not mind."""
        for key in self._world.agents.names():
            agent = self._world.agents.get(key)
            if agent and (agent.get("status") or {}).get("partition") != CPU_ONLY:
                self._due.mark(agent_due(key), self._settings.catalog_settle_seconds)
        self._mark_pools()

    def _mark_pools(self) -> None:
        for key in self._world.pools.names():
            self._due.mark((GPU_POOLS.plural, key), self._settings.catalog_settle_seconds)


def _offers_otherwise(resource: Resource, before: Obj, after: Obj) -> bool:
    """Nodes say every few minutes that they are well; only what they offer is of interest."""
    return _offered(resource, before) != _offered(resource, after)


def _offered(resource: Resource, obj: Obj) -> object:
    if resource is RESOURCE_SLICES:
        return obj.get("spec")
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    ready = [one.get("status") for one in status.get("conditions") or () if one.get("type") == "Ready"]
    return labels_of(obj), spec.get("unschedulable"), spec.get("taints"), status.get("allocatable"), ready
