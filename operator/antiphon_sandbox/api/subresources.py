"""scale, binding and eviction: the ways in beside an object's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from antiphon_sandbox.api import errors
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.decoding import WriteOptions, copied
from antiphon_sandbox.api.deletion import DeleteOptions, Deleter
from antiphon_sandbox.api.resources import Registry, Resource, ScalePaths
from antiphon_sandbox.api.store import Store
from antiphon_sandbox.api.writes import Writer
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import (
    Obj,
    is_deleting,
    is_true,
    labels_of,
    name_of,
    namespace_of,
    selector_matches,
    timestamp,
    walk,
    with_condition,
)

_BUDGETS = "poddisruptionbudgets.policy"
_RETRY_AFTER_SECONDS = 10


# --- scale ---------------------------------------------------------------------------------------------------------


def scale_of(resource: Resource, obj: Obj) -> Obj:
    """The autoscaling/v1 Scale that shows an object's size."""
    paths = _paths(resource)
    metadata = {
        name: obj["metadata"][name]
        for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if name in obj["metadata"]
    }
    wanted = walk(obj, *paths.spec)
    status = {"replicas": walk(obj, *paths.status) or 0}
    if selector := _selector_text(paths, obj):
        status["selector"] = selector
    spec = {"replicas": wanted} if wanted else {}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


def scaled(resource: Resource, obj: Obj, scale: Any) -> Obj:
    """The object at the size that a Scale asks for."""
    replicas = walk(scale, "spec", "replicas") or 0
    if type(replicas) is not int or replicas < 0:
        shown = replicas if type(replicas) is int else f'"{replicas}"'
        cause = Cause(
            "FieldValueInvalid", f"Invalid value: {shown}: must be greater than or equal to 0", "spec.replicas"
        )
        raise errors.invalid_scale(name_of(obj), cause)
    changed: Obj = copied(obj)
    revision = walk(scale, "metadata", "resourceVersion")
    if revision:
        changed["metadata"]["resourceVersion"] = revision
    *above, last = _paths(resource).spec
    holder = changed
    for step in above:
        holder = holder.setdefault(step, {})
    holder[last] = replicas
    return changed


def _paths(resource: Resource) -> ScalePaths:
    if resource.scale is None:
        raise errors.not_served()
    return resource.scale


def _selector_text(paths: ScalePaths, obj: Obj) -> str:
    found = walk(obj, *(paths.selector or ("spec", "selector")))
    if isinstance(found, str):
        return found if paths.selector else ""
    if not isinstance(found, dict) or paths.selector:
        return ""
    labels = found.get("matchLabels") if "matchLabels" in found or "matchExpressions" in found else found
    parts = [f"{key}={value}" for key, value in sorted((labels or {}).items())]
    return ",".join([*parts, *map(_expression_text, found.get("matchExpressions") or ())])


def _expression_text(expression: Obj) -> str:
    key, values = expression["key"], ",".join(expression.get("values") or ())
    match expression["operator"]:
        case "Exists":
            return str(key)
        case "DoesNotExist":
            return f"!{key}"
        case operator:
            return f"{key} {operator.lower()} ({values})"


# --- binding -------------------------------------------------------------------------------------------------------


def bound(pod: Obj, node: str, now: datetime) -> Obj:
    """The pod with its node set. ApiError 409 when it has one or is going."""
    if walk(pod, "spec", "nodeName") or is_deleting(pod):
        what = (
            f"is already assigned to node {pod['spec'].get('nodeName')!r}"
            if not is_deleting(pod)
            else "is being deleted"
        )
        message = f'Operation cannot be fulfilled on pods/binding "{name_of(pod)}": pod {name_of(pod)} {what}'
        raise ApiError(409, "Conflict", message, {"name": name_of(pod), "kind": "pods/binding"})
    changed: Obj = copied(pod)
    changed["spec"]["nodeName"] = node
    scheduled = {"type": "PodScheduled", "status": "True"}
    status = changed.setdefault("status", {})
    status["conditions"] = with_condition(status.get("conditions") or [], scheduled, now)
    return changed


# --- eviction ------------------------------------------------------------------------------------------------------


class Evictions:
    """Deletes a pod when the disruption budgets that cover it allow."""

    def __init__(
        self, store: Store, registry: Registry, writer: Writer, deleter: Deleter, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._registry = registry
        self._writer = writer
        self._deleter = deleter
        self._now = now

    def evict(self, pod: Obj, options: DeleteOptions) -> None:
        """ApiError 429 when a budget has nothing left to give."""
        budgets = [
            budget
            for budget in self._store.items(_BUDGETS, namespace_of(pod))
            if selector_matches(walk(budget, "spec", "selector"), labels_of(pod))
        ]
        free = is_deleting(pod) or walk(pod, "status", "phase") in ("Pending", "Succeeded", "Failed")
        if len(budgets) > 1 and not free:
            message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            raise ApiError(500, "InternalError", message)
        if budgets and not free:
            self._spend(budgets[0], pod, options.dry_run)
        self._deleter.delete(self._registry.stored("pods"), pod, options)

    def _spend(self, budget: Obj, pod: Obj, dry_run: bool) -> None:
        status = budget.get("status") or {}
        if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 1):
            raise _too_many(f"The disruption budget {name_of(budget)} is still being processed by the server.")
        healthy = is_true(pod, "Ready")
        unhealthy_may_go = walk(budget, "spec", "unhealthyPodEvictionPolicy") == "AlwaysAllow" or (
            status.get("currentHealthy", 0) >= status.get("desiredHealthy", 0) > 0
        )
        if not healthy and unhealthy_may_go:
            return
        if status.get("disruptionsAllowed", 0) <= 0:
            needs = f"needs {status.get('desiredHealthy', 0)} healthy pods and has {status.get('currentHealthy', 0)} currently"
            raise _too_many(f"The disruption budget {name_of(budget)} {needs}")
        changed = copied(budget)
        changed["status"]["disruptionsAllowed"] -= 1
        changed["status"].setdefault("disruptedPods", {})[name_of(pod)] = timestamp(self._now())
        resource = self._registry.stored(_BUDGETS)
        self._writer.update(resource, budget, changed, WriteOptions("sandbox-api", "status", dry_run))


def _too_many(why: str) -> ApiError:
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    causes = [{"reason": "DisruptionBudget", "message": why}]
    details = (
        {"causes": causes, "retryAfterSeconds": _RETRY_AFTER_SECONDS} if "processed" in why else {"causes": causes}
    )
    return ApiError(429, "TooManyRequests", message, details)
