"""Holds a value against a schema: types, bounds, required fields, and lists whose items must differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.schema import Schema
from antiphon_sandbox.api.schema_checks import Check, about_nothing, checks_of, quoted, type_cause

_BLOCKING = {
    "FieldValueNotSupported",
    "FieldValueRequired",
    "FieldValueTooLong",
    "FieldValueTooMany",
    "FieldValueTypeInvalid",
}


def blocks_rules(causes: list[Cause]) -> bool:
    """Rules are not asked of a value that is wrong in one of these ways."""
    return any(cause.reason in _BLOCKING for cause in causes)


def validate(schema: Schema, value: Any, path: str = "") -> list[Cause]:
    """All that is wrong, by path."""
    found = list(_validate(schema, value, path))
    return sorted(found, key=lambda cause: cause.field) if len(found) > 1 else found


def _validate(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    if value is None and schema.raw.get("nullable"):
        return
    if cause := type_cause(schema, value, path):
        yield cause
        if schema.type == "integer" and type(value) is float:
            yield about_nothing(f"Checked value must be of type integer (default format) in {path}")
        return
    for check in schema.checks if schema.checks is not None else _checks(schema):
        yield from check(value, path)
    if type(value) is dict:
        yield from _validate_map(schema, value, path)
    elif type(value) is list:
        yield from _validate_list(schema, value, path)
    if schema.has_junctors:
        yield from _validate_junctors(schema, value, path)


def _checks(schema: Schema) -> tuple[Check, ...]:
    found = schema.checks = checks_of(schema)
    return found


def _validate_map(schema: Schema, value: dict[str, Any], path: str) -> Iterator[Cause]:
    prefix = f"{path}." if path else ""
    for name in schema.required:
        if name not in value:
            yield Cause("FieldValueRequired", "Required value", prefix + name)
    for name, below in value.items():
        part = schema.child(name)
        if part is not None and not schema.is_default(name, below):
            yield from _validate(part, below, prefix + name)


def _validate_list(schema: Schema, value: list[Any], path: str) -> Iterator[Cause]:
    if (items := schema.items) is not None:
        for index, item in enumerate(value):
            yield from _validate(items, item, f"{path}[{index}]")


def _validate_junctors(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    raw = schema.raw
    yield from _validate_all_of(schema, raw.get("allOf", ()), value, path)
    if "anyOf" in raw:
        yield from _validate_any_of(schema, raw["anyOf"], value, path)
    if "oneOf" in raw:
        yield from _validate_one_of(schema, raw["oneOf"], value, path)
    if "not" in raw and _holds(schema.junctor(raw["not"]), value, path):
        yield about_nothing(f"{quoted(path)} must not validate the schema (not)")


def _validate_all_of(schema: Schema, parts: Iterable[Any], value: Any, path: str) -> Iterator[Cause]:
    found = [cause for part in parts for cause in _validate(schema.junctor(part), value, path)]
    if found:
        yield about_nothing(f"{quoted(path)} must validate all the schemas (allOf)")
        yield from found


def _validate_any_of(schema: Schema, parts: list[Any], value: Any, path: str) -> Iterator[Cause]:
    if not any(_holds(schema.junctor(part), value, path) for part in parts):
        yield about_nothing(f"{quoted(path)} must validate at least one schema (anyOf)")
        yield from _validate(schema.junctor(parts[0]), value, path)


def _validate_one_of(schema: Schema, parts: list[Any], value: Any, path: str) -> Iterator[Cause]:
    held = sum(_holds(schema.junctor(part), value, path) for part in parts)
    if held == 1:
        return
    found = f"Found {held} valid alternatives" if held else "Found none valid"
    yield about_nothing(f"{quoted(path)} must validate one and only one schema (oneOf). {found}")
    if not held:
        yield from _validate(schema.junctor(parts[0]), value, path)


def _holds(schema: Schema, value: Any, path: str) -> bool:
    return next(_validate(schema, value, path), None) is None


def duplicates(schema: Schema, value: Any, path: str = "") -> Iterator[Cause]:
    """Items that are twice in a set, or that have the key of another."""
    if not schema.has_distinct_items:
        return
    if type(value) is dict:
        for name, below in value.items():
            part = schema.child(name) if type(below) in (dict, list) else None
            if part is not None and not schema.is_default(name, below):
                yield from duplicates(part, below, f"{path}.{name}" if path else name)
    elif type(value) is list:
        if schema.list_type != "atomic":
            yield from _repeated(schema, value, path)
        if (items := schema.items) is not None:
            for index, item in enumerate(value):
                yield from duplicates(items, item, f"{path}[{index}]")


def _repeated(schema: Schema, items: list[Any], path: str) -> Iterator[Cause]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        shown = item
        if schema.list_type == "map" and type(item) is dict:
            shown = dict(zip(schema.keys, schema.key_of(item), strict=True))
        key = quoted(shown)
        if key in seen:
            yield Cause("FieldValueDuplicate", f"Duplicate value: {key}", f"{path}[{index}]")
        seen.add(key)
