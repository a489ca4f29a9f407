"""JSON patch (RFC 6902), merge patch (RFC 7386) and strategic merge patch. None of them changes what it is given."""

from __future__ import annotations

import copy
import json
from collections import deque
from typing import Any

import jsonpatch

from antiphon_sandbox.api.errors import bad_request, rejected
from antiphon_sandbox.api.schema import Schema
from antiphon_sandbox.kube import ApiError

_ORDER = "$setElementOrder/"
_FROM_PRIMITIVES = "$deleteFromPrimitiveList/"
_RETAIN = "$retainKeys"
_DIRECTIVE = "$patch"
_OPERATIONS = frozenset({"add", "remove", "replace", "move", "copy", "test"})


def json_patch(target: Any, patch: Any) -> Any:
    """ApiError 400 when it is no patch, 422 when an operation cannot be done."""
    _check_operations(patch)
    patched = copy.deepcopy(target)
    for operation in patch:
        try:
            patched = jsonpatch.apply_patch(patched, [operation], in_place=True)
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError) as error:
            if not _is_test_for_nothing(operation):
                raise rejected() from error
    return patched


def _check_operations(patch: Any) -> None:
    wrong = "error decoding patch: json: cannot unmarshal {} into Go value of type {}handlers.jsonPatchOp"
    if not isinstance(patch, list):
        raise bad_request(wrong.format(_json_type(patch), "[]"))
    for operation in patch:
        if not isinstance(operation, dict):
            raise bad_request(wrong.format(_json_type(operation), ""))
        shown = f"invalid operation {json.dumps(operation, separators=(',', ':'))}"
        kind = operation.get("op")
        if kind not in _OPERATIONS:
            raise bad_request(f"{shown}: unsupported operation")
        if kind in ("add", "replace") and "value" not in operation:
            raise bad_request(f"{shown}: failed to decode 'value': operation, missing value field: missing value")


def _is_test_for_nothing(operation: dict[str, Any]) -> bool:
    """What is not there is null."""
    return operation.get("op") == "test" and operation.get("value") is None


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return {dict: "object", list: "array", str: "string", int: "number", float: "number"}.get(type(value), "null")


def is_no_map(patch: Any) -> ApiError:
    """Of merge patches."""
    words = f"json: cannot unmarshal {_json_type(patch)} into Go value of type map[string]interface {{}}"
    return bad_request(f"error decoding patch: {words}")


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
            field = name.removeprefix(_ORDER)
            _reorder(schema, merged, target.get(field) if isinstance(target, dict) else None, field, order)
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
    key = schema.merge_key
    if key is None:
        return _ordered(target + [item for item in patch if item not in target], patch, target, key)
    _check_items(patch, key)
    kept = [item for item in patch if item.get(_DIRECTIVE) != "replace"]
    if len(kept) != len(patch):
        return kept
    deleted = [item[key] for item in patch if item.get(_DIRECTIVE) == "delete"]
    merged = [item for item in target if item.get(key) not in deleted]
    wanted = [item for item in patch if item.get(_DIRECTIVE) != "delete"]
    for item in wanted:
        at = _index(merged, item, key)
        if at is None:
            merged.append(strategic_merge_patch(schema.items, {}, item))
        else:
            merged[at] = strategic_merge_patch(schema.items, merged[at], item)
    return _ordered(merged, wanted, target, key)


def _ordered(items: list[Any], order: list[Any], before: list[Any], key: str | None) -> list[Any]:
    """What the order names comes in that order; the rest keeps its place in front of what it stood in front of."""
    named = [item for item in items if _index(order, item, key) is not None]
    named.sort(key=lambda item: _index(order, item, key) or 0)
    others = deque(item for item in items if _index(order, item, key) is None)
    found = []
    for item in named:
        place = _index(before, item, key)
        while others and place is not None and _stood_before(others[0], place, before, key):
            found.append(others.popleft())
        found.append(item)
    return [*found, *others]


def _stood_before(item: Any, place: int, before: list[Any], key: str | None) -> bool:
    at = _index(before, item, key)
    return at is not None and at < place


def _index(items: list[Any], wanted: Any, key: str | None) -> int | None:
    """Where the item with the key of the wanted one is."""

    def key_of(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    return next((at for at, item in enumerate(items) if key_of(item) == key_of(wanted)), None)


def _check_items(patch: list[Any], key: str) -> None:
    for item in patch:
        directive = item.get(_DIRECTIVE) if isinstance(item, dict) else None
        if directive not in (None, "replace", "delete", "merge"):
            raise ApiError(500, "", f"unknown patch type: {directive} in map: {go_map(item)}")
        if not isinstance(item, dict) or (key not in item and directive != "replace"):
            raise ApiError(500, "", f"map: {go_map(item)} does not contain declared merge key: {key}")


def go_map(value: Any) -> str:
    """As Go prints it."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{name}:{go_map(value[name])}" for name in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(go_map, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else str(value)


def _reorder(schema: Schema | None, merged: dict[str, Any], before: Any, name: str, order: list[Any]) -> None:
    items = merged.get(name)
    if isinstance(items, list):
        part = schema.child(name) if schema else None
        merged[name] = _ordered(items, order, before or [], part.merge_key if part else None)
