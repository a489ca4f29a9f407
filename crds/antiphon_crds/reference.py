"""docs/reference.md: every field of the four kinds, of the runtime's configuration and its control API, from the types."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from antiphon_crds.base import Contract
from antiphon_crds.control import State, Tuning, TuningResult
from antiphon_crds.definitions import DEFINITIONS
from antiphon_crds.rules import RULES_KEY
from antiphon_crds.runtime_config import RuntimeConfig
from antiphon_crds.schema import Schema, resolved

_INTRODUCTION = """\
# Reference of the contract

Generated from `crds/antiphon_crds` by `scripts/do generate`. Change the types, not this file.

`*` marks a field that must be given. A null is the same as leaving the field out. Durations are written as `500ms`,
`90s`, `15m`, `1h30m`; memory as `512Mi`, `20Gi`; CPU as `500m`, `2`. A rule is held by the API server (CEL) and by
the Python types alike.
"""


def reference() -> str:
    """The whole page: each kind, followed by the types that it is the first to use."""
    kinds: list[type[Contract]] = [definition.type for definition in DEFINITIONS]
    kinds += [RuntimeConfig, Tuning, TuningResult, State]
    seen: set[str] = set()
    sections = [section for kind in kinds for section in _sections(kind, seen)]
    return "\n".join([_INTRODUCTION, *sections])


def _sections(kind: type[Contract], seen: set[str]) -> Iterator[str]:
    schema = kind.model_json_schema(by_alias=True, mode="validation")
    definitions = schema.get("$defs", {})
    if kind.__name__ not in seen:
        seen.add(kind.__name__)
        yield _section(kind.__name__, schema, definitions, "##")
    for name in _used(schema, definitions):
        if name not in seen:
            seen.add(name)
            yield _section(name, definitions[name], definitions, "###")


def _used(node: Any, definitions: Schema) -> Iterator[str]:
    """Names of the types used by `node`, depth first, each as often as it is met."""
    if isinstance(node, dict):
        if "$ref" in node:
            name = _type_name(node["$ref"])
            yield name
            yield from _used(definitions[name], definitions)
        for key, value in node.items():
            if key != "$defs":
                yield from _used(value, definitions)
    elif isinstance(node, list):
        for value in node:
            yield from _used(value, definitions)


def _section(name: str, schema: Schema, definitions: Schema, heading: str) -> str:
    lines = [f"{heading} {name}", "", " ".join(schema.get("description", "").split()), ""]
    lines += ["| field | type | default | what it says |", "|---|---|---|---|"]
    required = schema.get("required", ())
    lines += [_row(field, node, field in required, definitions) for field, node in schema["properties"].items()]
    if rules := schema.get(RULES_KEY):
        lines += ["", "Rules:", "", *(f"- `{rule['rule']}`" for rule in rules)]
    return "\n".join([*lines, ""])


def _row(name: str, node: Schema, required: bool, definitions: Schema) -> str:
    flat = resolved(node, definitions)
    default = flat.get("default")
    shown = f"`{json.dumps(default)}`" if default is not None and "properties" not in flat else ""
    text = " ".join(flat.get("description", "").split())
    return f"| `{name}`{'*' if required else ''} | {_type(node, definitions)} | {shown} | {text} |"


def _type(node: Schema, definitions: Schema) -> str:
    if "$ref" in node:
        name = _type_name(node["$ref"])
        return f"[{name}](#{name.lower()})"
    if "anyOf" in node:
        return _type(next(option for option in node["anyOf"] if option.get("type") != "null"), definitions)
    if "enum" in node or "const" in node:
        return ", ".join(f"`{json.dumps(value)}`" for value in node.get("enum", [node.get("const")]))
    if node.get("type") == "array":
        return f"list of {_type(node['items'], definitions)}{_count(node)}"
    if isinstance(values := node.get("additionalProperties"), dict) and values:
        return f"map of {_type(values, definitions)}"
    return f"{node.get('type', 'any')}{_bounds(node)}"


def _type_name(reference: str) -> str:
    return reference.rsplit("/", 1)[1]


def _bounds(node: Schema) -> str:
    if "minimum" not in node and "maximum" not in node:
        return ""
    return f", {node.get('minimum', '')} to {node.get('maximum', '')}"


def _count(node: Schema) -> str:
    return f", {node.get('minItems', 0)} to {node['maxItems']}" if "maxItems" in node else ""
