"""The API, in-process: what HTTP serves, and what controllers, scheduler and nodes are given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from antiphon_sandbox.api import errors
from antiphon_sandbox.api.builtin_kinds import builtin_resources
from antiphon_sandbox.api.decoding import WriteOptions, check_kind, copied
from antiphon_sandbox.api.deletion import DeleteOptions, Deleter
from antiphon_sandbox.api.event_log import EventLog
from antiphon_sandbox.api.garbage import GarbageCollector
from antiphon_sandbox.api.patches import merge_patch
from antiphon_sandbox.api.recent_lines import RecentLines
from antiphon_sandbox.api.resources import Registry
from antiphon_sandbox.api.store import HISTORY, Journal, Store
from antiphon_sandbox.api.subresources import Evictions, bound
from antiphon_sandbox.api.writes import Writer
from antiphon_sandbox.kube import Event, Kubelet, LogOptions
from antiphon_sandbox.objects import Obj, Objects, labels_of, name_of, namespace_of, selector_matches

_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


def utc_now() -> datetime:
    return datetime.now(UTC)


class Api:
    """Everything but HTTP. Implements `Kube`."""

    def __init__(
        self, now: Callable[[], datetime] = utc_now, journal: Journal | None = None, history: int = HISTORY
    ) -> None:
        self.now = now
        self.store = Store(journal, history)
        self.registry = Registry(builtin_resources())
        self.writer = Writer(self.store, self.registry, now)
        self.deleter = Deleter(self.store, now)
        self.evictions = Evictions(self.store, self.registry, self.writer, self.deleter, now)
        self._garbage = GarbageCollector(self.store, self.registry, self.deleter)
        self._events = EventLog(self)
        self._kubelets: dict[str, Kubelet] = {}
        self.lines = RecentLines()
        self.store.subscribe([_CRDS], self._follow_definitions)
        for name in _NAMESPACES:
            if self.store.get("namespaces", "", name) is None:
                self.create("namespaces", {"metadata": {"name": name}})

    async def run(self) -> None:
        """Collects garbage, until cancelled."""
        await self._garbage.run()

    def _follow_definitions(self, event: Event) -> None:
        """A definition that goes takes its objects with it."""
        if event.type != "DELETED":
            return
        name = name_of(event.object)
        for obj in list(self.store.items(name)):
            self.store.remove(name, {**obj, "metadata": dict(obj["metadata"])})
        self.writer.withdraw(event.object)

    # --- Kube ------------------------------------------------------------------------------------------------------

    def get(self, resource: str, namespace: str, name: str) -> Obj | None:
        return self.store.get(resource, namespace, name)

    def list(self, resource: str, namespace: str = "", labels: Mapping[str, Any] | None = None) -> Objects:
        found = self.store.items(resource, namespace)
        return [obj for obj in found if labels is None or selector_matches(labels, labels_of(obj))]

    def owned(self, resource: str, owner_uid: str) -> Objects:
        return [obj for name, obj in self.store.dependents(owner_uid) if name == resource]

    def create(self, resource: str, obj: Obj) -> Obj:
        obj = copied(obj)
        found = self.registry.stored(resource)
        check_kind(found, obj)
        namespace = obj["metadata"].get("namespace", "")
        return self.writer.create(found, namespace, obj, self._options())

    def update(self, resource: str, obj: Obj) -> Obj:
        old = self._existing(resource, obj)
        return self.writer.update(self.registry.stored(resource), old, copied(obj), self._options())

    def update_status(self, resource: str, obj: Obj) -> Obj:
        old = self._existing(resource, obj)
        return self.writer.update(self.registry.stored(resource), old, copied(obj), self._options("status"))

    def patch(self, resource: str, namespace: str, name: str, change: Obj) -> Obj:
        old = self._find(resource, namespace, name)
        changed = copied(merge_patch(old, change))
        return self.writer.update(self.registry.stored(resource), old, changed, self._options())

    def delete(
        self,
        resource: str,
        namespace: str,
        name: str,
        *,
        uid: str | None = None,
        grace_seconds: int | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] | None = None,
    ) -> None:
        obj = self._find(resource, namespace, name)
        options = DeleteOptions(uid=uid, grace_seconds=grace_seconds, propagation=propagation)
        self.deleter.delete(self.registry.stored(resource), obj, options)

    def bind(self, pod: Obj, node: str) -> None:
        old = self._find("pods", namespace_of(pod), name_of(pod))
        self.store.put("pods", bound(old, node, self.now()))

    def record(
        self, regarding: Obj, kind: Literal["Normal", "Warning"], reason: str, message: str, source: str
    ) -> None:
        self._events.record(regarding, kind, reason, message, source)

    def subscribe(self, resources: Iterable[str], callback: Callable[[Event], None]) -> Callable[[], None]:
        return self.store.subscribe(resources, callback)

    def _options(self, subresource: str = "") -> WriteOptions:
        return WriteOptions("antiphon-sandbox", subresource)

    def _existing(self, resource: str, obj: Obj) -> Obj:
        return self._find(resource, namespace_of(obj), name_of(obj))

    def _find(self, resource: str, namespace: str, name: str) -> Obj:
        found = self.store.get(resource, namespace, name)
        if found is None:
            raise errors.not_found(self.registry.stored(resource), name)
        return found

    # --- nodes -----------------------------------------------------------------------------------------------------

    def serve_logs(self, node: str, kubelet: Kubelet) -> None:
        """Logs of that node's pods are asked of it."""
        self._kubelets[node] = kubelet

    def logs(self, pod: Obj, options: LogOptions) -> AsyncIterator[bytes]:
        node = pod["spec"].get("nodeName")
        kubelet = self._kubelets.get(node or "")
        if kubelet is None:
            where = f"on node {node}, which is served by nobody here" if node else "not scheduled yet"
            message = f"container {options.container!r} in pod {name_of(pod)!r} is waiting to start: it is {where}"
            raise errors.bad_request(message)
        return kubelet.logs(pod, options)
