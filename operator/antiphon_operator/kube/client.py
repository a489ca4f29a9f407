"""Requests to the Kubernetes API. What is safe to repeat is repeated; what we may not write is not written."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Literal

import orjson

from antiphon_operator.kube.errors import ApiError, GarbledError, GoneError, NotFoundError
from antiphon_operator.kube.exchange import exchange
from antiphon_operator.kube.listings import Listing, listing_of
from antiphon_operator.kube.paths import collection_path, group_version_path, object_path, with_query
from antiphon_operator.kube.resources import Resource
from antiphon_operator.kube.retries import Chance, Retries, may_repeat, pause_seconds
from antiphon_operator.kube.session import Connection, Fence, fence_middleware
from antiphon_operator.names import MANAGER
from antiphon_operator.objects import Obj, name_of, namespace_of

PAGE_SIZE = 500
"""Objects in one answer to a list, as kubectl asks for them."""
_JSON = "application/json"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"

Propagation = Literal["Background", "Foreground", "Orphan"]


class Kube:
    """The API of one cluster. All methods raise ApiError, writes also NotLeadingError where the fence does.

    Reads and applies are repeated when they fail for want of a server; other writes only when the server can't have done
    what was asked, or asks to be asked later. (aiohttp repeats a PUT or DELETE once by itself where an idle connection
    turns out to be closed.)
    """

    def __init__(
        self,
        connection: Connection,
        *,
        fence: Fence | None = None,
        retries: Retries | None = None,
        chance: Chance = random.random,
        manager: str = MANAGER,
    ) -> None:
        """`manager`: as whom we write; what one manager applies, another one does not take away."""
        self.connection = connection
        self.chance = chance
        self._manager = manager
        self._retries = retries or Retries()
        self._write_middlewares = connection.middlewares(fence_middleware(fence)) if fence else None

    # --- reads ----------------------------------------------------------------------------------------------------

    async def get(self, resource: Resource, name: str, namespace: str = "", subresource: str = "") -> Obj | None:
        """None where there is no such object, or no such resource."""
        try:
            return _object(await self.read(object_path(resource, name, namespace, subresource)))
        except NotFoundError:
            return None

    async def list(self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = "") -> Listing:
        """All of them as they were at one moment, read page by page. A list that gets too old meanwhile is begun anew."""
        try:
            return await self._pages(resource, namespace, labels, fields, PAGE_SIZE)
        except GoneError:
            return await self._pages(resource, namespace, labels, fields, None)

    async def read(self, path: str) -> Any:
        """Whatever a GET of that path answers."""
        return await self._ask("GET", path, idempotent=True)

    async def serves(self, resource: Resource) -> bool:
        """Whether the cluster has the resource in that version."""
        try:
            found = await self.read(group_version_path(resource))
        except NotFoundError:
            return False
        return any(served.get("name") == resource.plural for served in found.get("resources") or ())

    async def version(self) -> str:
        """Of the server, such as v1.36.0."""
        return str((await self.read("/version")).get("gitVersion") or "")

    # --- writes ---------------------------------------------------------------------------------------------------

    async def apply(
        self, resource: Resource, obj: Obj, *, force: bool = False, subresource: str = "", repeat: bool = True
    ) -> Obj:
        """Server-side apply as our field manager: the object gets these fields, and loses those we set and say no more.

        Returns what is stored. ConflictError where a field is somebody else's, unless `force`. Without `repeat` it is not
        sent again where it may have been done: for whoever has to know whether it was this request that made the object.
        """
        path = object_path(resource, name_of(obj), namespace_of(obj), subresource)
        path = with_query(path, fieldManager=self._manager, force="true" if force else "")
        return _object(await self._write("PATCH", path, obj, _APPLY, idempotent=repeat))

    async def create(self, resource: Resource, obj: Obj) -> Obj:
        """AlreadyExistsError where there is one. Repeated by nobody after a lost answer: it may be there."""
        path = with_query(collection_path(resource, namespace_of(obj)), fieldManager=self._manager)
        return _object(await self._write("POST", path, obj, _JSON))

    async def replace(self, resource: Resource, obj: Obj, *, subresource: str = "") -> Obj:
        """ConflictError where it changed since its resourceVersion."""
        path = object_path(resource, name_of(obj), namespace_of(obj), subresource)
        return _object(await self._write("PUT", with_query(path, fieldManager=self._manager), obj, _JSON))

    async def merge_patch(
        self, resource: Resource, name: str, namespace: str, change: Obj, *, subresource: str = ""
    ) -> Obj:
        path = with_query(object_path(resource, name, namespace, subresource), fieldManager=self._manager)
        return _object(await self._write("PATCH", path, change, _MERGE))

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str = "",
        *,
        uid: str = "",
        resource_version: str = "",
        propagation: Propagation = "Background",
    ) -> bool:
        """False where there was none. ConflictError where it is another one than `uid`, or changed since the version."""
        given = {"uid": uid, "resourceVersion": resource_version}
        options: Obj = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if preconditions := {key: value for key, value in given.items() if value}:
            options["preconditions"] = preconditions
        try:
            await self._write("DELETE", object_path(resource, name, namespace), options, _JSON)
        except NotFoundError:
            return False
        return True

    # --- how ------------------------------------------------------------------------------------------------------

    async def _write(self, method: str, path: str, body: Obj, content_type: str, idempotent: bool = False) -> Any:
        return await self._ask(method, path, body, content_type, idempotent, writes=True)

    async def _pages(self, resource: Resource, namespace: str, labels: str, fields: str, limit: int | None) -> Listing:
        """Pages of one list bear one version: that of its first page."""
        items: list[Obj] = []
        path, token = collection_path(resource, namespace), ""
        while True:
            query = {"labelSelector": labels, "fieldSelector": fields, "limit": limit, "continue": token}
            page, token = listing_of(await self.read(with_query(path, **query)), resource)
            items.extend(page.items)
            if not token:
                return Listing(items, page.version)

    async def _ask(
        self,
        method: str,
        path: str,
        body: Obj | None = None,
        content_type: str = "",
        idempotent: bool = False,
        writes: bool = False,
    ) -> Any:
        data = None if body is None else orjson.dumps(body)
        middlewares = self._write_middlewares if writes else None
        clock = asyncio.get_running_loop().time
        until = clock() + self._retries.total_seconds
        failures = 0
        while True:
            try:
                seconds = min(self._retries.try_seconds, until - clock())
                return await exchange(self.connection, method, path, data, content_type, seconds, middlewares)
            except ApiError as error:
                failures += 1
                pause = self._pause_seconds(error, failures)
                if failures >= self._retries.tries or not may_repeat(error, idempotent) or clock() + pause >= until:
                    raise
            await asyncio.sleep(pause)

    def _pause_seconds(self, error: ApiError, failures: int) -> float:
        """Not before the server wants it."""
        pause = pause_seconds(
            failures, self._retries.first_pause_seconds, self._retries.longest_pause_seconds, self.chance
        )
        return max(pause, error.retry_after_seconds or 0.0)


def _object(answer: Any) -> Obj:
    if not isinstance(answer, dict):
        raise GarbledError(f"the answer is no object but {type(answer).__name__}")
    return answer
