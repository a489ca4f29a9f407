"""OpenAPI v3, from which kubectl explains fields and finds out what a server can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from antiphon_sandbox.api.crds import OBJECT_META
from antiphon_sandbox.api.errors import PageNotFoundError
from antiphon_sandbox.api.resources import Registry, Resource
from antiphon_sandbox.objects import Obj
from antiphon_sandbox.upstream.definitions import REF_PREFIX, described, name_of_kind

_VERSION_WORDS = "APIVersion defines the versioned schema of this representation of an object."
_KIND_WORDS = "Kind is a string value representing the REST resource this object represents."
_PARAMETERS = [
    {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    for name in ("dryRun", "fieldManager", "fieldValidation", "pretty")
]
_MEDIA = ("application/json", "application/yaml")
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


_INFO = {"title": "Kubernetes (Antiphon sandbox)", "version": "v1.36"}
_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


def old_document(as_protobuf: bool) -> tuple[bytes, str]:
    """OpenAPI v2, of which kubectl wants no more than that it is there: without definitions. Body and media type."""
    if not as_protobuf:
        return orjson.dumps({"swagger": "2.0", "info": _INFO, "paths": {}, "definitions": {}}), "application/json"
    info = b"".join(_text(number, value) for number, value in enumerate(_INFO.values(), start=1))
    return _text(1, "2.0") + b"\x12" + bytes([len(info)]) + info, _PROTOBUF


def _text(number: int, value: str) -> bytes:
    """A text field of a protobuf message; short ones only."""
    return bytes([number << 3 | 2, len(value)]) + value.encode()


def index(registry: Registry) -> Obj:
    """A client need not ask again for what has the same hash."""
    paths = {
        _path(group, version): {
            "serverRelativeURL": f"/openapi/v3/{_path(group, version)}?hash={registry.generation:X}"
        }
        for group, versions in registry.groups().items()
        for version in versions
    }
    return {"paths": paths}


def _path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def document(registry: Registry, path: str) -> Obj:
    """Of one group and version."""
    for group, versions in registry.groups().items():
        for version in versions:
            if _path(group, version) == path:
                return _document(registry.of_version(group, version), f"/{path}")
    raise PageNotFoundError


def _document(resources: list[Resource], base: str) -> Obj:
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for resource in resources:
        name = _schema_name(resource)
        schemas[name] = _custom_schema(resource) if resource.custom else _with_kind(resource, described(name))
        paths.update(_paths(resource, base, name))
    for name in _referred(schemas):
        schemas[name] = described(name)
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": schemas}}


def _schema_name(resource: Resource) -> str:
    if not resource.custom:
        return name_of_kind(resource.group, resource.version, resource.kind)
    return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])


def _with_kind(resource: Resource, schema: Mapping[str, Any]) -> Obj:
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    return {**schema, "x-kubernetes-group-version-kind": [kind]}


def _custom_schema(resource: Resource) -> Obj:
    raw = (resource.definition.get("schema") or {}).get("openAPIV3Schema") or {"type": "object"}
    common = {
        "apiVersion": {"type": "string", "description": _VERSION_WORDS},
        "kind": {"type": "string", "description": _KIND_WORDS},
        "metadata": {"allOf": [OBJECT_META], "description": "Standard object's metadata."},
    }
    return _with_kind(resource, {**raw, "properties": {**(raw.get("properties") or {}), **common}})


def _referred(schemas: Mapping[str, Any]) -> list[str]:
    """All definitions that are referred to, directly or not."""
    found: dict[str, None] = {}
    waiting = [name for schema in schemas.values() for name in _references(schema)]
    while waiting:
        name = waiting.pop()
        if name not in found and name not in schemas:
            found[name] = None
            waiting.extend(_references(described(name)))
    return list(found)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix(REF_PREFIX)
        for below in value.values():
            yield from _references(below)
    elif isinstance(value, list):
        for below in value:
            yield from _references(below)


def _paths(resource: Resource, base: str, schema: str) -> dict[str, Any]:
    collection = (
        f"{base}/namespaces/{{namespace}}/{resource.plural}" if resource.namespaced else f"{base}/{resource.plural}"
    )
    kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}

    def operation(action: str, media: tuple[str, ...] = ()) -> Obj:
        content = {name: {"schema": {"$ref": REF_PREFIX + schema}} for name in _MEDIA}
        found: Obj = {
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": kind,
            "parameters": _PARAMETERS,
            "responses": {"200": {"description": "OK", "content": content}},
        }
        return found | ({"requestBody": {"content": {name: {} for name in media}}} if media else {})

    patches = _PATCHES[:3] if resource.custom else _PATCHES
    return {
        collection: {"get": operation("list"), "post": operation("post", _MEDIA)},
        collection + "/{name}": {
            "get": operation("get"),
            "put": operation("put", _MEDIA),
            "patch": operation("patch", patches),
            "delete": operation("delete"),
        },
    }
