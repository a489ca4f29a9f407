"""From what a client sent to an object of a kind: unknown fields found, types held, defaults set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from antiphon_sandbox.api import pruning
from antiphon_sandbox.api.defaults import set_field_defaults
from antiphon_sandbox.api.errors import UnfitError, bad_request
from antiphon_sandbox.api.resources import Resource
from antiphon_sandbox.api.schema import META, Schema
from antiphon_sandbox.api.schema_checks import json_type
from antiphon_sandbox.objects import Obj


@dataclass(frozen=True)
class WriteOptions:
    """What a write's query says."""

    manager: str
    subresource: str = ""
    dry_run: bool = False
    validation: Literal["Strict", "Warn", "Ignore"] = "Warn"
    """What to do about unknown fields."""
    force: bool = False
    warnings: list[str] = field(default_factory=list)
    """Told to the client in headers."""


def copied(obj: Any) -> Any:
    """A deep copy; several times faster than `copy.deepcopy` for JSON."""
    return orjson.loads(orjson.dumps(obj))


def check_object(obj: Any, kind: str) -> None:
    """ApiError 400 unless it is one."""
    if not isinstance(obj, dict):
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): body must be an object")
    if not isinstance(obj.setdefault("metadata", {}), dict | None):
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): metadata must be an object")


def check_kind(resource: Resource, obj: Any) -> None:
    """ApiError 400 unless the body says that it is what the URL says."""
    check_object(obj, resource.kind)
    kind, api_version = obj.get("kind") or resource.kind, obj.get("apiVersion") or resource.api_version
    if kind != resource.kind:
        version = api_version.rpartition("/")[2]
        into = f"({version}.{kind}) to ({resource.group.split('.')[0] or 'core'}.{resource.kind})"
        why = f"converting {into}: unknown conversion"
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {resource.kind}: {why}')
    if api_version != resource.api_version:
        why = f"does not match the expected API version ({resource.api_version})"
        raise bad_request(f"the API version in the data ({api_version}) {why}")
    if obj.get("metadata") is None:
        obj["metadata"] = {}
    elif not isinstance(obj["metadata"], dict):
        into = "Go value" if resource.custom else f"Go struct field {resource.kind}.metadata"
        found = _go_word(json_type(obj["metadata"]))
        raise _unfit(resource, f"json: cannot unmarshal {found} into {into} of type v1.ObjectMeta")


def decode(resource: Resource, obj: Obj, options: WriteOptions, keep_nulls: bool = False) -> None:
    """Makes the object what it is stored as, in place."""
    obj["apiVersion"], obj["kind"] = resource.api_version, resource.kind
    _drop_unknown(resource, obj, options)
    _drop_nulls(obj["metadata"])
    meta = resource.schema.child("metadata") if resource.custom else None
    wrong = _wrong_types(meta or resource.schema, obj["metadata"] if meta else obj, "", resource.kind)
    if found := next(wrong, None):
        raise _unfit(resource, found)
    if resource.custom:
        set_custom_defaults(resource, obj, keep_nulls)
    else:
        set_field_defaults(resource.name, obj)


def _drop_nulls(metadata: Obj) -> None:
    """As Go reads them: a null is a field left out, in a map of texts an empty text."""
    for name in [name for name, value in metadata.items() if value is None]:
        del metadata[name]
    for name in ("labels", "annotations"):
        texts = metadata.get(name)
        if isinstance(texts, dict) and None in texts.values():
            metadata[name] = {key: "" if text is None else text for key, text in texts.items()}


def set_custom_defaults(resource: Resource, obj: Obj, keep_nulls: bool = False) -> None:
    for name, part in resource.schema.defaults.items():
        if obj.get(name) is None:
            obj[name] = part
    for name, below in obj.items():
        part = resource.schema.child(name) if name not in META else None
        if part is not None and type(below) in (dict, list):
            pruning.set_defaults(part, below, keep_nulls)
    if keep_nulls:
        return
    for name in [name for name, below in obj.items() if below is None and not resource.schema.is_nullable(name)]:
        del obj[name]


def _drop_unknown(resource: Resource, obj: Obj, options: WriteOptions) -> None:
    dropped: list[str] = []
    pruning.prune(resource.schema, obj, "", dropped)
    if not dropped or options.validation == "Ignore":
        return
    told = [f'unknown field "{path}"' for path in sorted(dropped)]
    if options.validation == "Strict":
        raise _unfit(resource, f"strict decoding error: {', '.join(told)}")
    options.warnings.extend(told)


def _unfit(resource: Resource, why: str) -> UnfitError:
    return UnfitError(resource.kind, resource.version, why)


def _go_word(json_word: str) -> str:
    return {"integer": "number", "boolean": "bool"}.get(json_word, json_word)


def _wrong_types(schema: Schema, value: Any, path: str, holder: str) -> Iterator[str]:
    """What Go's decoder would not put into the fields of a built-in kind. `holder` is Go's name of what they are in."""
    expected = schema.raw.get("type")
    if value is None or expected is None or "oneOf" in schema.raw or schema.raw.get("format") == "int-or-string":
        return
    found = json_type(value)
    if found != expected and not (expected == "number" and found == "integer"):
        yield f"json: cannot unmarshal {_go_word(found)} into Go struct field {holder}.{path} of type {_go_type(schema)}"
    elif found == "object":
        holder = schema.go_name or holder
        for name, below in value.items():
            if (part := schema.child(name)) is not None:
                at = path if name not in schema.properties else f"{path}.{name}" if path else name
                yield from _wrong_types(part, below, at, holder)
    elif found == "array" and (items := schema.items) is not None:
        for item in value:
            yield from _wrong_types(items, item, path, holder)


def _go_type(schema: Schema) -> str:
    if schema.go_name:
        return f"v1.{schema.go_name}"
    if schema.type == "array":
        return f"[]{_go_type(schema.items)}" if schema.items is not None else "[]interface {}"
    if schema.type == "object":
        return f"map[string]{_go_type(schema.values)}" if schema.values is not None else "map[string]interface {}"
    return str(_go_word(str(schema.type)) if schema.type == "boolean" else schema.raw.get("format") or schema.type)
