"""Structural OpenAPI schemas, as CustomResourceDefinitions want them, from the contract's types."""

from __future__ import annotations

from typing import Any

from antiphon_crds.base import Contract
from antiphon_crds.rules import RULES_KEY

Schema = dict[str, Any]

_KEPT = (
    "type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern",
    "minItems", "maxItems", "maxProperties", "minProperties", "required",
    "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations",
)  # fmt: skip
_TRANSLATED = {
    "$defs", "$ref", "title", "description", "default", "const", "properties", "items", "additionalProperties",
}  # fmt: skip


def structural_schema(kind: type[Contract]) -> Schema:
    """The schema of `kind`: references inlined, nulls gone, every default written out in full."""
    json_schema = kind.model_json_schema(by_alias=True, mode="validation")
    return _structural(json_schema, json_schema.get("$defs", {}))


def _structural(node: Schema, definitions: Schema) -> Schema:
    node = resolved(node, definitions)
    if lost := set(node) - set(_KEPT) - _TRANSLATED:
        raise ValueError(f"a CRD can't say {', '.join(sorted(lost))}, which {node.get('title', node)} needs")
    schema: Schema = {}
    if description := node.get("description"):
        schema["description"] = " ".join(description.split())
    schema |= {key: node[key] for key in _KEPT if key in node}
    if float(node.get("minimum", 0)) % 1:
        schema.setdefault(RULES_KEY, []).append(_fractional_minimum(node["minimum"]))
    if "const" in node:
        schema["enum"] = [node["const"]]
    if "default" in node and node["default"] is not None:
        schema["default"] = _without_nulls(node["default"])
    if "properties" in node:
        schema["properties"] = {name: _structural(part, definitions) for name, part in node["properties"].items()}
    elif schema.get("type") == "object":
        _open_object(schema, node, definitions)
    if "items" in node:
        schema["items"] = _structural(node["items"], definitions)
        schema.setdefault("x-kubernetes-list-type", "atomic")
    return schema


def _fractional_minimum(minimum: float) -> dict[str, str]:
    """An API server compares whole numbers with the minimum's whole part, and so takes 0 for 0.01; a rule does not."""
    return {"rule": f"self >= {minimum}", "message": f"the number is too small; use {minimum:g} or more"}


def resolved(node: Schema, definitions: Schema) -> Schema:
    """Follows `$ref`, and `X | None`; what stands beside the reference (its description, its default) wins."""
    while True:
        beside = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
        if "$ref" in node:
            node = {**definitions[node["$ref"].rsplit("/", 1)[1]], **beside}
        elif "anyOf" in node:
            (only,) = [option for option in node["anyOf"] if option.get("type") != "null"]
            node = {**only, **beside}
        else:
            return node


def _open_object(schema: Schema, node: Schema, definitions: Schema) -> None:
    values = node.get("additionalProperties")
    if isinstance(values, dict) and values:
        schema["additionalProperties"] = _structural(values, definitions)
    else:
        schema["x-kubernetes-preserve-unknown-fields"] = True


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
