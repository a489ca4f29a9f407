"""Merging what is applied into what there is, and taking out what is no longer applied by anybody."""

from __future__ import annotations

from typing import Any

from antiphon_sandbox.api.field_sets import FieldSet, element_of, is_keyed
from antiphon_sandbox.api.schema import Schema


def merge(schema: Schema | None, live: Any, applied: Any) -> Any:
    """The live value with the applied one laid over it, as lists and maps merge by the schema."""
    if isinstance(live, dict) and isinstance(applied, dict) and not (schema and schema.atomic):
        merged = dict(live)
        for name, value in applied.items():
            part = schema.child(name) if schema else None
            merged[name] = merge(part, live[name], value) if name in live else value
        return merged
    if isinstance(live, list) and isinstance(applied, list) and schema is not None and is_keyed(schema):
        return _merge_items(schema, live, applied)
    return applied


def _merge_items(schema: Schema, live: list[Any], applied: list[Any]) -> list[Any]:
    """In the order of the applied ones; what only the live list has keeps its place between them."""
    ours = {element_of(schema, item): item for item in applied}
    theirs = {element_of(schema, item): item for item in live}
    merged: dict[str, Any] = {}
    waiting = iter(ours)
    for element, item in theirs.items():
        if element not in ours:
            merged[element] = item
            continue
        while element not in merged:
            following = next(waiting)
            merged[following] = _merged_item(schema, theirs.get(following), ours[following])
    for element in waiting:
        merged[element] = _merged_item(schema, theirs.get(element), ours[element])
    return list(merged.values())


def _merged_item(schema: Schema, live: Any, applied: Any) -> Any:
    return applied if live is None else merge(schema.items, live, applied)


def withdraw(schema: Schema | None, value: Any, last: FieldSet, owned: FieldSet) -> Any:
    """The value without what an applier's last set had and nobody owns now."""
    if isinstance(value, dict):
        return _withdraw_fields(schema, value, last, owned)
    if isinstance(value, list) and schema is not None and is_keyed(schema):
        return _withdraw_items(schema, value, last, owned)
    return value


def _withdraw_fields(schema: Schema | None, value: dict[str, Any], last: FieldSet, owned: FieldSet) -> dict[str, Any]:
    kept = {}
    for name, below in value.items():
        element = f"f:{name}"
        if element not in last:
            kept[name] = below
        elif element in owned:
            part = schema.child(name) if schema else None
            kept[name] = withdraw(part, below, last[element], owned[element])
    return kept


def _withdraw_items(schema: Schema, items: list[Any], last: FieldSet, owned: FieldSet) -> list[Any]:
    kept = []
    for item in items:
        element = element_of(schema, item)
        if element not in last:
            kept.append(item)
        elif element in owned:
            kept.append(withdraw(schema.items, item, last[element], owned[element]))
    return kept
