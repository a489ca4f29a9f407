"""What a namespace that goes says of itself while something in it stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from antiphon_sandbox.objects import Obj, with_condition

_ALL_IS_WELL = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)


def status_of(namespace: Obj, left: Sequence[tuple[str, Obj]], now: datetime) -> Obj:
    """Its status, with what is left in it: resource and object."""
    status = {**(namespace.get("status") or {}), "phase": "Terminating"}
    conditions = status.get("conditions") or []
    for kind, reason, message in _ALL_IS_WELL:
        conditions = with_condition(conditions, _condition(kind, "False", reason, message), now)
    for told in (_content(left), _finalizers(left)):
        conditions = with_condition(conditions, told, now)
    return {**status, "conditions": conditions}


def _content(left: Sequence[tuple[str, Obj]]) -> Obj:
    kind = "NamespaceContentRemaining"
    if not left:
        return _condition(kind, "False", "ContentRemoved", "All content successfully removed")
    counted = Counter(resource if "." in resource else f"{resource}." for resource, _ in left)
    listed = ", ".join(f"{name} has {count} resource instances" for name, count in sorted(counted.items()))
    return _condition(kind, "True", "SomeResourcesRemain", f"Some resources are remaining: {listed}")


def _finalizers(left: Sequence[tuple[str, Obj]]) -> Obj:
    kind = "NamespaceFinalizersRemaining"
    counted = Counter(name for _, obj in left for name in obj["metadata"].get("finalizers") or ())
    if not counted:
        return _condition(kind, "False", "ContentHasNoFinalizers", "All content-preserving finalizers finished")
    listed = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(counted.items()))
    message = f"Some content in the namespace has finalizers remaining: {listed}"
    return _condition(kind, "True", "SomeFinalizersRemain", message)


def _condition(kind: str, status: str, reason: str, message: str) -> Obj:
    return {"type": kind, "status": status, "reason": reason, "message": message}
