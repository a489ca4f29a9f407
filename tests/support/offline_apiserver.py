"""What an API server would say of an object, offline, from nothing but the committed CRDs.

Independent of the code under test: JSON Schema by `jsonschema`, CEL by Google's C++ implementation. It does what the
API server does, in its order: strict field check, nulls dropped, defaults set, schema, then rules.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from cel_expr_python import cel
from cel_expr_python.ext import ext_strings

REPOSITORY = Path(__file__).parents[2]
Schema = dict[str, Any]
_METADATA = {"type": "object", "required": ["name"], "x-kubernetes-preserve-unknown-fields": True}
_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z"


@cache
def committed_crds() -> dict[str, dict[str, Any]]:
    """Kind -> CustomResourceDefinition, as committed."""
    crds = [yaml.safe_load(path.read_text()) for path in sorted((REPOSITORY / "crds").glob("*.yaml"))]
    return {crd["spec"]["names"]["kind"]: crd for crd in crds}


def schema_of(kind: str) -> Schema:
    schema: Schema = committed_crds()[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


@dataclass(frozen=True)
class Refusal:
    """One thing that the API server would say."""

    by: str
    field: str
    message: str
    rule: str = ""


def admit(manifest: Any) -> list[Refusal]:
    """Why the object would be refused; empty when it would be taken."""
    schema = schema_of(manifest["kind"])
    found = {key: copy.deepcopy(value) for key, value in manifest.items() if key != "status"}
    refusals = list(
        _unknown_fields({**schema, "properties": {**schema["properties"], "metadata": _METADATA}}, found, "")
    )
    set_defaults(schema, found)
    if not re.match(_NAME, str(found.get("metadata", {}).get("name"))):
        refusals.append(Refusal("schema", "metadata.name", "is no DNS subdomain"))
    errors = _validator(manifest["kind"]).iter_errors(found)
    refusals += [Refusal("schema", _path(error.absolute_path), error.message) for error in errors]
    return refusals or list(_broken_rules(schema, found, ""))


def broken_rules(manifest: Any) -> set[str]:
    """The texts of the rules that the object breaks, where nothing else is wrong with it."""
    return {refusal.rule for refusal in admit(manifest) if refusal.rule}


def all_rules(schema: Schema) -> set[str]:
    """The texts of all rules in a schema."""
    found = {rule["rule"] for rule in schema.get("x-kubernetes-validations", ())}
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return found.union(*map(all_rules, inner))


def _path(steps: Any) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")


def _unknown_fields(schema: Schema, value: Any, path: str) -> Iterator[Refusal]:
    if isinstance(value, dict):
        known = schema.get("properties", {})
        values = schema.get("additionalProperties")
        for name in value:
            if name in known:
                yield from _unknown_fields(known[name], value[name], f"{path}.{name}")
            elif isinstance(values, dict):
                yield from _unknown_fields(values, value[name], f"{path}.{name}")
            elif not schema.get("x-kubernetes-preserve-unknown-fields"):
                yield Refusal("schema", f"{path}.{name}".lstrip("."), "unknown field")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown_fields(schema.get("items", {}), item, f"{path}[{index}]")


def set_defaults(schema: Schema, value: Any) -> None:
    if isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if value.get(name) is None:
                value.pop(name, None)
                if "default" in part:
                    value[name] = copy.deepcopy(part["default"])
            if name in value:
                set_defaults(part, value[name])
        if isinstance(schema.get("additionalProperties"), dict):
            for name in [name for name, item in value.items() if item is None]:
                del value[name]
    elif isinstance(value, list):
        for item in value:
            set_defaults(schema.get("items", {}), item)


# --- JSON Schema ---------------------------------------------------------------------------------------------------


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Schema) -> Iterator[jsonschema.ValidationError]:
    """As in Go: `$` is the end, not before a last newline."""
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield jsonschema.ValidationError(f"{value!r} should match {pattern}")


def _minimum(_validator: Any, minimum: float, value: Any, _schema: Schema) -> Iterator[jsonschema.ValidationError]:
    """As in the API server: a whole number is compared with the minimum's whole part."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        bound = int(minimum) if isinstance(value, int) else minimum
        if value < bound:
            yield jsonschema.ValidationError(f"{value} is less than {minimum}")


def _list_type(_validator: Any, list_type: str, value: Any, schema: Schema) -> Iterator[jsonschema.ValidationError]:
    if not isinstance(value, list) or list_type == "atomic":
        return
    keys = schema.get("x-kubernetes-list-map-keys")
    seen: list[Any] = []
    for index, item in enumerate(value):
        key = [item.get(name) for name in keys] if keys and isinstance(item, dict) else item
        if key in seen:
            yield jsonschema.ValidationError("duplicate value", path=[index])
        seen.append(key)


_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft202012Validator, {"pattern": _pattern, "minimum": _minimum, "x-kubernetes-list-type": _list_type}
)


@cache
def _validator(kind: str) -> Any:
    return _Validator(schema_of(kind))


# --- CEL -----------------------------------------------------------------------------------------------------------


@cache
def _environment() -> Any:
    find_all = cel.Overload(
        "string_find_all",
        cel.Type.List(cel.Type.STRING),
        [cel.Type.STRING, cel.Type.STRING],
        True,
        lambda text, pattern: [match[0] for match in re.finditer(pattern, text)],
    )
    return cel.NewEnv(
        variables={"self": cel.Type.DYN},
        extensions=[ext_strings.ExtStrings()],
        functions=[cel.FunctionDecl("findAll", [find_all])],
    )


@cache
def compile_cel(expression: str) -> Any:
    return _environment().compile(expression)


def evaluate_cel(expression: str, value: Any) -> Any:
    """The expression's value; an error comes back as its text."""
    return _plain(compile_cel(expression).eval(data={"self": value}).value())


def _plain(value: Any) -> Any:
    return [_plain(item.value()) for item in value] if isinstance(value, list) else value


def _typed(schema: Schema, value: Any) -> Any:
    """Numbers as the schema declares them: CEL tells 1 from 1.0."""
    if isinstance(value, dict):
        parts = schema.get("properties", {})
        return {name: _typed(parts.get(name, {}), item) for name, item in value.items()}
    if isinstance(value, list):
        return [_typed(schema.get("items", {}), item) for item in value]
    return float(value) if schema.get("type") == "number" else value


def _broken_rules(schema: Schema, value: Any, path: str) -> Iterator[Refusal]:
    for rule in schema.get("x-kubernetes-validations", ()):
        typed = _typed(schema, value)
        if evaluate_cel(rule["rule"], typed) is not True:
            message = rule.get("message") or evaluate_cel(rule["messageExpression"], typed)
            yield Refusal("rule", (path + rule.get("fieldPath", "")).lstrip("."), message, rule["rule"])
    if isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if name in value:
                yield from _broken_rules(part, value[name], f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _broken_rules(schema.get("items", {}), item, f"{path}[{index}]")
