"""CustomResourceDefinitions: what is wrong with one, and the resources that a right one adds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.resources import Column, Registry, Resource, ScalePaths
from antiphon_sandbox.api.rules import RuleError, Rules
from antiphon_sandbox.api.schema import Raw, Schema
from antiphon_sandbox.api.schema_checks import quoted
from antiphon_sandbox.objects import Obj, name_of, with_condition
from antiphon_sandbox.upstream.definitions import REF_PREFIX, resolve

OBJECT_META: Raw = {"$ref": f"{REF_PREFIX}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
_BARE: Raw = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_NAME_SAYS = 'must be spec.names.plural+"."+spec.group'


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
    return Schema({**raw, "properties": {**(raw.get("properties") or {}), **common}}, resolve)


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


# --- what is wrong -------------------------------------------------------------------------------------------------


def causes(crd: Obj, registry: Registry) -> Iterator[Cause]:
    spec = crd["spec"]
    names = spec.get("names") or {}
    if name_of(crd) != f"{names.get('plural')}.{spec.get('group')}":
        yield _invalid("metadata.name", name_of(crd), _NAME_SAYS)
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        yield _invalid("spec.versions", versions, "must have exactly one version marked as storage version")
    yield from _taken_names(crd, registry)
    for index, version in enumerate(versions):
        yield from _version_causes(version, f"spec.versions[{index}]")


def _taken_names(crd: Obj, registry: Registry) -> Iterator[Cause]:
    spec = crd["spec"]
    for resource in registry:
        same_group = resource.group == spec["group"] and resource.name != name_of(crd)
        if same_group and resource.kind == spec["names"].get("kind"):
            yield _invalid("spec.names.kind", resource.kind, f"is the kind of {resource.name} already")


def _version_causes(version: Mapping[str, Any], path: str) -> Iterator[Cause]:
    raw = (version.get("schema") or {}).get("openAPIV3Schema")
    path = f"{path}.schema.openAPIV3Schema"
    if raw is None:
        yield Cause("FieldValueRequired", "Required value: schemas are required", path)
        return
    if raw.get("type") != "object":
        yield Cause("FieldValueRequired", "Required value: must be object at the root", f"{path}.type")
    found = list(_structural_causes(raw, path))
    yield from found
    if not found:
        yield from _rule_causes(raw, path)


def _structural_causes(raw: Mapping[str, Any], path: str) -> Iterator[Cause]:
    """A structural schema says the type of every field, and where its lists' items are told apart, by what."""
    typed = raw.get("type") or raw.get("x-kubernetes-int-or-string") or raw.get("x-kubernetes-preserve-unknown-fields")
    if not typed:
        yield Cause(
            "FieldValueRequired", "Required value: must not be empty for specified object fields", f"{path}.type"
        )
    if raw.get("type") == "array" and not isinstance(raw.get("items"), Mapping):
        yield Cause("FieldValueRequired", "Required value: must be specified", f"{path}.items")
    if raw.get("x-kubernetes-list-type") == "map" and not raw.get("x-kubernetes-list-map-keys"):
        message = "Required value: must not be empty if x-kubernetes-list-type is map"
        yield Cause("FieldValueRequired", message, f"{path}.x-kubernetes-list-map-keys")
    if "pattern" in raw:
        yield from _pattern_causes(raw["pattern"], f"{path}.pattern")
    for name, part in (raw.get("properties") or {}).items():
        yield from _structural_causes(part, f"{path}.properties[{name}]")
    for keyword in ("items", "additionalProperties"):
        if isinstance(raw.get(keyword), Mapping):
            yield from _structural_causes(raw[keyword], f"{path}.{keyword}")


def _pattern_causes(pattern: str, path: str) -> Iterator[Cause]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield _invalid(path, pattern, f"must be a valid regular expression, but isn't: {error}")


def _rule_causes(raw: Mapping[str, Any], path: str) -> Iterator[Cause]:
    try:
        Rules(custom_schema(raw))
    except RuleError as error:
        at = path + "".join(f".properties[{step}]" for step in error.path.split(".") if step)
        yield _invalid(f"{at}.x-kubernetes-validations", error.rule, str(error))


def _invalid(field: str, value: Any, message: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {quoted(value)}: {message}", field)


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
