"""What goes when its owner, its namespace or its definition goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from antiphon_sandbox.api.deletion import FOREGROUND, ORPHAN, DeleteOptions, Deleter
from antiphon_sandbox.api.leaving_namespaces import status_of
from antiphon_sandbox.api.resources import Registry
from antiphon_sandbox.api.store import Store
from antiphon_sandbox.kube import Event
from antiphon_sandbox.objects import Obj, is_deleting, name_of, namespace_of, uid_of
from antiphon_sandbox.reconciler import Reconciler

_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_LOOK_AGAIN_SECONDS = 0.2
_BACKGROUND = DeleteOptions(propagation=None)


class GarbageCollector:
    """Three queues: uids of owners that went or go, namespaces and definitions that go."""

    def __init__(self, store: Store, registry: Registry, deleter: Deleter) -> None:
        self._store = store
        self._registry = registry
        self._deleter = deleter
        self._owners = Reconciler[str]("garbage of owner", self._visit_owner)
        self._namespaces = Reconciler[str]("namespace", self._visit_namespace)
        self._watched: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        self._store.watch_all(self._notice)
        for resource in self._store.resources():
            for obj in self._store.items(resource):
                self._consider(resource, obj)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._owners.run())
            group.create_task(self._namespaces.run())

    def _notice(self, event: Event) -> None:
        if event.type == "DELETED":
            self._owners.mark(uid_of(event.object))
            self._mark_waiting_owners(event.object)
            if namespace_of(event.object):
                self._mark_dying_namespace(namespace_of(event.object))
        else:
            self._consider(event.resource, event.object)

    def _consider(self, resource: str, obj: Obj) -> None:
        if is_deleting(obj) and resource == "namespaces":
            self._namespaces.mark(name_of(obj))
        finalizers = obj["metadata"].get("finalizers") or ()
        if is_deleting(obj) and (FOREGROUND in finalizers or ORPHAN in finalizers):
            self._owners.mark(uid_of(obj))
        for owner in obj["metadata"].get("ownerReferences") or ():
            if self._store.key_of(owner["uid"]) is None:
                self._owners.mark(owner["uid"])

    def _mark_waiting_owners(self, obj: Obj) -> None:
        for owner in obj["metadata"].get("ownerReferences") or ():
            self._owners.mark(owner["uid"])

    def _mark_dying_namespace(self, name: str) -> None:
        namespace = self._store.get("namespaces", "", name)
        if namespace is not None and is_deleting(namespace):
            self._namespaces.mark(name)

    # --- owners ----------------------------------------------------------------------------------------------------

    def _visit_owner(self, uid: str) -> None:
        key = self._store.key_of(uid)
        owner = self._store.get(*key) if key else None
        if owner is None or key is None:
            for resource, dependent in self._store.dependents(uid):
                self._release(resource, dependent, uid, DeleteOptions())
            return
        finalizers = owner["metadata"].get("finalizers") or ()
        if is_deleting(owner) and ORPHAN in finalizers:
            for resource, dependent in self._store.dependents(uid):
                self._disown(resource, dependent, uid)
            self._drop_finalizer(key[0], owner, ORPHAN)
        elif is_deleting(owner) and FOREGROUND in finalizers:
            self._visit_foreground(key[0], owner)

    def _visit_foreground(self, resource: str, owner: Obj) -> None:
        """The owner goes when no dependent that blocks its deletion is left."""
        uid = uid_of(owner)
        for name, dependent in self._store.dependents(uid):
            self._release(name, dependent, uid, DeleteOptions(propagation="Foreground"))
        blocking = [obj for _, obj in self._store.dependents(uid) if _blocks(obj, uid)]
        if not blocking:
            self._drop_finalizer(resource, owner, FOREGROUND)

    def _release(self, resource: str, dependent: Obj, uid: str, options: DeleteOptions) -> None:
        """Deletes it, unless another owner is there to keep it."""
        if any(self._keeps(owner["uid"], uid) for owner in dependent["metadata"].get("ownerReferences") or ()):
            self._disown(resource, dependent, uid)
        elif not is_deleting(dependent):
            foreground = options.propagation == "Foreground" and self._store.dependents(uid_of(dependent))
            self._deleter.delete(self._registry.stored(resource), dependent, options if foreground else _BACKGROUND)

    def _keeps(self, owner: str, going: str) -> bool:
        key = self._store.key_of(owner)
        found = self._store.get(*key) if key else None
        return owner != going and found is not None and not is_deleting(found)

    def _disown(self, resource: str, dependent: Obj, uid: str) -> None:
        owners = [owner for owner in dependent["metadata"].get("ownerReferences") or () if owner["uid"] != uid]
        metadata = {name: value for name, value in dependent["metadata"].items() if name != "ownerReferences"}
        self._store.put(
            resource, {**dependent, "metadata": {**metadata, **({"ownerReferences": owners} if owners else {})}}
        )

    def _drop_finalizer(self, resource: str, obj: Obj, finalizer: str) -> None:
        kept = [name for name in obj["metadata"].get("finalizers") or () if name != finalizer]
        metadata = {name: value for name, value in obj["metadata"].items() if name != "finalizers"}
        changed = {**obj, "metadata": {**metadata, **({"finalizers": kept} if kept else {})}}
        if kept or metadata.get("deletionGracePeriodSeconds"):
            self._store.put(resource, changed)
        else:
            self._store.remove(resource, changed)

    # --- namespaces ------------------------------------------------------------------------------------------------

    def _visit_namespace(self, name: str) -> None:
        namespace = self._store.get("namespaces", "", name)
        if namespace is None or not is_deleting(namespace):
            return
        for resource, obj in self._content(name):
            if not is_deleting(obj):
                self._deleter.delete(self._registry.stored(resource), obj, _BACKGROUND)
        if left := list(self._content(name)):
            self._namespaces.mark_after(name, _LOOK_AGAIN_SECONDS)
            status = status_of(namespace, left, self._deleter.now())
            if status != namespace.get("status"):
                self._store.put("namespaces", {**namespace, "metadata": dict(namespace["metadata"]), "status": status})
            return
        changed = {
            **namespace,
            "metadata": dict(namespace["metadata"]),
            "spec": {**namespace.get("spec", {}), "finalizers": []},
        }
        if changed["metadata"].get("finalizers"):
            if namespace.get("spec", {}).get("finalizers"):
                self._store.put("namespaces", changed)
        else:
            self._store.remove("namespaces", changed)

    def _content(self, namespace: str) -> Iterable[tuple[str, Obj]]:
        for resource in self._store.resources():
            if resource != "namespaces":
                for obj in list(self._store.items(resource, namespace)):
                    if namespace_of(obj) == namespace:
                        yield resource, obj


def _blocks(dependent: Obj, uid: str) -> bool:
    owners = dependent["metadata"].get("ownerReferences") or ()
    return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)
