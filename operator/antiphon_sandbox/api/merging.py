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
    return live if applied is None and _is_granular(schema, live) else applied


def _is_granular(schema: Schema | None, live: Any) -> bool:
    """There is something in it, and it merges: nothing is laid over it."""
    if isinstance(live, dict):
        return bool(live) and not (schema and schema.atomic)
    return bool(live) and isinstance(live, list) and schema is not None and is_keyed(schema)


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


def withdraw(schema: Schema | None, value: Any, gone: FieldSet, owned: FieldSet, emptied_is_null: bool) -> Any:
    """The value without what an applier no longer has and nobody else owns.

    A map or list that is still owned, and of which nothing is left, becomes null: in custom kinds it stays so, and is
    refused where the schema allows no null, as upstream does; built-in kinds drop it.
    """
    found = _withdraw(schema, value, gone, owned)
    return found if emptied_is_null else _without_emptied(value, found)


def _withdraw(schema: Schema | None, value: Any, gone: FieldSet, owned: FieldSet) -> Any:
    if isinstance(value, dict):
        return _withdraw_fields(schema, value, gone, owned) or None
    if isinstance(value, list) and schema is not None and is_keyed(schema):
        return _withdraw_items(schema, value, gone, owned) or None
    return value


def _withdraw_fields(schema: Schema | None, value: dict[str, Any], gone: FieldSet, owned: FieldSet) -> dict[str, Any]:
    kept = {}
    for name, below in value.items():
        element = f"f:{name}"
        if element not in gone:
            kept[name] = below
        elif element in owned:
            part = schema.child(name) if schema else None
            kept[name] = _withdraw(part, below, gone[element], owned[element])
    return kept


def _withdraw_items(schema: Schema, items: list[Any], gone: FieldSet, owned: FieldSet) -> list[Any]:
    kept = []
    for item in items:
        element = element_of(schema, item)
        if element not in gone:
            kept.append(item)
        elif element in owned:
            kept.append(_withdraw(schema.items, item, gone[element], owned[element]))
    return kept


def _without_emptied(before: Any, after: Any) -> Any:
    """Without the nulls that were none before."""
    if not isinstance(after, dict) or not isinstance(before, dict):
        return after
    return {
        name: _without_emptied(before.get(name), below)
        for name, below in after.items()
        if below is not None or before.get(name) is None
    }
