"""JSON patch (RFC 6902), merge patch (RFC 7386) and strategic merge patch. None of them changes what it is given."""

from __future__ import annotations

from typing import Any

import jsonpatch

from antiphon_sandbox.api.errors import bad_request, rejected
from antiphon_sandbox.api.schema import Schema

_ORDER = "$setElementOrder/"
_FROM_PRIMITIVES = "$deleteFromPrimitiveList/"
_RETAIN = "$retainKeys"
_DIRECTIVE = "$patch"


def json_patch(target: Any, patch: Any) -> Any:
    """ApiError 422 when an operation cannot be done."""
    if not isinstance(patch, list):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    try:
        return jsonpatch.apply_patch(target, patch)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError) as error:
        raise rejected() from error


def merge_patch(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def strategic_merge_patch(schema: Schema | None, target: Any, patch: Any) -> Any:
    """Maps and lists merge as the schema says: lists with a merge key item by item, others are replaced."""
    if not isinstance(patch, dict):
        return patch
    if patch.get(_DIRECTIVE) == "replace":
        return {name: value for name, value in patch.items() if name != _DIRECTIVE}
    if patch.get(_DIRECTIVE) == "delete":
        return {}
    merged = dict(target) if isinstance(target, dict) else {}
    if _RETAIN in patch:
        merged = {name: value for name, value in merged.items() if name in patch[_RETAIN]}
    for name, value in patch.items():
        _merge_field(schema, merged, name, value)
    for name, order in patch.items():
        if name.startswith(_ORDER):
            _reorder(schema, merged, name.removeprefix(_ORDER), order)
    return merged


def _merge_field(schema: Schema | None, merged: dict[str, Any], name: str, value: Any) -> None:
    if name.startswith(_FROM_PRIMITIVES):
        field = name.removeprefix(_FROM_PRIMITIVES)
        if field in merged:
            merged[field] = [item for item in merged[field] if item not in value]
        return
    if name.startswith("$"):
        return
    part = schema.child(name) if schema else None
    if value is None:
        merged.pop(name, None)
    elif isinstance(value, dict):
        if value.get(_DIRECTIVE) == "delete":
            merged.pop(name, None)
        else:
            merged[name] = strategic_merge_patch(part, merged.get(name), value)
    elif isinstance(value, list) and part is not None and "merge" in part.patch_strategy:
        merged[name] = _merge_list(part, merged.get(name) or [], value)
    else:
        merged[name] = value


def _merge_list(schema: Schema, target: list[Any], patch: list[Any]) -> list[Any]:
    if schema.merge_key is None:
        return target + [item for item in patch if item not in target]
    key = schema.merge_key
    kept = [item for item in patch if item.get(_DIRECTIVE) != "replace"]
    if len(kept) != len(patch):
        return kept
    deleted = {item.get(key) for item in patch if item.get(_DIRECTIVE) == "delete"}
    by_key = {item.get(key): item for item in target if item.get(key) not in deleted}
    wanted = [item for item in patch if item.get(_DIRECTIVE) != "delete"]
    merged = {item.get(key): strategic_merge_patch(schema.items, by_key.get(item.get(key)), item) for item in wanted}
    # Upstream's order: what the patch brings comes first, then what it does not name.
    return [*merged.values(), *(item for found, item in by_key.items() if found not in merged)]


def _reorder(schema: Schema | None, merged: dict[str, Any], name: str, order: list[Any]) -> None:
    """What the order names comes in that order; the rest keeps its place behind what it stood behind."""
    part = schema.child(name) if schema else None
    items = merged.get(name)
    if not isinstance(items, list):
        return
    key = part.merge_key if part else None

    def key_of(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    wanted = [key_of(item) for item in order]
    named = sorted((item for item in items if key_of(item) in wanted), key=lambda item: wanted.index(key_of(item)))
    others = [item for item in items if key_of(item) not in wanted]
    merged[name] = named + others
