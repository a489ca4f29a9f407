"""From a path to what is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_sandbox.api.errors import PageNotFoundError, not_found, not_served
from antiphon_sandbox.api.resources import Registry, Resource


@dataclass(frozen=True, slots=True)
class Target:
    """A collection, an object in it, or an object's subresource."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def target_of(registry: Registry, parts: list[str]) -> Target:
    """`parts` are the path's: /api/VERSION/... or /apis/GROUP/VERSION/..., with a plural in it."""
    core = parts[0] == "api"
    group, version, *rest = ["", *parts[1:]] if core else parts[1:]
    if not registry.of_version(group, version):
        raise PageNotFoundError
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and not (core and _is_of_namespace(rest)):
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource, *more = [*rest, "", ""]
    resource = _resource(registry, group, version, plural)
    misplaced = bool(namespace) != resource.namespaced and bool(namespace or name)
    if any(more) or misplaced:
        raise PageNotFoundError if resource.custom else not_served()
    if subresource and subresource not in resource.subresources:
        raise not_found(resource, name) if resource.custom else not_served()
    return Target(resource, namespace, name, subresource)


def _resource(registry: Registry, group: str, version: str, plural: str) -> Resource:
    if any(resource.custom for resource in registry.of_version(group, version)):
        found = next((found for found in registry.of_version(group, version) if found.plural == plural), None)
        if found is None:
            raise PageNotFoundError
        return found
    return registry.find(group, version, plural)


def _is_of_namespace(rest: list[str]) -> bool:
    """/api/v1/namespaces/NAME/status is about the namespace, not in it."""
    return len(rest) == 3 and rest[2] in ("status", "finalize")
