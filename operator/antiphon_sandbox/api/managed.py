"""Who manages which field: kept with every write, asked at every apply."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from antiphon_sandbox.api import field_sets
from antiphon_sandbox.api.field_sets import FieldSet
from antiphon_sandbox.api.merging import merge, withdraw
from antiphon_sandbox.api.schema import Schema
from antiphon_sandbox.kube import ApiError
from antiphon_sandbox.objects import Obj

# The system's own: nobody manages these.
_NOT_MANAGED: FieldSet = {
    "f:apiVersion": field_sets.MEMBER,
    "f:kind": field_sets.MEMBER,
    "f:metadata": {
        ".": {},
        **{
            f"f:{name}": field_sets.MEMBER
            for name in (
                "name",
                "namespace",
                "creationTimestamp",
                "selfLink",
                "uid",
                "generation",
                "managedFields",
                "resourceVersion",
                "deletionTimestamp",
                "deletionGracePeriodSeconds",
            )
        },
    },
}
_SYSTEM_FIELDS = frozenset(
    {"name", "namespace", "creationTimestamp", "uid", "generation", "resourceVersion", "managedFields"}
)
_NAMED: FieldSet = {"f:metadata": {"f:name": field_sets.MEMBER}}
"""Whoever applies has a name in it: the metadata stays."""
# Parts that upstream's types always have: writing them for the first time does not own them themselves.
_ALWAYS_THERE: Obj = {
    "metadata": {},
    "spec": {
        "strategy": {},
        "template": {"metadata": {}, "spec": {"containers": []}},
        "jobTemplate": {"metadata": {}, "spec": {"template": {"metadata": {}, "spec": {"containers": []}}}},
        "containers": [],
        "names": {},
    },
    "status": {"acceptedNames": {"kind": "", "plural": ""}},
    "source": {},
    "reportingComponent": "",
    "reportingInstance": "",
}


@dataclass(frozen=True)
class Manager:
    """One entry of managedFields."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""
    time: str | None = None
    fields: FieldSet | None = None

    @property
    def identity(self) -> tuple[str, str, str, str]:
        return self.name, self.operation, self.api_version, self.subresource

    def to_wire(self) -> Obj:
        entry: Obj = {"manager": self.name, "operation": self.operation, "apiVersion": self.api_version}
        entry |= {"time": self.time} if self.time else {}
        entry |= {"fieldsType": "FieldsV1", "fieldsV1": shared_wire(self.fields or {})}
        return entry | ({"subresource": self.subresource} if self.subresource else {})

    def in_words(self) -> str:
        sub = f' with subresource "{self.subresource}"' if self.subresource else ""
        using = f" using {self.api_version}" if self.operation == "Update" else ""
        return f'"{self.name}"{sub}{using}'


_KNOWN_WIRES: dict[bytes, FieldSet] = {}
_MOST_KNOWN_WIRES = 512


def shared_wire(fields: FieldSet) -> FieldSet:
    """The wire form, one for all objects whose fields are the same: of many alike, it would be half of their size."""
    wire = field_sets.to_wire(fields)
    key = orjson.dumps(wire)
    known = _KNOWN_WIRES.get(key)
    if known is None:
        if len(_KNOWN_WIRES) >= _MOST_KNOWN_WIRES:
            del _KNOWN_WIRES[next(iter(_KNOWN_WIRES))]
        known = _KNOWN_WIRES[key] = wire
    return known


def managers_of(obj: Obj | None) -> list[Manager]:
    entries = (obj or {}).get("metadata", {}).get("managedFields") or ()
    return [
        Manager(
            entry.get("manager", ""),
            entry.get("operation", "Update"),
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
            entry.get("time"),
            field_sets.from_wire(entry.get("fieldsV1") or {}),
        )
        for entry in entries
    ]


def to_wire(managers: Iterable[Manager]) -> list[Obj]:
    """In upstream's order: appliers first, then by time."""
    kept = [manager for manager in managers if manager.fields]
    kept.sort(
        key=lambda manager: (
            manager.operation,
            manager.time or "",
            manager.name,
            manager.api_version,
            manager.subresource,
        )
    )
    return [manager.to_wire() for manager in kept]


def updated(schema: Schema, old: Obj | None, new: Obj, manager: Manager, custom: bool) -> list[Obj]:
    """managedFields after `manager` has written `new` in the place of `old`; its time is that of the write."""
    managers = _before_update(old, new, manager.subresource, custom)
    if old is not None and not managers:
        return []  # somebody has ended the account, and only an apply begins it anew
    before: Any = old if old is not None else ({} if custom else _ALWAYS_THERE)
    changed, removed = field_sets.compare(schema, _managed_part(before), _managed_part(new))
    changed, removed = (field_sets.difference(fields, _NOT_MANAGED) for fields in (changed, removed))
    if not changed and not removed:
        return to_wire(managers)
    gone = field_sets.union(changed, removed)
    after = []
    own: FieldSet = {}
    for entry in managers:
        if entry.identity == manager.identity:
            own = entry.fields or {}
        else:
            after.append(replace(entry, fields=field_sets.difference(entry.fields or {}, gone)))
    fields = field_sets.difference(field_sets.union(own, changed), removed)
    return to_wire([*after, replace(manager, fields=fields)])


