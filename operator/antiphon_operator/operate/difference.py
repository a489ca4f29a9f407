"""What differs between a child as it is wanted and as it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from antiphon_operator.names import CONTENT_ANNOTATION
from antiphon_operator.objects import Obj, annotations_of, uid_of


def differs(wanted: Obj, found: Obj) -> bool:
    """Whether `wanted` has to be applied again: its content changed, or somebody changed what we wrote.

    Fields that only the found one has are others', or defaults. What is no longer wanted does not show in the fields: the
    digest tells.
    """
    if annotations_of(wanted).get(CONTENT_ANNOTATION) != annotations_of(found).get(CONTENT_ANNOTATION):
        return True
    return not holds(found, wanted)


def holds(found: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there. Lists must be of the same length: ours have no other owners."""
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            _same_or_absent(found.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return (
            isinstance(found, Sequence)
            and len(found) == len(wanted)
            and all(holds(one, other) for one, other in zip(found, wanted, strict=True))
        )
    return bool(found == wanted)


def _same_or_absent(found: Any, wanted: Any) -> bool:
    """An API server drops what is empty: absent and empty are the same."""
    if found is None and wanted in ({}, [], "", None, False, 0):
        return True
    return holds(found, wanted)


def owned_by(obj: Obj, uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in obj["metadata"].get("ownerReferences") or ())


def stale(found: Obj, agent_uid: str) -> bool:
    """It belongs to an agent of the same name that is gone: the garbage collector is about to take it."""
    owners = found["metadata"].get("ownerReferences") or ()
    return any(owner.get("controller") and owner.get("uid") != agent_uid for owner in owners)


def same_object(one: Obj, other: Obj) -> bool:
    return uid_of(one) == uid_of(other)
