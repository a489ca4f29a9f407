"""Kubernetes objects as plain JSON, and the few questions that everybody asks of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

Obj = dict[str, Any]
"""An object as the API serves it. What the API hands out is shared: copy before changing (`copy.deepcopy`)."""

Objects = list[Obj]


def name_of(obj: Obj) -> str:
    return str(obj["metadata"]["name"])


def namespace_of(obj: Obj) -> str:
    """Empty for what is cluster-scoped."""
    return str(obj["metadata"].get("namespace", ""))


def uid_of(obj: Obj) -> str:
    return str(obj["metadata"]["uid"])


def labels_of(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def annotations_of(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def is_deleting(obj: Obj) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def controller_of(obj: Obj) -> Obj | None:
    """The owner reference of the object's controller."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), None)


def owned_by(owner: Obj) -> Obj:
    """The reference that makes `owner` the controller of another object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def reference_to(obj: Obj) -> Obj:
    """The reference by which an Event regards an object."""
    reference = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": name_of(obj), "uid": uid_of(obj)}
    return reference | ({"namespace": namespace_of(obj)} if namespace_of(obj) else {})


def timestamp(moment: datetime) -> str:
    """As metav1.Time writes it: whole seconds, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: datetime) -> str:
    """As metav1.MicroTime writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def condition(obj: Obj, kind: str) -> Obj | None:
    """The condition of that type in the object's status."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((found for found in conditions if found["type"] == kind), None)


def is_true(obj: Obj, kind: str) -> bool:
    found = condition(obj, kind)
    return found is not None and found["status"] == "True"


def with_condition(conditions: list[Obj], new: Obj, now: datetime) -> list[Obj]:
    """The conditions with `new` in its place; `lastTransitionTime` moves only when the status does."""
    old = next((found for found in conditions if found["type"] == new["type"]), None)
    unmoved = old is not None and old["status"] == new["status"] and "lastTransitionTime" in old
    moment = old["lastTransitionTime"] if old and unmoved else timestamp(now)
    placed = {**new, "lastTransitionTime": moment}
    if old is None:
        return [*conditions, placed]
    return [placed if found is old else found for found in conditions]


def selector_matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """A LabelSelector (matchLabels, matchExpressions) on labels; an empty one matches all, a missing one nothing."""
    if selector is None:
        return False
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        expression_matches(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def expression_matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """One requirement: In, NotIn, Exists, DoesNotExist, and for node affinity Gt and Lt."""
    key, values = expression["key"], expression.get("values") or []
    value = labels.get(key)
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return value is not None and _is_whole(value) and int(value) > int(values[0])
        case "Lt":
            return value is not None and _is_whole(value) and int(value) < int(values[0])
        case other:
            raise ValueError(f"operator {other!r} of a selector; it must be In, NotIn, Exists, DoesNotExist, Gt or Lt")


def _is_whole(text: str) -> bool:
    return text.lstrip("-").isdecimal()


def walk(value: Any, *path: str) -> Any:
    """The value below nested maps, or None where the path ends early."""
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def containers_of(pod_spec: Obj) -> Iterator[Obj]:
    """Init containers, then containers."""
    yield from pod_spec.get("initContainers") or ()
    yield from pod_spec["containers"]
