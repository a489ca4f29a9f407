"""What is wrong with the schema of a CustomResourceDefinition: it must be structural, and its rules must compile."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.cel import CelError, compile_cel
from antiphon_sandbox.api.schema import Schema
from antiphon_sandbox.api.schema_checks import quoted
from antiphon_sandbox.api.schema_validation import validate

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_LIST_TYPES = ("atomic", "set", "map")
_MAP_TYPES = ("atomic", "granular")
_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_JUNCTORS = ("allOf", "anyOf", "oneOf")
_NOT_IN_JUNCTORS = ("type", "default", "additionalProperties", "nullable", "description", "title")


def schema_causes(raw: Mapping[str, Any], path: str) -> Iterator[Cause]:
    """Of the whole schema."""
    if not raw.get("type"):
        yield required(f"{path}.type", "must not be empty at the root")
    elif raw["type"] != "object":
        yield invalid(f"{path}.type", raw["type"], "must be object at the root")
    else:
        yield from _causes(raw, path)


def _causes(raw: Mapping[str, Any], path: str) -> Iterator[Cause]:
    yield from _type_causes(raw, path)
    yield from _list_causes(raw, path)
    yield from _map_causes(raw, path)
    yield from _junctor_causes(raw, path)
    if raw.get("default") is not None:
        yield from _default_causes(raw, f"{path}.default")
    for index, rule in enumerate(raw.get("x-kubernetes-validations") or ()):
        yield from _rule_causes(raw, rule, f"{path}.x-kubernetes-validations[{index}]")
    for name, part in (raw.get("properties") or {}).items():
        yield from _part_causes(part, f"{path}.properties[{name}]", "specified object fields")
    if isinstance(raw.get("items"), Mapping):
        yield from _part_causes(raw["items"], f"{path}.items", "specified array items")
    if isinstance(raw.get("additionalProperties"), Mapping):
        yield from _part_causes(raw["additionalProperties"], f"{path}.additionalProperties", "specified object fields")


def _part_causes(raw: Mapping[str, Any], path: str, what: str) -> Iterator[Cause]:
    if not any(
        raw.get(name) for name in ("type", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields")
    ):
        yield required(f"{path}.type", f"must not be empty for {what}")
    yield from _causes(raw, path)


def _type_causes(raw: Mapping[str, Any], path: str) -> Iterator[Cause]:
    if raw.get("type") and raw["type"] not in _TYPES:
        yield unsupported(f"{path}.type", raw["type"], _TYPES)
    if raw.get("$ref"):
        yield _forbidden(f"{path}.$ref", "$ref is not supported")
    if raw.get("uniqueItems"):
        why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield _forbidden(f"{path}.uniqueItems", why)
    if raw.get("x-kubernetes-preserve-unknown-fields") is False:
        yield invalid(f"{path}.x-kubernetes-preserve-unknown-fields", False, "must be true or undefined")
    if "pattern" in raw:
        yield from _pattern_causes(raw["pattern"], f"{path}.pattern")


def _pattern_causes(pattern: str, path: str) -> Iterator[Cause]:
    try:
        re.compile(pattern)
    except re.error as error:
        why = f"must be a valid regular expression, but isn't: error parsing regexp: {error}"
        yield invalid(path, pattern, why)


def _list_causes(raw: Mapping[str, Any], path: str) -> Iterator[Cause]:
    items, kind = raw.get("items"), raw.get("x-kubernetes-list-type")
    if isinstance(items, list):
        yield _forbidden(f"{path}.items", "items must be a schema object and not an array")
        return
    if raw.get("type") == "array" and not isinstance(items, Mapping):
        yield required(f"{path}.items", "must be specified")
        return
    if kind is not None and kind not in _LIST_TYPES:
        yield unsupported(f"{path}.x-kubernetes-list-type", kind, _LIST_TYPES)
    elif kind == "map" and isinstance(items, Mapping):
        yield from _key_causes(raw, items, path)
    elif kind == "set" and isinstance(items, Mapping):
        yield from _set_causes(items, f"{path}.items.x-kubernetes-map-type")


def _set_causes(items: Mapping[str, Any], path: str) -> Iterator[Cause]:
    kind = items.get("x-kubernetes-map-type")
    if items.get("type") == "object" and kind != "atomic":
        yield invalid(path, kind, "must be atomic as item of a list with x-kubernetes-list-type=set")


def _key_causes(raw: Mapping[str, Any], items: Mapping[str, Any], path: str) -> Iterator[Cause]:
    keys = raw.get("x-kubernetes-list-map-keys") or []
    names = items.get("properties") or {}
    if not keys:
        yield required(f"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map")
    if any(key not in names for key in keys):
        yield invalid(f"{path}.x-kubernetes-list-map-keys", keys, "entries must all be names of item properties")
    for key in keys:
        if key in names and "default" not in names[key] and key not in (items.get("required") or ()):
            why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            yield required(f"{path}.items.properties[{key}].default", why)


def _map_causes(raw: Mapping[str, Any], path: str) -> Iterator[Cause]:
    if raw.get("properties") and raw.get("additionalProperties"):
        yield _forbidden(f"{path}.additionalProperties", "additionalProperties and properties are mutual exclusive")
    kind = raw.get("x-kubernetes-map-type")
    if kind is not None and kind not in _MAP_TYPES:
        yield unsupported(f"{path}.x-kubernetes-map-type", kind, _MAP_TYPES)
    is_open = raw.get("properties") or raw.get("x-kubernetes-preserve-unknown-fields")
    if raw.get("x-kubernetes-embedded-resource") and not is_open:
        why = "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields"
        yield required(f"{path}.properties", why)


def _junctor_causes(raw: Mapping[str, Any], path: str) -> Iterator[Cause]:
    """What stands in allOf, anyOf, oneOf or not may bound values, not say what there is."""
    parts = [(f"{path}.{name}[{index}]", part) for name in _JUNCTORS for index, part in enumerate(raw.get(name) or ())]
    if "not" in raw:
        parts.append((f"{path}.not", raw["not"]))
    for at, part in parts:
        yield from _bounding_causes(part, at, raw.get("x-kubernetes-int-or-string"))


def _bounding_causes(part: Mapping[str, Any], path: str, of_int_or_string: Any) -> Iterator[Cause]:
    for name in _NOT_IN_JUNCTORS:
        if part.get(name) and not (name == "type" and of_int_or_string):
            yield _forbidden(f"{path}.{name}", "must be empty to be structural")
    for name, below in (part.get("properties") or {}).items():
        yield from _bounding_causes(below, f"{path}.properties[{name}]", None)
    if isinstance(part.get("items"), Mapping):
        yield from _bounding_causes(part["items"], f"{path}.items", None)


def _default_causes(raw: Mapping[str, Any], path: str) -> Iterator[Cause]:
    for cause in validate(Schema({**raw, "x-kubernetes-validations": []}), raw["default"]):
        field = f"{path}.{cause.field}" if cause.field and cause.field != "<nil>" else path
        yield Cause(cause.reason, cause.message, field)


def _rule_causes(raw: Mapping[str, Any], rule: Mapping[str, Any], path: str) -> Iterator[Cause]:
    if not str(rule.get("rule") or "").strip():
        yield required(f"{path}.rule", "rule is not specified")
        return
    yield from _expression_causes(rule, "rule", "BOOL", "cel expression must evaluate to a bool", path)
    if rule.get("messageExpression"):
        why = "messageExpression must evaluate to a string"
        yield from _expression_causes(rule, "messageExpression", "STRING", why, path)
    if rule.get("reason") and rule["reason"] not in _REASONS:
        yield unsupported(f"{path}.reason", rule["reason"], _REASONS)
    if rule.get("fieldPath") and not _is_field(raw, rule["fieldPath"]):
        yield invalid(f"{path}.fieldPath", rule["fieldPath"], "must be a valid path")


def _expression_causes(rule: Mapping[str, Any], name: str, wanted: str, why: str, path: str) -> Iterator[Cause]:
    try:
        found = compile_cel(rule[name]).type_name
    except CelError as error:
        why = f"compilation failed: {error}"
        found = ""
    if found not in (wanted, "DYN"):
        yield Cause("FieldValueInvalid", f"Invalid value: {_shown(rule)}: {why}", f"{path}.{name}")


def _shown(rule: Mapping[str, Any]) -> str:
    """As Go shows its structure."""
    return quoted(
        {
            "Rule": rule["rule"],
            "Message": rule.get("message", ""),
            "MessageExpression": rule.get("messageExpression", ""),
            "Reason": rule.get("reason"),
            "FieldPath": rule.get("fieldPath", ""),
            "OptionalOldSelf": rule.get("optionalOldSelf"),
        }
    )


def _is_field(raw: Mapping[str, Any], path: str) -> bool:
    """A path of fields below a schema: `.a.b` or `.a['b']`."""
    if not re.fullmatch(r"(\.[A-Za-z_][\w-]*|\['[^']+'\])+", path):
        return False
    found: Any = raw
    for dotted, quoted_name in re.findall(r"\.([A-Za-z_][\w-]*)|\['([^']+)'\]", path):
        found = (found.get("properties") or {}).get(dotted or quoted_name) or found.get("additionalProperties")
        if not isinstance(found, Mapping):
            return False
    return True


def invalid(field: str, value: Any, message: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {quoted(value)}: {message}", field)


def required(field: str, why: str = "") -> Cause:
    return Cause("FieldValueRequired", f"Required value: {why}" if why else "Required value", field)


def unsupported(field: str, value: Any, known: tuple[str, ...]) -> Cause:
    listed = ", ".join(f'"{name}"' for name in known)
    return Cause("FieldValueNotSupported", f'Unsupported value: "{value}": supported values: {listed}', field)


def _forbidden(field: str, why: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)
