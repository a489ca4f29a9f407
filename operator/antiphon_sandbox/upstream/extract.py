"""Takes the definitions of our kinds, and of all that they refer to, out of an API server's OpenAPI v3 documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from antiphon_sandbox.upstream.definitions import REF_PREFIX
from antiphon_sandbox.upstream.kinds import KINDS

SHARED_KINDS = frozenset({"DeleteOptions", "Status", "WatchEvent"})


@dataclass
class Extract:
    """What the three files hold."""

    schemas: dict[str, Any] = field(default_factory=dict)
    """Name -> definition without descriptions."""
    descriptions: dict[str, dict[str, str]] = field(default_factory=dict)
    """Name -> field -> description; the definition's own is under the empty field."""
    kinds: dict[str, str] = field(default_factory=dict)
    """group/version/kind -> name."""


def extract(fetch: Callable[[str], Any]) -> Extract:
    """Some kinds are bodies of core subresources only, and their group version may not be served by itself."""
    found = Extract()
    served = {path.removeprefix("apis/") for path in fetch("/openapi/v3")["paths"]}
    core = _schemas(fetch, "v1")
    for api_version, kinds in KINDS.items():
        schemas = core | (_schemas(fetch, api_version) if api_version in served else {})
        for kind in kinds:
            name = _name_of(schemas, api_version, kind)
            group, _, version = api_version.rpartition("/")
            found.kinds[f"{group}/{version}/{kind}"] = name
            _take(schemas, name, found)
    return found


def _schemas(fetch: Callable[[str], Any], api_version: str) -> dict[str, Any]:
    path = f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
    schemas: dict[str, Any] = fetch(f"/openapi/v3/{path}")["components"]["schemas"]
    return schemas


def _name_of(schemas: Mapping[str, Any], api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "version": version, "kind": kind}
    return next(name for name, raw in schemas.items() if wanted in raw.get("x-kubernetes-group-version-kind", ()))


def _take(schemas: Mapping[str, Any], name: str, found: Extract) -> None:
    waiting = [name]
    while waiting:
        name = waiting.pop()
        if name not in found.schemas:
            raw = schemas[name]
            waiting.extend(references(raw))
            found.schemas[name], found.descriptions[name] = apart(raw)


def references(raw: Any) -> Iterator[str]:
    """The names of the definitions that a schema refers to."""
    if isinstance(raw, Mapping):
        if isinstance(reference := raw.get("$ref"), str):
            yield reference.removeprefix(REF_PREFIX)
        raw = list(raw.values())
    if isinstance(raw, list):
        for part in raw:
            yield from references(part)


def apart(raw: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A definition without its own and its properties' descriptions, and these."""
    words = {"": raw["description"]} if "description" in raw else {}
    schema = {key: value for key, value in raw.items() if key != "description"}
    if _is_shared(schema):
        schema["x-kubernetes-group-version-kind"] = _core(schema["x-kubernetes-group-version-kind"])
    if "properties" in schema:
        properties = schema["properties"]
        words |= {name: part["description"] for name, part in properties.items() if "description" in part}
        schema["properties"] = {
            name: {key: value for key, value in part.items() if key != "description"}
            for name, part in properties.items()
        }
    return schema, words


def _is_shared(schema: Mapping[str, Any]) -> bool:
    return any(gvk["kind"] in SHARED_KINDS for gvk in schema.get("x-kubernetes-group-version-kind", ()))


def _core(gvks: list[dict[str, str]]) -> list[dict[str, str]]:
    """Of the dozens of groups that have the kind, the core one."""
    return [gvk for gvk in gvks if (gvk["group"], gvk["version"]) == ("", "v1")]


def lines_of(entries: Mapping[str, Any]) -> str:
    """JSON with one entry a line, in order of the names."""
    lines = [f"{json.dumps(name)}: {json.dumps(entries[name], ensure_ascii=False)}" for name in sorted(entries)]
    return "{\n" + ",\n".join(lines) + "\n}\n"
