"""What is wrong with a CustomResourceDefinition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.crd_schema_checks import invalid, required, schema_causes, unsupported
from antiphon_sandbox.api.names import label_1035_problem, subdomain_problem
from antiphon_sandbox.api.resources import Registry
from antiphon_sandbox.objects import Obj, name_of

_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_SIMPLE_PATH = "must be a simple json path starting with ."
_PROTECTED = ("k8s.io", "kubernetes.io")
_APPROVED = "api-approved.kubernetes.io"
_NOT_APPROVED = (
    f'protected groups must have approval annotation "{_APPROVED}", see '
    "https://github.com/kubernetes/enhancements/pull/1111"
)


def causes(crd: Obj, old: Obj | None, registry: Registry) -> Iterator[Cause]:
    """ApiError is the caller's: all that is wrong."""
    spec = crd.get("spec") or {}
    names, group = spec.get("names") or {}, spec.get("group") or ""
    if name_of(crd) != f"{names.get('plural')}.{group}":
        yield invalid("metadata.name", name_of(crd), 'must be spec.names.plural+"."+spec.group')
    yield from _group_causes(crd, group)
    if not spec.get("scope"):
        yield required("spec.scope")
    elif spec["scope"] not in ("Cluster", "Namespaced"):
        yield unsupported("spec.scope", spec["scope"], ("Cluster", "Namespaced"))
    yield from _name_causes(names)
    yield from _taken_names(crd, registry)
    if spec.get("preserveUnknownFields"):
        why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        yield invalid("spec.preserveUnknownFields", True, why)
    yield from _conversion_causes(spec.get("conversion") or {})
    yield from _versions_causes(spec.get("versions") or [])
    if old is not None:
        yield from _changes(spec, old["spec"])


def _group_causes(crd: Obj, group: str) -> Iterator[Cause]:
    if not group:
        yield required("spec.group")
    elif problem := subdomain_problem(group):
        yield invalid("spec.group", group, problem)
    elif "." not in group:
        yield invalid("spec.group", group, "should be a domain with at least one dot")
    protected = any(group == end or group.endswith(f".{end}") for end in _PROTECTED)
    if protected and _APPROVED not in (crd["metadata"].get("annotations") or {}):
        yield required(f"metadata.annotations[{_APPROVED}]", _NOT_APPROVED)


def _name_causes(names: Mapping[str, Any]) -> Iterator[Cause]:
    kind = names.get("kind") or ""
    found = {
        "plural": names.get("plural"),
        "singular": names.get("singular") or kind.lower(),
        "kind": kind,
        "listKind": names.get("listKind") or (f"{kind}List" if kind else ""),
    }
    for field, name in found.items():
        if not name:
            yield required(f"spec.names.{field}")
        elif problem := label_1035_problem(name.lower() if "ind" in field else name):
            mixed = "may have mixed case, but should otherwise match: " if "ind" in field else ""
            yield invalid(f"spec.names.{field}", name, mixed + problem)
    if kind and found["listKind"] == kind:
        yield invalid("spec.names.listKind", kind, "kind and listKind may not be the same")
    for field in ("shortNames", "categories"):
        for index, name in enumerate(names.get(field) or ()):
            if problem := label_1035_problem(name):
                yield invalid(f"spec.names.{field}[{index}]", name, problem)


def _taken_names(crd: Obj, registry: Registry) -> Iterator[Cause]:
    """Upstream takes such a definition and does not serve it; here it is refused at once."""
    spec = crd.get("spec") or {}
    for resource in registry:
        same_group = resource.group == spec.get("group") and resource.name != name_of(crd)
        if same_group and resource.kind == (spec.get("names") or {}).get("kind"):
            yield invalid("spec.names.kind", resource.kind, f"is the kind of {resource.name} already")


def _conversion_causes(conversion: Mapping[str, Any]) -> Iterator[Cause]:
    strategy = conversion.get("strategy") or "None"
    if strategy not in ("None", "Webhook"):
        yield unsupported("spec.conversion.strategy", strategy, ("None", "Webhook"))
    elif strategy == "Webhook":
        why = "is Webhook: the sandbox calls no webhooks"
        yield invalid("spec.conversion.strategy", strategy, why)


