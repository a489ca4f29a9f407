"""What can be asked for: one Resource for each group, version and plural."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from antiphon_sandbox.api.errors import not_served
from antiphon_sandbox.api.schema import Schema
from antiphon_sandbox.kube import ApiError

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column of a CustomResourceDefinition."""

    name: str
    type: str
    json_path: str
    description: str = ""
    format: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where a kind keeps what the scale subresource shows."""

    spec: tuple[str, ...] = ("spec", "replicas")
    status: tuple[str, ...] = ("status", "replicas")
    selector: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One served version of a kind."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool
    schema: Schema
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    columns: tuple[Column, ...] = ()
    scale: ScalePaths | None = None
    custom: bool = False
    """Defined by a CustomResourceDefinition."""
    storage: bool = True
    """The version that objects are stored in."""
    has_generation: bool = True
    verbs: tuple[str, ...] = ALL_VERBS
    definition: Mapping[str, Any] = field(default_factory=dict)
    """The version's part of the CustomResourceDefinition."""

    @property
    def name(self) -> str:
        """As kubectl names it in full; the same for all versions."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified_kind(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def separates_status(self) -> bool:
        """The main resource leaves the status alone."""
        return "status" in self.subresources


class Registry:
    """The resources of now; CustomResourceDefinitions come and go."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._served: dict[tuple[str, str, str], Resource] = {}
        self._stored: dict[str, Resource] = {}
        self.generation = 0
        """Counts changes, for what is derived from the registry."""
        self.put(resources)

    def put(self, resources: Iterable[Resource]) -> None:
        for resource in resources:
            self._served[resource.group, resource.version, resource.plural] = resource
            if resource.storage:
                self._stored[resource.name] = resource
        self.generation += 1

    def remove(self, name: str) -> None:
        self._served = {key: resource for key, resource in self._served.items() if resource.name != name}
        self._stored.pop(name, None)
        self.generation += 1

    def find(self, group: str, version: str, plural: str) -> Resource:
        resource = self._served.get((group, version, plural))
        if resource is None:
            raise not_served()
        return resource

    def stored(self, name: str) -> Resource:
        """The storage version of a resource named as kubectl does."""
        resource = self._stored.get(name)
        if resource is None:
            raise ApiError(404, "NotFound", f"no resource {name!r} is served here")
        return resource

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        return next((found for found in self if (found.api_version, found.kind) == (api_version, kind)), None)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._served.values())

    def groups(self) -> dict[str, list[str]]:
        """Group -> versions, the preferred one first."""
        found: dict[str, list[str]] = {}
        for group, version, _ in self._served:
            versions = found.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        return {group: sorted(versions, key=_version_rank, reverse=True) for group, versions in found.items()}

    def of_version(self, group: str, version: str) -> list[Resource]:
        return [resource for resource in self if (resource.group, resource.version) == (group, version)]


def _version_rank(version: str) -> tuple[int, int, int]:
    """v2 before v1 before v1beta2 before v1alpha1."""
    match = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if match is None:
        return (0, 0, 0)
    stage = {None: 3, "beta": 2, "alpha": 1}[match[2]]
    return (stage, int(match[1]), int(match[3] or 0))
