"""The cluster as the commands see it: objects, and how they change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from antiphon_crds.definitions import Definition
from antiphon_crds.status import GROUP, VERSION
from antiphon_operator.kube.access import Access, load_access
from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.errors import GoneError, KubeError
from antiphon_operator.kube.resources import EVENTS, Resource
from antiphon_operator.kube.session import Connection
from antiphon_operator.kube.watching import Scope, watch
from antiphon_operator.names import COMMAND
from antiphon_operator.objects import Obj, name_of, namespace_of, uid_of, version_of

_WATCH_SECONDS = 300
_SILENCE_SECONDS = 330.0
"""A quiet watch is no broken one: the server ends it itself."""


class NotThereError(KubeError):
    """The cluster has no such thing; the text says what to do."""


class Cluster:
    """One cluster, for as long as a command runs."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.kube = Kube(connection, manager=COMMAND)

    @property
    def access(self) -> Access:
        return self.connection.access

    async def listing(self, resource: Resource, namespace: str = "", labels: str = "", fields: str = "") -> list[Obj]:
        """By namespace and name; of all namespaces where none is given."""
        found = await self.kube.list(resource, namespace, labels=labels, fields=fields)
        return sorted(found.items, key=lambda obj: (namespace_of(obj), name_of(obj)))

    async def named(self, resource: Resource, name: str, namespace: str = "") -> Obj:
        """NotThereError where there is none."""
        if found := await self.kube.get(resource, name, namespace):
            return found
        if not await self.kube.serves(resource):
            raise NotThereError(f"the cluster has no {resource}; `antiphon install` brings them")
        where = f" in namespace {namespace}; `antiphon get -A` lists all" if resource.namespaced else ""
        raise NotThereError(f"there is no {resource.kind} {name}{where}")

    async def events(self, namespace: str) -> list[Obj]:
        return await self.listing(EVENTS, namespace)

    async def changes(
        self, resource: Resource, namespace: str = "", labels: str = "", fields: str = ""
    ) -> AsyncIterator[Obj]:
        """The objects as they are, and then each new state; of a deleted one the last. Goes on until closed."""
        scope = Scope(resource, namespace, labels, fields)
        seen: dict[str, int] = {}
        while True:
            listing = await self.kube.list(resource, namespace, labels=labels, fields=fields)
            for obj in listing.items:
                if seen.get(uid_of(obj)) != version_of(obj):
                    seen[uid_of(obj)] = version_of(obj)
                    yield obj
            try:
                async for event in watch(self.connection, scope, listing.version, _WATCH_SECONDS, _SILENCE_SECONDS):
                    if event is not None and event.kind != "BOOKMARK":
                        seen[uid_of(event.object)] = version_of(event.object)
                        yield event.object
            except GoneError:
                continue


@asynccontextmanager
async def open_cluster(kubeconfig: Path | None = None, context: str | None = None) -> AsyncIterator[Cluster]:
    async with Connection(load_access(kubeconfig, context)) as connection:
        yield Cluster(connection)


def resource_of(definition: Definition) -> Resource:
    return Resource(GROUP, VERSION, definition.plural, definition.kind, namespaced=definition.scope == "Namespaced")