def _versions_causes(versions: list[Mapping[str, Any]]) -> Iterator[Cause]:
    if sum(bool(version.get("storage")) for version in versions) != 1:
        shown = [version.get("name") for version in versions]
        yield invalid("spec.versions", shown, "must have exactly one version marked as storage version")
    if len({version.get("name") for version in versions}) != len(versions):
        yield invalid(
            "spec.versions", [version.get("name") for version in versions], "must contain unique version names"
        )
    for index, version in enumerate(versions):
        # What all versions have in common stands in other places upstream, and its causes say so.
        path = "spec" if len(versions) == 1 else f"spec.versions[{index}]"
        schema = "spec.validation" if len(versions) == 1 else f"{path}.schema"
        if problem := label_1035_problem(version.get("name") or ""):
            yield invalid(f"spec.versions[{index}].name", version.get("name"), problem)
        yield from _version_causes(version, path, f"{schema}.openAPIV3Schema", index)


def _version_causes(version: Mapping[str, Any], path: str, schema_path: str, index: int) -> Iterator[Cause]:
    raw = (version.get("schema") or {}).get("openAPIV3Schema")
    if raw is None:
        yield required(f"spec.versions[{index}].schema.openAPIV3Schema")
    else:
        yield from schema_causes(raw, schema_path)
        yield from _selectable_causes(version, raw, path)
    yield from _scale_causes((version.get("subresources") or {}).get("scale"), f"{path}.subresources.scale")
    for at, column in enumerate(version.get("additionalPrinterColumns") or ()):
        yield from _column_causes(column, f"{path}.additionalPrinterColumns[{at}]")


def _scale_causes(scale: Mapping[str, Any] | None, path: str) -> Iterator[Cause]:
    if scale is None:
        return
    for name, start in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        given = scale.get(name)
        if not given:
            yield required(f"{path}.{name}")
        elif not _is_simple(given):
            yield invalid(f"{path}.{name}", given, _SIMPLE_PATH)
        elif not given.startswith(start):
            yield invalid(f"{path}.{name}", given, f"should be a json path under {start[:-1]}")
    selector = scale.get("labelSelectorPath")
    if selector and not _is_simple(selector):
        yield invalid(f"{path}.labelSelectorPath", selector, _SIMPLE_PATH)


def _column_causes(column: Mapping[str, Any], path: str) -> Iterator[Cause]:
    if not column.get("name"):
        yield required(f"{path}.name")
    if not column.get("type"):
        yield required(f"{path}.type", f"must be one of {','.join(_COLUMN_TYPES)}")
    elif column["type"] not in _COLUMN_TYPES:
        yield invalid(f"{path}.type", column["type"], f"must be one of {','.join(_COLUMN_TYPES)}")
    if not column.get("jsonPath"):
        yield required(f"{path}.JSONPath")
    elif not column["jsonPath"].startswith("."):
        yield invalid(f"{path}.JSONPath", column["jsonPath"], _SIMPLE_PATH)


def _selectable_causes(version: Mapping[str, Any], raw: Mapping[str, Any], path: str) -> Iterator[Cause]:
    for index, field in enumerate(version.get("selectableFields") or ()):
        found: Any = raw
        for step in filter(None, str(field.get("jsonPath") or "").split(".")):
            found = (found.get("properties") or {}).get(step) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping) or found is raw:
            why = "is an invalid path: does not refer to a valid field"
            yield invalid(f"{path}.selectableFields[{index}].jsonPath", field.get("jsonPath"), why)


def _is_simple(path: str) -> bool:
    return re.fullmatch(r"(\.[A-Za-z_][\w-]*)+", path) is not None


def _changes(spec: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[Cause]:
    """What stays as it is once it is established."""
    for field, new, before in (
        ("spec.group", spec.get("group"), old["group"]),
        ("spec.scope", spec.get("scope"), old["scope"]),
        ("spec.names.plural", (spec.get("names") or {}).get("plural"), old["names"]["plural"]),
        ("spec.names.kind", (spec.get("names") or {}).get("kind"), old["names"]["kind"]),
    ):
        if new != before:
            yield invalid(field, new, "field is immutable")
