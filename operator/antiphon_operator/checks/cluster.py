"""The cluster as the checks see it: reads, access reviews and dry runs, each made once however many ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from antiphon_operator.kube.client import Kube
from antiphon_operator.kube.errors import ForbiddenError, NotFoundError, api_error
from antiphon_operator.kube.exchange import told_as_ours, url_of
from antiphon_operator.kube.resources import VOICE_AGENTS, Resource
from antiphon_operator.kube.retries import ONCE
from antiphon_operator.kube.session import Connection
from antiphon_operator.names import NAME_LABEL
from antiphon_operator.objects import Obj, namespace_of

OPERATOR = "antiphon-operator"
_JSON = {"Content-Type": "application/json"}


class NotServedError(Exception):
    """The API server does not know the resource."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(f"the API server does not serve {resource} {resource.version}")
        self.resource = resource


@dataclass(frozen=True)
class Scope:
    """What of the cluster is looked at."""

    namespace: str | None = None
    """Whose agents. None: all."""
    operator_namespace: str = "antiphon-system"
    """Where the operator is looked for when no Deployment of it is found."""
    prometheus_url: str | None = None


@dataclass(frozen=True)
class Reply:
    """An answer of the API server."""

    body: Any
    served_at: datetime | None
    """By its Date header, which has whole seconds. None: it sent none."""
    asked_at: datetime
    """By our clock, half way between asking and the answer."""


class Cluster:
    """Asks once: what a check can't get is told, not tried again."""

    def __init__(
        self, connection: Connection, scope: Scope, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._connection = connection
        self._kube = Kube(connection, retries=ONCE)
        self.scope = scope
        self.now = now
        """Our clock."""
        self._lists: dict[tuple[str, str, str], asyncio.Task[list[Obj]]] = {}

    @property
    def origin(self) -> str:
        """Where the access was read from."""
        return self._connection.access.origin

    @property
    def default_namespace(self) -> str:
        return self.scope.namespace or self._connection.access.default_namespace

    async def ask(self, path: str, body: Obj | None = None) -> Reply:
        """GET, or with a body POST. Raises ApiError."""
        before = self.now()
        method, data = ("GET", None) if body is None else ("POST", orjson.dumps(body))
        with told_as_ours():
            async with self._connection.session.request(
                method, url_of(self._connection, path), data=data, headers=_JSON if data else None
            ) as answer:
                told = await answer.read()
                asked_at = before + (self.now() - before) / 2
                if answer.status >= 400:
                    raise api_error(answer.status, told, answer.headers.get("Retry-After", ""))
                return Reply(_read(told), _date(answer.headers), asked_at)

    async def all_of(self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = "") -> list[Obj]:
        """All of them; of all namespaces without one. Raises ApiError, or NotServedError."""
        key = (str(resource), namespace, labels + fields)
        if key not in self._lists:
            self._lists[key] = asyncio.create_task(self._list(resource, namespace, labels, fields))
        return await asyncio.shield(self._lists[key])

    async def find(self, resource: Resource, name: str, namespace: str = "") -> Obj | None:
        """Raises ApiError."""
        return await self._kube.get(resource, name, namespace)

    async def serves(self, resource: Resource) -> bool:
        return await self._kube.serves(resource)

    async def agents(self) -> list[Obj]:
        return await self.all_of(VOICE_AGENTS, self.scope.namespace or "")

    async def agent_namespaces(self) -> list[str]:
        """Where agents are, and the one that was asked for, which may be looked at even where agents may not."""
        asked = [self.scope.namespace] if self.scope.namespace else []
        try:
            return sorted({*asked, *map(namespace_of, await self.agents())})
        except NotServedError:
            return asked
        except ForbiddenError:
            if asked:
                return asked
            raise

    async def operators(self, resource: Resource) -> list[Obj]:
        """Deployments or pods of the operator, by their label, in whatever namespace; or in its own, if no more may be seen."""
        labels = f"{NAME_LABEL}={OPERATOR}"
        try:
            return await self.all_of(resource, labels=labels)
        except ForbiddenError:
            return await self.all_of(resource, self.scope.operator_namespace, labels=labels)

    async def close(self) -> None:
        for task in self._lists.values():
            task.cancel()
        await asyncio.gather(*self._lists.values(), return_exceptions=True)

    async def _list(self, resource: Resource, namespace: str, labels: str, fields: str) -> list[Obj]:
        try:
            return (await self._kube.list(resource, namespace, labels=labels, fields=fields)).items
        except NotFoundError as error:
            raise NotServedError(resource) from error


def _read(told: bytes) -> Any:
    try:
        return orjson.loads(told)
    except orjson.JSONDecodeError:
        return told.decode(errors="replace")


def _date(headers: Mapping[str, str]) -> datetime | None:
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(headers["Date"]) if "Date" in headers else None
    return None
