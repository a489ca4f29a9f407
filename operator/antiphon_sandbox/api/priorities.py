"""A pod's priority, looked up in the PriorityClass that it names."""

from __future__ import annotations

from antiphon_sandbox.api import errors
from antiphon_sandbox.api.resources import Resource
from antiphon_sandbox.api.store import Store
from antiphon_sandbox.objects import Obj, name_of

_CLASSES = "priorityclasses.scheduling.k8s.io"
_SYSTEM = frozenset({"system-cluster-critical", "system-node-critical"})
"""Always there; the defaults know them."""


def set_priority(store: Store, resource: Resource, pod: Obj) -> None:
    """Of a pod that names none, the default class's. ApiError 403 for a class that is not there."""
    if resource.name != "pods":
        return
    spec = pod["spec"]
    name = spec.get("priorityClassName")
    if name in _SYSTEM:
        return
    found = store.get(_CLASSES, "", name) if name else _default(store)
    if name and found is None:
        raise errors.forbidden(resource, name_of(pod), f"no PriorityClass with name {name} was found")
    if found is not None:
        spec["priorityClassName"], spec["priority"] = name_of(found), found["value"]
        spec["preemptionPolicy"] = found.get("preemptionPolicy", "PreemptLowerPriority")


def _default(store: Store) -> Obj | None:
    return next((found for found in store.items(_CLASSES) if found.get("globalDefault")), None)
