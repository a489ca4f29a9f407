"""Whether what somebody applies fits its kind's schema: upstream asks that before it merges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from antiphon_sandbox.api.field_sets import is_keyed
from antiphon_sandbox.api.patches import go_map
from antiphon_sandbox.api.schema import Schema


def mistakes(schema: Schema | None, value: Any, path: str = "") -> Iterator[str]:
    """What does not fit, each with its path. Bounds, required fields and rules are asked of the merged object."""
    if schema is None or value is None or schema.raw.get("x-kubernetes-int-or-string") or "oneOf" in schema.raw:
        return
    expected = schema.raw.get("type")
    if expected == "object":
        yield from _of_map(schema, value, path)
    elif expected == "array":
        yield from _of_list(schema, value, path)
    elif expected is not None and schema.raw.get("format") != "int-or-string":
        yield from _of_scalar(expected, value, path)


def _of_map(schema: Schema, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: expected map, got &{{{go_map(value)}}}"
        return
    for name, below in value.items():
        part = schema.child(name)
        if part is not None:
            yield from mistakes(part, below, f"{path}.{name}")
        elif not schema.open:
            yield f"{path}.{name}: field not declared in schema"


def _of_list(schema: Schema, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: expected list, got &{{{go_map(value)}}}"
        return
    seen: set[str] = set()
    for index, item in enumerate(value):
        if not is_keyed(schema):
            yield from mistakes(schema.items, item, f"{path}[{index}]")
        elif problem := _unkeyed(schema, item):
            yield f"{path}: element {index}: {problem}"
        else:
            key = _key(schema, item)
            if key in seen:
                yield f"{path}: duplicate entries for key {key}"
            seen.add(key)
            yield from mistakes(schema.items, item, f"{path}{key}")


def _unkeyed(schema: Schema, item: Any) -> str | None:
    if schema.list_type == "map":
        if item is None:
            return "associative list with keys may not have null elements"
        if not isinstance(item, dict):
            return "associative list with keys may not have non-map elements"
        if all(part is None for part in schema.key_of(item)):
            names = " ".join(map(json.dumps, schema.keys))
            omits = f"associative list with keys has an element that omits all key fields [{names}]"
            return f"{omits} (and doesn't have default values for any key fields)"
    elif isinstance(item, dict):
        return "associative list without keys has an element that's a map type"
    return None


def _key(schema: Schema, item: Any) -> str:
    if schema.list_type == "set":
        return f"[={json.dumps(item)}]"
    keys = sorted(zip(schema.keys, schema.key_of(item), strict=True))
    return "[" + ",".join(f"{name}={json.dumps(part)}" for name, part in keys if part is not None) + "]"


_GO_TYPES = {dict: "map[string]interface {}", list: "[]interface {}", str: "string", bool: "bool"}


def _of_scalar(expected: str, value: Any, path: str) -> Iterator[str]:
    match expected:
        case "integer" | "number" if type(value) not in (int, float):
            yield f"{path}: expected numeric (int or float), got {_GO_TYPES[type(value)]}"
        case "string" | "boolean" if not isinstance(value, str if expected == "string" else bool):
            yield f"{path}: expected {expected}, got &value.valueUnstructured{{Value:{json.dumps(value)}}}"
