"""Creating and changing objects: what the system sets, what a client may, and when nothing changes at all."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import datetime

from antiphon_sandbox.api import crds, errors, managed
from antiphon_sandbox.api.allocation import ServiceAddresses
from antiphon_sandbox.api.base_state import check_revision
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.cautions import about_finalizers, without_twins
from antiphon_sandbox.api.decoding import WriteOptions, copied, decode
from antiphon_sandbox.api.defaults import prepare
from antiphon_sandbox.api.managed import Manager
from antiphon_sandbox.api.object_changes import (
    changed_for_ever,
    claimed_part,
    ill_typed,
    is_gone,
    is_new_generation,
    is_same,
    tidy,
    with_kept_parts,
)
from antiphon_sandbox.api.priorities import set_priority
from antiphon_sandbox.api.resources import Registry, Resource
from antiphon_sandbox.api.store import Store
from antiphon_sandbox.api.typed import mistakes
from antiphon_sandbox.api.validation import Validator
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj, is_deleting, name_of, namespace_of, timestamp

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
# Their status may come with the object, at creation.
_STATUS_AT_CREATION = frozenset(
    {
        "nodes",
        "namespaces",
        "pods",
        "persistentvolumeclaims",
        "persistentvolumes",
        "customresourcedefinitions.apiextensions.k8s.io",
    }
)


class Writer:
    """All writes but deletions."""

    def __init__(self, store: Store, registry: Registry, now: Callable[[], datetime]) -> None:
        self._store = store
        self._registry = registry
        self._now = now
        self._validator = Validator(registry)
        self._addresses = ServiceAddresses(store)
        for crd in store.items("customresourcedefinitions.apiextensions.k8s.io"):
            registry.put(crds.resources_of(crd))

    # --- create ----------------------------------------------------------------------------------------------------

    def create(self, resource: Resource, namespace: str, obj: Obj, options: WriteOptions) -> Obj:
        """The object as stored. What is given becomes the store's own."""
        return self._create(resource, namespace, obj, options, None)

    def _create(
        self, resource: Resource, namespace: str, obj: Obj, options: WriteOptions, managers: list[Manager] | None
    ) -> Obj:
        metadata = obj["metadata"]
        if metadata.get("resourceVersion") and not options.dry_run:
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        generated = self._name(resource, metadata)
        self._place(resource, namespace, metadata)
        for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion", "managedFields"):
            metadata.pop(name, None)
        without_twins(metadata, options.warnings)
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = timestamp(self._now())
        if resource.has_generation:
            metadata["generation"] = 1
        if resource.separates_status and resource.name not in _STATUS_AT_CREATION:
            obj.pop("status", None)
        decode(resource, obj, options)
        tidy(obj)
        self._manage(resource, None, obj, options, managers)
        if not resource.custom:
            prepare(resource.name, obj)
            set_priority(self._store, resource, obj)
        self._validator.check(resource, obj, None, generated)
        about_finalizers(obj, None, options.warnings)
        if self._store.get(resource.name, namespace_of(obj), name_of(obj)):
            raise errors.already_exists(resource, name_of(obj))
        self._addresses.assign(resource.name, obj)
        if options.dry_run:
            return obj
        self._define(resource, obj)
        return self._store.put(resource.name, self._stored(resource, obj))

    def _name(self, resource: Resource, metadata: Obj) -> bool:
        """Makes up a name where only its beginning is given."""
        if metadata.get("name"):
            return False
        if not metadata.get("generateName"):
            cause = Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")
            raise errors.invalid(resource, "", [cause])
        suffix = "".join(random.choices(_SUFFIX_LETTERS, k=5))  # noqa: S311 (no secret)
        metadata["name"] = metadata["generateName"][:248] + suffix
        return True

    def _place(self, resource: Resource, namespace: str, metadata: Obj) -> None:
        """Into a namespace that is there and is to stay."""
        if not resource.namespaced:
            metadata.pop("namespace", None)
            return
        if metadata.setdefault("namespace", namespace) != namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        found = self._store.get("namespaces", "", namespace)
        if found is None:
            raise errors.not_found(self._registry.stored("namespaces"), namespace)
        if is_deleting(found):
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            message = f"namespace {namespace} is being terminated"
            cause = Cause("NamespaceTerminating", message, "metadata.namespace")
            raise errors.forbidden(resource, metadata["name"], why, [cause])

    # --- update ----------------------------------------------------------------------------------------------------

    def update(self, resource: Resource, old: Obj, new: Obj, options: WriteOptions) -> Obj:
        """`new` in the place of `old`; the caller hands `new` over. The old one when nothing differs."""
        return self._update(resource, old, new, options, None)

    def _update(
        self, resource: Resource, old: Obj, new: Obj, options: WriteOptions, managers: list[Manager] | None
    ) -> Obj:
        check_revision(resource, old, new)
        if immutable := changed_for_ever(old, new):
            raise errors.invalid(resource, name_of(old), immutable)
        without_twins(new["metadata"], options.warnings)
        decode(resource, new, options, keep_nulls=managers is not None)
        new = with_kept_parts(resource, old, new, options.subresource)
        tidy(new)
        if "generation" in new["metadata"] and is_new_generation(resource, old, new):
            new["metadata"]["generation"] += 1
        self._manage(resource, old, new, options, managers)
        self._addresses.assign(resource.name, new, old)
        self._validator.check(resource, new, old, subresource=options.subresource)
        about_finalizers(new, old, options.warnings)
        if is_same(old, new):
            return old
        if options.dry_run:
            return new
        if is_gone(new):
            return self._store.remove(resource.name, self._stored(resource, new))
        self._define(resource, new)
        return self._store.put(resource.name, self._stored(resource, new))

    # --- apply -----------------------------------------------------------------------------------------------------

    def apply(
        self, resource: Resource, namespace: str, name: str, applied: Obj, options: WriteOptions
    ) -> tuple[Obj, bool]:
        """Server-side apply; also says whether the object was created."""
        metadata = applied["metadata"]
        live = self._store.get(resource.name, namespace, name)
        if live is None and options.subresource:
            raise errors.not_found(resource, name)
        if live is not None and metadata.get("resourceVersion", "") not in ("", live["metadata"]["resourceVersion"]):
            raise errors.conflict(resource, name)
        if live is None and metadata.get("uid"):
            why = f"uid mismatch: the provided object specified uid {metadata['uid']}, and no existing object was found"
            raise errors.conflict(resource, name, why)
        if wrong := list(mistakes(resource.schema, applied)):
            raise ill_typed(resource, applied, wrong)
        metadata.pop("resourceVersion", None)
        if resource.namespaced:
            metadata.setdefault("namespace", namespace)
        claimed = claimed_part(resource, applied, options.subresource)
        merged, managers = managed.apply(
            resource.schema,
            live or {},
            claimed,
            self._manager(resource, options, "Apply"),
            options.force,
            resource.custom,
        )
        merged = copied(merged)
        merged["metadata"] = {**merged["metadata"], "name": name}
        if live is None:
            merged["metadata"].pop("uid", None)
            return self._create(resource, namespace, merged, options, managers), True
        return self._update(resource, live, merged, options, managers), False

    # --- what all share --------------------------------------------------------------------------------------------

    def _manager(self, resource: Resource, options: WriteOptions, operation: str) -> Manager:
        time = None if options.subresource == "scale" else timestamp(self._now())
        return Manager(options.manager, operation, resource.api_version, options.subresource, time)

    def _manage(
        self, resource: Resource, old: Obj | None, new: Obj, options: WriteOptions, managers: list[Manager] | None
    ) -> None:
        if managers is not None:
            entries = managed.to_wire(managers)
        else:
            manager = self._manager(resource, options, "Update")
            entries = managed.updated(resource.schema, old, new, manager, resource.custom)
        new["metadata"].pop("managedFields", None)
        if entries:
            new["metadata"]["managedFields"] = entries

    def _define(self, resource: Resource, obj: Obj) -> None:
        """A definition that is stored is served at once."""
        if resource.kind != "CustomResourceDefinition" or is_deleting(obj):
            return
        crds.establish(obj, self._now())
        self._registry.remove(name_of(obj))
        self._registry.put(crds.resources_of(obj))
        self._validator.forget(name_of(obj))

    def withdraw(self, crd: Obj) -> None:
        """The kind is served no more."""
        self._registry.remove(name_of(crd))
        self._validator.forget(name_of(crd))

    def _stored(self, resource: Resource, obj: Obj) -> Obj:
        """In the version that objects are stored in."""
        return {**obj, "apiVersion": self._registry.stored(resource.name).api_version}
