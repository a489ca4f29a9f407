"""What is served: groups, versions, resources; in the old form and in the aggregated one that kubectl asks for first."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

from antiphon_sandbox.api.errors import PageNotFoundError
from antiphon_sandbox.api.resources import Registry, Resource
from antiphon_sandbox.objects import Obj

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_SUBRESOURCE_VERBS = {
    "binding": ["create"],
    "eviction": ["create"],
    "token": ["create"],
    "log": ["get"],
    "finalize": ["update"],
}
_SUBRESOURCE_KINDS = {
    "scale": ("autoscaling", "v1", "Scale"),
    "eviction": ("policy", "v1", "Eviction"),
    "binding": ("", "v1", "Binding"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
}
# Created to be answered, never stored.
_REVIEWS = {
    ("authorization.k8s.io", "v1"): (
        ("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
        ("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
        ("subjectaccessreviews", "SubjectAccessReview"),
    ),
    ("authentication.k8s.io", "v1"): (
        ("selfsubjectreviews", "SelfSubjectReview"),
        ("tokenreviews", "TokenReview"),
    ),
}


def review_kind(group: str, version: str, plural: str) -> str | None:
    return dict(_REVIEWS.get((group, version), ())).get(plural)


def groups(registry: Registry) -> dict[str, list[str]]:
    return {**registry.groups(), **{group: [version] for group, version in _REVIEWS}}


def group_list(registry: Registry) -> Obj:
    found = [_group(name, versions) for name, versions in groups(registry).items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def group(registry: Registry, name: str) -> Obj:
    found = groups(registry)
    if not name or name not in found:
        raise PageNotFoundError
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, found[name])}


def _group(name: str, versions: list[str]) -> Obj:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def resource_list(registry: Registry, group: str, version: str) -> Obj:
    group_version = f"{group}/{version}" if group else version
    found = [entry for resource in registry.of_version(group, version) for entry in _entries(resource)]
    found += [
        {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}
        for plural, kind in _REVIEWS.get((group, version), ())
    ]
    if not found:
        raise PageNotFoundError
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": found}


def _entries(resource: Resource) -> Iterator[Obj]:
    hashed = hashlib.sha256(f"{resource.group}/{resource.version}/{resource.kind}".encode()).digest()[:8]
    verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
    entry = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": [verb for verb in verbs if verb in resource.verbs] if resource.custom else list(resource.verbs),
    }
    entry |= {"shortNames": list(resource.short_names)} if resource.short_names else {}
    entry |= {"categories": list(resource.categories)} if resource.categories else {}
    yield entry | {"storageVersionHash": base64.b64encode(hashed).decode()}
    for name in sorted(resource.subresources, key=lambda name: (name != "status", name != "scale", name)):
        group, version, kind = _SUBRESOURCE_KINDS.get(name, ("", "", resource.kind))
        elsewhere = ({"group": group} if group else {}) | ({"version": version} if version else {})
        yield {
            "name": f"{resource.plural}/{name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            **elsewhere,
            "kind": kind,
            "verbs": _verbs(name),
        }


def _verbs(subresource: str) -> list[str]:
    return _SUBRESOURCE_VERBS.get(subresource, ["get", "patch", "update"])


def aggregated(registry: Registry, core: bool) -> Obj:
    """Everything at once."""
    items = [
        {
            "metadata": {"name": name, "creationTimestamp": None} if name else {"creationTimestamp": None},
            "versions": [_version(registry, name, version) for version in versions],
        }
        for name, versions in groups(registry).items()
        if (name == "") == core
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _version(registry: Registry, group: str, version: str) -> Obj:
    resources = [_discovered(resource) for resource in registry.of_version(group, version)]
    resources += [
        {
            "resource": plural,
            "responseKind": {"group": group, "version": version, "kind": kind},
            "scope": "Cluster",
            "singularResource": kind.lower(),
            "verbs": ["create"],
        }
        for plural, kind in _REVIEWS.get((group, version), ())
    ]
    return {"version": version, "resources": resources, "freshness": "Current"}


def _discovered(resource: Resource) -> Obj:
    found: Obj = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    found |= {"shortNames": list(resource.short_names)} if resource.short_names else {}
    found |= {"categories": list(resource.categories)} if resource.categories else {}
    subresources = [_subresource(resource, name) for name in sorted(resource.subresources)]
    return found | ({"subresources": subresources} if subresources else {})


def _subresource(resource: Resource, name: str) -> Obj:
    group, version, kind = _SUBRESOURCE_KINDS.get(name, (resource.group, resource.version, resource.kind))
    return {
        "subresource": name,
        "responseKind": {"group": group, "version": version, "kind": kind},
        "verbs": _verbs(name),
    }
