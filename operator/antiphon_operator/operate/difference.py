"""What differs between a child as it is wanted and as it is. Pure."""

from __future__ import annotations

from typing import Any

from antiphon_operator.names import CONTENT_ANNOTATION, MANAGER
from antiphon_operator.objects import Obj, annotations_of, is_going, labels_of, uid_of


def digest_of(child: Obj) -> str:
    return annotations_of(child).get(CONTENT_ANNOTATION, "")


def differs(wanted: Obj, found: Obj) -> bool:
    """Whether `wanted` has to be applied again: its content changed, or somebody changed what we wrote.

    Fields that only the found one has are others', or defaults. What is no longer wanted does not show in the fields: the
    digest tells.
    """
    return digest_of(wanted) != digest_of(found) or not holds(found, wanted)


def holds(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there. Lists must be of the same length: ours have no other owners."""
    if type(wanted) is dict:
        return type(found) is dict and all(_same_or_absent(found.get(key), value) for key, value in wanted.items())
    if type(wanted) is list:
        return type(found) is list and len(found) == len(wanted) and all(map(holds, found, wanted))
    return bool(found == wanted)


def _same_or_absent(found: Any, wanted: Any) -> bool:
    """An API server drops what is empty: absent and empty are the same."""
    if found is None:
        return not wanted
    return holds(found, wanted)


def owned_by(obj: Obj, uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in obj["metadata"].get("ownerReferences") or ())


def stale(found: Obj, agent_uid: str) -> bool:
    """It belongs to an agent of the same name that is gone: the garbage collector is about to take it."""
    owners = found["metadata"].get("ownerReferences") or ()
    return any(owner.get("controller") and owner.get("uid") != agent_uid for owner in owners)


def asks_otherwise(before: Obj, after: Obj) -> bool:
    """Whether an object of ours asks for something else. Not by its status, which is ours."""
    return (
        uid_of(before) != uid_of(after)
        or before["metadata"].get("generation") != after["metadata"].get("generation")
        or is_going(before) != is_going(after)
        or annotations_of(before) != annotations_of(after)
        or labels_of(before) != labels_of(after)
    )


def made_by_another(obj: Obj) -> bool:
    """Whether another manager had fields of it before we had any. Of the answer to an apply that should have made it."""
    entries = [entry for entry in obj["metadata"].get("managedFields") or () if not entry.get("subresource")]
    ours = [entry.get("time", "") for entry in entries if entry.get("manager") == MANAGER]
    others = [entry.get("time", "") for entry in entries if entry.get("manager") != MANAGER]
    return bool(ours and others) and min(others) <= min(ours)