def _before_update(old: Obj | None, new: Obj, subresource: str, custom: bool) -> list[Manager]:
    """As they were, unless a client says otherwise: it may set managers, and `[{}]` ends the account."""
    told = new["metadata"].get("managedFields")
    if old is None or subresource or told is None or (told == [] and custom):
        return managers_of(old)
    if told in ([], [{}]):
        return []
    if any(entry.get("operation") not in ("Apply", "Update") for entry in told):
        return managers_of(old)
    return managers_of(new)


def _managed_part(obj: Obj) -> Obj:
    """The object without the parts of the system: they are many and change with every write."""
    metadata = {name: value for name, value in (obj.get("metadata") or {}).items() if name not in _SYSTEM_FIELDS}
    rest = {name: value for name, value in obj.items() if name not in ("metadata", "apiVersion", "kind")}
    return {"metadata": metadata, **rest}


def apply(
    schema: Schema, live: Obj, applied: Obj, manager: Manager, force: bool, custom: bool
) -> tuple[Obj, list[Manager]]:
    """Server-side apply: the new object and its managers; ApiError 409 when another manages what would change.

    `live` is empty for an object that is not there yet. The manager's entry has the time of this write only when it
    changes the object.
    """
    managers = managers_of(live) or _before_first_apply(schema, live, manager, custom)
    last = next((entry for entry in managers if entry.identity == manager.identity), None)
    others = [entry for entry in managers if entry is not last]
    own = field_sets.difference(field_sets.declared(schema, applied), _NOT_MANAGED)
    merged = merge(schema, live, applied)
    if last and last.fields:
        owned = field_sets.union(own, _NAMED)
        for entry in others:
            owned = field_sets.union(owned, entry.fields or {})
        if gone := field_sets.difference(last.fields, owned):
            merged = withdraw(schema, merged, gone, owned, custom)
    changed, removed = field_sets.compare(schema, _managed_part(live), _managed_part(merged))
    others = _resolve(others, changed, removed, force)
    time = manager.time if changed or removed else (last.time if last else None)
    return merged, [*others, replace(manager, fields=own, time=time)]


def _before_first_apply(schema: Schema, live: Obj, manager: Manager, custom: bool) -> list[Manager]:
    """Of an object of which no account was kept: all that is in it has one manager."""
    if not live:
        return []
    before: Any = {} if custom else _ALWAYS_THERE
    fields, _ = field_sets.compare(schema, _managed_part(before), _managed_part(live))
    fields = field_sets.difference(fields, _NOT_MANAGED)
    return [replace(manager, name="before-first-apply", operation="Update", subresource="", fields=fields)]


def _resolve(others: list[Manager], changed: FieldSet, removed: FieldSet, force: bool) -> list[Manager]:
    disputed = {entry.identity: field_sets.intersection(entry.fields or {}, changed) for entry in others}
    conflicts = [(entry, path) for entry in others for path in field_sets.paths(disputed[entry.identity])]
    if conflicts and not force:
        raise _conflict(conflicts)
    gone = [field_sets.union(disputed[entry.identity], removed) for entry in others]
    return [
        replace(entry, fields=field_sets.difference(entry.fields or {}, lost))
        for entry, lost in zip(others, gone, strict=True)
    ]


def _conflict(conflicts: list[tuple[Manager, str]]) -> ApiError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager.in_words()}", "field": path}
        for manager, path in reversed(conflicts)
    ]
    return ApiError(409, "Conflict", _conflict_in_words(conflicts), {"causes": causes})


def _conflict_in_words(conflicts: list[tuple[Manager, str]]) -> str:
    if len(conflicts) == 1:
        manager, path = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {manager.in_words()}: {path}"
    by_manager: dict[str, list[str]] = {}
    for manager, path in conflicts:
        by_manager.setdefault(manager.in_words(), []).append(path)
    words = [
        f"conflicts with {name}:\n" + "\n".join(f"- {path}" for path in found)
        for name, found in sorted(by_manager.items())
    ]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(words)


def same_managers(one: list[Obj], other: list[Obj]) -> bool:
    """The same but for times."""
    return _without_times(one) == _without_times(other)


def _without_times(entries: list[Obj]) -> list[bytes]:
    return sorted(orjson.dumps({**entry, "time": None}, option=orjson.OPT_SORT_KEYS) for entry in entries)
