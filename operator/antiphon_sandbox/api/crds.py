"""CustomResourceDefinitions: what is wrong with one, and the resources that a right one adds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from antiphon_sandbox.api.resources import Column, Resource, ScalePaths
from antiphon_sandbox.api.rules import Rules
from antiphon_sandbox.api.schema import Raw, Schema
from antiphon_sandbox.objects import Obj, with_condition
from antiphon_sandbox.upstream.definitions import REF_PREFIX, resolve

OBJECT_META: Raw = {"$ref": f"{REF_PREFIX}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
_BARE: Raw = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def resources_of(crd: Obj) -> list[Resource]:
    """One for each version that is served; the stored one even if it is not."""
    return [
        _resource(crd, version)
        for version in crd["spec"]["versions"]
        if version.get("served") or version.get("storage")
    ]


def _resource(crd: Obj, version: Mapping[str, Any]) -> Resource:
    spec, names = crd["spec"], crd["spec"]["names"]
    subresources = version.get("subresources") or {}
    return Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        kind=names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        schema=custom_schema((version.get("schema") or {}).get("openAPIV3Schema") or _BARE),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=frozenset(name for name in ("status", "scale") if name in subresources),
        columns=tuple(map(_column, version.get("additionalPrinterColumns") or ())),
        scale=_scale_paths(subresources["scale"]) if "scale" in subresources else None,
        custom=True,
        storage=bool(version.get("storage")),
        definition=version,
    )


def custom_schema(raw: Raw) -> Schema:
    """The schema with what every object has beside it."""
    text = {"type": "string"}
    common = {"apiVersion": text, "kind": text, "metadata": OBJECT_META}
    return Schema({**_with_embedded(raw), "properties": {**_parts_of(raw), **common}}, resolve)


def _parts_of(raw: Raw) -> dict[str, Raw]:
    return {name: _with_embedded(part) for name, part in (raw.get("properties") or {}).items()}


def _with_embedded(raw: Raw) -> Raw:
    """The schema with what the objects within objects have."""
    found = dict(raw)
    for keyword in ("items", "additionalProperties"):
        if isinstance(raw.get(keyword), Mapping):
            found[keyword] = _with_embedded(raw[keyword])
    if "properties" in raw:
        found["properties"] = _parts_of(raw)
    if raw.get("x-kubernetes-embedded-resource"):
        text = {"type": "string"}
        common = {"apiVersion": text, "kind": text, "metadata": OBJECT_META}
        found["properties"] = {**found.get("properties", {}), **common}
        found["required"] = list(dict.fromkeys([*(raw.get("required") or ()), "apiVersion", "kind"]))
    return found


def _column(column: Mapping[str, Any]) -> Column:
    return Column(
        column["name"],
        column["type"],
        column["jsonPath"],
        column.get("description", ""),
        column.get("format", ""),
        column.get("priority", 0),
    )


def _scale_paths(scale: Mapping[str, Any]) -> ScalePaths:
    selector = scale.get("labelSelectorPath")
    return ScalePaths(
        _steps(scale["specReplicasPath"]), _steps(scale["statusReplicasPath"]), _steps(selector) if selector else None
    )


def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.strip(".").split("."))


def rules_of(resource: Resource) -> Rules:
    """Compiled; RuleError when one does not compile."""
    return Rules(resource.schema)


# --- what the server says of it ------------------------------------------------------------------------------------


def establish(crd: Obj, now: datetime) -> None:
    """Fills in the status of a definition that is served from now on."""
    status = crd.setdefault("status", {})
    conditions = status.get("conditions") or []
    accepted = {
        "type": "NamesAccepted",
        "status": "True",
        "reason": "NoConflicts",
        "message": "no conflicts found",
    }
    established = {
        "type": "Established",
        "status": "True",
        "reason": "InitialNamesAccepted",
        "message": "the initial names have been accepted",
    }
    for condition in (accepted, established):
        conditions = with_condition(conditions, condition, now)
    status["conditions"] = conditions
    status["acceptedNames"] = dict(crd["spec"]["names"])
    stored = [version["name"] for version in crd["spec"]["versions"] if version.get("storage")]
    status["storedVersions"] = list(dict.fromkeys([*(status.get("storedVersions") or []), *stored]))
