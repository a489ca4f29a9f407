"""Sets of fields, as managedFields holds them: a tree of path elements.

Within, a field that belongs to the set has the key `.` in its node. The wire form (FieldsV1) leaves it out of leaves.
Elements are `f:name` for a field, `k:{"key":"value"}` for an item of a keyed list, `v:value` for an item of a set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from antiphon_sandbox.api.schema import Schema

FieldSet = dict[str, Any]
MEMBER: FieldSet = {".": {}}
_LEAF: FieldSet = {}


def from_wire(fields: FieldSet) -> FieldSet:
    """Of a whole FieldsV1."""
    return {element: _LEAF if element == "." else _node_from_wire(node) for element, node in fields.items()}


def _node_from_wire(node: FieldSet) -> FieldSet:
    return from_wire(node) if node else MEMBER


def to_wire(fields: FieldSet) -> FieldSet:
    """As FieldsV1 writes it."""
    return {element: _LEAF if node is MEMBER or node == MEMBER else to_wire(node) for element, node in fields.items()}


def union(one: FieldSet, other: FieldSet) -> FieldSet:
    found = dict(one)
    for element, node in other.items():
        found[element] = union(found[element], node) if element in found else node
    return found


def difference(one: FieldSet, other: FieldSet) -> FieldSet:
    """What is in the one, and not in the other."""
    found: FieldSet = {}
    for element, node in one.items():
        if element not in other:
            found[element] = node
        elif element != "." and (left := difference(node, other[element])):
            found[element] = left
    return found


def intersection(one: FieldSet, other: FieldSet) -> FieldSet:
    found: FieldSet = {}
    for element, node in one.items():
        if element == "." and element in other:
            found[element] = {}
        elif element in other and (both := intersection(node, other[element])):
            found[element] = both
    return found


def paths(fields: FieldSet, prefix: str = "") -> Iterator[str]:
    """The members, as conflicts name them: `.spec.containers[name="c"].image`; at each level they come first."""
    below = sorted((element, node) for element, node in fields.items() if element != ".")
    yield from (prefix + _step(element) for element, node in below if "." in node)
    for element, node in below:
        yield from paths(node, prefix + _step(element))


def _step(element: str) -> str:
    kind, text = element[0], element[2:]
    if kind == "f":
        return f".{text}"
    if kind == "v":
        return f"[={text}]"
    keys = json.loads(text)
    return f"[{','.join(f'{key}={json.dumps(value)}' for key, value in keys.items())}]"


def is_keyed(schema: Schema | None) -> bool:
    """The list's items are fields of their own."""
    return schema is not None and schema.list_type in ("map", "set")


def element_of(schema: Schema, item: Any) -> str:
    """The path element of a list's item."""
    if schema.list_type == "map" and isinstance(item, dict):
        keys = {key: item.get(key, schema.keys_with_default.get(key)) for key in sorted(schema.keys)}
        present = {key: value for key, value in keys.items() if value is not None}
        return "k:" + json.dumps(present, separators=(",", ":"), ensure_ascii=False)
    return "v:" + json.dumps(item, separators=(",", ":"), ensure_ascii=False)


def declared(schema: Schema | None, value: Any) -> FieldSet:
    """The fields that somebody who applies this value lays claim to."""
    if isinstance(value, dict) and value and not (schema and schema.atomic):
        return {f"f:{name}": _declared_field(schema, name, below) for name, below in value.items() if below != []}
    if isinstance(value, list) and schema is not None and is_keyed(schema):
        return {element_of(schema, item): {**declared(schema.items, item), ".": {}} for item in value}
    return MEMBER


def _declared_field(schema: Schema | None, name: str, value: Any) -> FieldSet:
    part = schema.child(name) if schema else None
    found = declared(part, value)
    is_map_entry = schema is None or name not in schema.properties
    return {**found, ".": {}} if is_map_entry else found


def everything(schema: Schema | None, value: Any) -> FieldSet:
    """All fields of a value that was not there before, the maps and lists on the way included."""
    if isinstance(value, dict) and not (schema and schema.atomic):
        found: FieldSet = {".": {}}
        for name, below in value.items():
            found[f"f:{name}"] = _all_below(schema, name, below) if type(below) in (dict, list) else MEMBER
        return found
    if isinstance(value, list) and schema is not None and is_keyed(schema):
        return {".": {}, **{element_of(schema, item): everything(schema.items, item) for item in value}}
    return MEMBER


def _all_below(schema: Schema | None, name: str, value: Any) -> FieldSet:
    if schema is None:
        return everything(None, value)
    if not schema.is_default(name, value):
        return everything(schema.child(name), value)
    found: FieldSet | None = schema.default_fields.get(name)
    if found is None:
        found = schema.default_fields[name] = everything(schema.child(name), value)
    return found


def compare(schema: Schema | None, old: Any, new: Any) -> tuple[FieldSet, FieldSet]:
    """The fields that changed or came, and those that went."""
    if old is new or (old == new and type(old) is type(new)):
        return {}, {}
    old, new = _as_filled(old, new), _as_filled(new, old)
    if isinstance(old, dict) and isinstance(new, dict) and (old or new) and not (schema and schema.atomic):
        return _compare_fields(schema, old, new)
    if isinstance(old, list) and isinstance(new, list) and schema is not None and is_keyed(schema):
        return _compare_items(schema, old, new)
    return MEMBER, {}


def _as_filled(value: Any, other: Any) -> Any:
    """Beside a map or list that is not empty, null is an empty one."""
    return type(other)() if value is None and other and isinstance(other, (dict, list)) else value


def _compare_fields(schema: Schema | None, old: dict[str, Any], new: dict[str, Any]) -> tuple[FieldSet, FieldSet]:
    parts = {
        name: schema.child(name) if schema else None for name in [*new, *(name for name in old if name not in new)]
    }
    return _compare_parts(
        {f"f:{name}": (part, old.get(name, _GONE), new.get(name, _GONE)) for name, part in parts.items()}
    )


def _compare_items(schema: Schema, old: list[Any], new: list[Any]) -> tuple[FieldSet, FieldSet]:
    before = {element_of(schema, item): item for item in old}
    after = {element_of(schema, item): item for item in new}
    return _compare_parts(
        {key: (schema.items, before.get(key, _GONE), after.get(key, _GONE)) for key in [*after, *before]}
    )


_GONE: Any = object()


def _compare_parts(parts: dict[str, tuple[Schema | None, Any, Any]]) -> tuple[FieldSet, FieldSet]:
    changed: FieldSet = {}
    removed: FieldSet = {}
    for element, (part, old, new) in parts.items():
        if old is _GONE:
            changed[element] = everything(part, new)
        elif new is _GONE:
            removed[element] = everything(part, old)
        else:
            came, went = compare(part, old, new)
            if came:
                changed[element] = came
            if went:
                removed[element] = went
    return changed, removed
