"""Fields that a schema does not know are dropped, and missing ones get their defaults. Both in place."""

from __future__ import annotations

from typing import Any

from antiphon_sandbox.api.schema import META, Schema


def prune(schema: Schema, value: Any, path: str, dropped: list[str]) -> None:
    """Drops unknown fields, and writes their paths down."""
    if isinstance(value, dict):
        _prune_map(schema, value, path, dropped)
    elif isinstance(value, list) and (items := schema.items) is not None:
        for index, item in enumerate(value):
            prune(items, item, f"{path}[{index}]", dropped)


def _prune_map(schema: Schema, value: dict[str, Any], path: str, dropped: list[str]) -> None:
    embedded = schema.raw.get("x-kubernetes-embedded-resource")
    unknown = []
    for name, below in value.items():
        part = schema.child(name)
        if part is not None:
            if type(below) in (dict, list):
                prune(part, below, f"{path}.{name}" if path else name, dropped)
        elif not schema.open and not (embedded and name in META):
            unknown.append(name)
    for name in unknown:
        del value[name]
        dropped.append(f"{path}.{name}" if path else name)


def set_defaults(schema: Schema, value: Any, keep_nulls: bool = False) -> None:
    """Sets defaults of fields that are missing, or null where null is not allowed; drops such nulls without default."""
    if isinstance(value, dict):
        _default_fields(schema, value, keep_nulls)
    elif isinstance(value, list) and (items := schema.items) is not None:
        for item in value:
            set_defaults(items, item, keep_nulls)


def _default_fields(schema: Schema, value: dict[str, Any], keep_nulls: bool) -> None:
    for name, default in schema.defaults.items():
        if value.get(name) is None and (name not in value or not schema.is_nullable(name)):
            value[name] = default
    nulls = [name for name, below in value.items() if below is None and not schema.is_nullable(name)]
    for name in () if keep_nulls else nulls:
        del value[name]
    for name, below in value.items():
        part = schema.child(name) if type(below) in (dict, list) else None
        if part is not None and not schema.is_default(name, below):
            set_defaults(part, below, keep_nulls)
