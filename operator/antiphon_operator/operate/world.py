"""The cluster as it was last heard of: our own kinds, the children of agents, their pods, and nodes.

Whoever watches puts objects in; who reconciles looks things up. An object is never replaced by an older state of itself.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import ValidationError

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.base import Contract
from antiphon_crds.policy import SLAPolicy
from antiphon_crds.pool import GPUPool
from antiphon_crds.problems import Problem, problems_of
from antiphon_crds.voicemodel import VoiceModel
from antiphon_operator.kube.resources import (
    CHILDREN,
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
from antiphon_operator.names import AGENT_LABEL
from antiphon_operator.objects import Obj, annotations_of, labels_of, name_of, namespace_of, uid_of, version_of
from antiphon_operator.operate.difference import asks_otherwise
from antiphon_operator.placing.place import ClusterView
from antiphon_policies.resolution import Catalog

Key = tuple[str, str]
"""Namespace (empty where there is none) and name."""

Kind = TypeVar("Kind", bound=Contract)

_MOST_GONE = 4096
"""Objects that are remembered to be gone. An answer to a write is late by seconds: so many do not go meanwhile."""


def key_of(obj: Obj) -> Key:
    return namespace_of(obj), name_of(obj)


class Store:
    """The objects of one resource."""

    def __init__(self) -> None:
        self._objects: dict[Key, Obj] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: Key) -> Obj | None:
        return self._objects.get(key)

    def all(self) -> Iterable[Obj]:
        return self._objects.values()

    def names(self) -> list[Key]:
        return list(self._objects)

    def put(self, obj: Obj) -> bool:
        """Whether it is news: a later state of the object, or of another one of its name. Versions of a resource only grow."""
        key = key_of(obj)
        known = self._objects.get(key)
        if known is not None and version_of(known) >= version_of(obj) > 0:
            return False
        obj["metadata"].pop("managedFields", None)  # a third of an object, and nothing here asks for it
        self._objects[key] = obj
        return True

    def accept(self, obj: Obj) -> bool:
        """`put` of an answer to a write of ours, which may come after the news that the object is gone."""
        return uid_of(obj) not in self._gone and self.put(obj)

    def drop(self, obj: Obj) -> bool:
        """Whether it was there. An object that was made anew under its name stays."""
        self._remember_gone(uid_of(obj))
        key = key_of(obj)
        known = self._objects.get(key)
        if known is None or uid_of(known) != uid_of(obj):
            return False
        del self._objects[key]
        return True

    def _remember_gone(self, uid: str) -> None:
        self._gone[uid] = None
        if len(self._gone) > _MOST_GONE:
            self._gone.popitem(last=False)


@dataclass(frozen=True)
class Parsed(Generic[Kind]):
    """An object of ours as its type, or what is wrong with it."""

    raw: Obj
    object: Kind | None
    problems: tuple[Problem, ...] = ()


def parse(kind: type[Kind], obj: Obj) -> Parsed[Kind]:
    """Without its status, which is ours to write and may be of another version."""
    manifest = {name: value for name, value in obj.items() if name != "status"}
    manifest["metadata"] = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    try:
        return Parsed(obj, kind.from_manifest(manifest, ignore_unknown=True))
    except ValidationError as error:
        return Parsed(obj, None, tuple(problem for _, problem in problems_of(error, kind, manifest)))


class ParsedStore(Store, Generic[Kind]):
    """Objects of one of our kinds; each state of spec and annotations is parsed once, when it is asked for."""

    def __init__(self, kind: type[Kind]) -> None:
        super().__init__()
        self._kind = kind
        self._parsed: dict[Key, tuple[tuple[str, object, object], Parsed[Kind]]] = {}

    def accept(self, obj: Obj) -> bool:
        """An answer that brings a new spec with it is left to the watch, which also tells whom it concerns."""
        known = self.get(key_of(obj))
        return not (known is not None and asks_otherwise(known, obj)) and super().accept(obj)

    def parsed(self, key: Key) -> Parsed[Kind] | None:
        obj = self.get(key)
        if obj is None:
            self._parsed.pop(key, None)
            return None
        state = (uid_of(obj), obj["metadata"].get("generation"), annotations_of(obj))
        known = self._parsed.get(key)
        if known is None or known[0] != state or state[1] is None:
            known = (state, parse(self._kind, obj))
            self._parsed[key] = known
        return Parsed(obj, known[1].object, known[1].problems)

    def valid(self) -> Iterator[Kind]:
        for key in self.names():
            found = self.parsed(key)
            if found and found.object:
                yield found.object


@dataclass
class World:
    """All that is known."""

    agents: ParsedStore[VoiceAgent] = field(default_factory=lambda: ParsedStore(VoiceAgent))
    policies: ParsedStore[SLAPolicy] = field(default_factory=lambda: ParsedStore(SLAPolicy))
    models: ParsedStore[VoiceModel] = field(default_factory=lambda: ParsedStore(VoiceModel))
    pools: ParsedStore[GPUPool] = field(default_factory=lambda: ParsedStore(GPUPool))
    others: dict[Resource, Store] = field(
        default_factory=lambda: {
            resource: Store() for resource in (*CHILDREN, PODS, NODES, RESOURCE_SLICES, RESOURCE_CLAIMS)
        }
    )
    on_accept: Callable[[Resource, Obj], None] = lambda _resource, _obj: None
    """Whoever watches has to know of what we wrote: what it never knew it can't tell to be gone."""
    _stores: dict[Resource, Store] = field(init=False)
    _of_agent: dict[Key, dict[tuple[Resource, Key], None]] = field(default_factory=lambda: defaultdict(dict))
    _naming: dict[tuple[Resource, str], set[Key]] = field(default_factory=lambda: defaultdict(set))
    _named: dict[Key, frozenset[tuple[Resource, str]]] = field(default_factory=dict)
    _wanted: dict[Key, Mapping[str, int]] = field(default_factory=dict)
    _wanted_by_all: Counter[str] = field(default_factory=Counter)
    _catalog: Catalog | None = None
    _views: dict[str, ClusterView] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own: dict[Resource, Store] = {
            VOICE_AGENTS: self.agents,
            SLA_POLICIES: self.policies,
            VOICE_MODELS: self.models,
            GPU_POOLS: self.pools,
        }
        self._stores = {**own, **self.others}

    def store(self, resource: Resource) -> Store:
        return self._stores[resource]

    def put(self, resource: Resource, obj: Obj) -> bool:
        """What a watch or a list told."""
        return self._noted(resource, obj, self.store(resource).put(obj))

    def accept(self, resource: Resource, obj: Obj) -> bool:
        """What a write of ours was answered with."""
        news = self._noted(resource, obj, self.store(resource).accept(obj))
        if news:
            self.on_accept(resource, obj)
        return news

    def _noted(self, resource: Resource, obj: Obj, news: bool) -> bool:
        self._forget_what_was_made_of(resource, news)
        if news and (agent := agent_key_of(obj)):
            self._of_agent[agent][resource, key_of(obj)] = None
        return news

    def drop(self, resource: Resource, obj: Obj) -> bool:
        gone = self.store(resource).drop(obj)
        self._forget_what_was_made_of(resource, gone)
        if gone and (agent := agent_key_of(obj)):
            self._of_agent[agent].pop((resource, key_of(obj)), None)
            if not self._of_agent[agent]:
                del self._of_agent[agent]
        return gone

    def _forget_what_was_made_of(self, resource: Resource, changed: bool) -> None:
        if changed and resource in (SLA_POLICIES, VOICE_MODELS, GPU_POOLS):
            self._catalog = None
        if changed and resource in (GPU_POOLS, NODES, RESOURCE_SLICES):
            self._views.clear()

    def children_of(self, agent: Key) -> list[tuple[Resource, Obj]]:
        """Pods and their claims are not among them: they are their Deployment's."""
        found = [(resource, self.others[resource].get(key)) for resource, key in self._of_agent.get(agent, ())]
        return [(resource, obj) for resource, obj in found if obj is not None and resource in CHILDREN]

    def pods_of(self, agent: Key) -> list[Obj]:
        found = [self.others[PODS].get(key) for resource, key in self._of_agent.get(agent, ()) if resource is PODS]
        return [pod for pod in found if pod is not None]

    def catalog(self) -> Catalog:
        """The valid ones of what agents name; the same one until one of them changes."""
        if self._catalog is None:
            self._catalog = Catalog(
                policies={policy.metadata.name: policy for policy in self.policies.valid()},
                models={model.metadata.name: model for model in self.models.valid()},
                pools={pool.metadata.name: pool for pool in self.pools.valid()},
            )
        return self._catalog

    def view(self, namespace: str, serves_dra: bool) -> ClusterView:
        """What placing looks at; the same one until a node, a slice or a pool changes."""
        if (known := self._views.get(namespace)) is None:
            known = self._views[namespace] = ClusterView(
                nodes=tuple(self.others[NODES].all()),
                pools=self.catalog().pools,
                slices=tuple(self.others[RESOURCE_SLICES].all()),
                serves_dra=serves_dra,
                namespace=namespace,
            )
        return known

    def note_wanted(self, agent: Key, replicas: Mapping[str, int]) -> None:
        """How many replicas the agent wants, by partition; none of an agent that is gone."""
        self._wanted_by_all.subtract(self._wanted.pop(agent, {}))
        if replicas:
            self._wanted[agent] = replicas
            self._wanted_by_all.update(replicas)

    def wanted_elsewhere(self, agent: Key) -> Mapping[str, int]:
        """What all others want, by partition. Wanted, not running: it stays the same through a rollout of our own."""
        own = self._wanted.get(agent, {})
        return {name: count - own.get(name, 0) for name, count in self._wanted_by_all.items()}

    def note_names(self, agent: Key, named: Iterable[tuple[Resource, str]]) -> frozenset[tuple[Resource, str]]:
        """What the agent names now. Returns what it has begun or ceased to name."""
        now, before = frozenset(named), self._named.get(agent, frozenset())
        for gone in before - now:
            self._naming[gone].discard(agent)
        for new in now - before:
            self._naming[new].add(agent)
        if now:
            self._named[agent] = now
        else:
            self._named.pop(agent, None)
        return now ^ before

    def names_of(self, agent: Key) -> frozenset[tuple[Resource, str]]:
        """What the agent was last noted to name."""
        return self._named.get(agent, frozenset())

    def agents_naming(self, resource: Resource, name: str) -> frozenset[Key]:
        return frozenset(self._naming.get((resource, name), ()))


def agent_key_of(obj: Obj) -> Key | None:
    """The agent that a child or pod belongs to, by its label."""
    agent = labels_of(obj).get(AGENT_LABEL)
    return (namespace_of(obj), agent) if agent else None
