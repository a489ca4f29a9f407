"""One watch: from the request to its end, whatever the end is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

import aiohttp
import orjson

from antiphon_operator.kube.errors import GarbledError, api_error, error_of_status
from antiphon_operator.kube.exchange import told_as_ours, url_of
from antiphon_operator.kube.paths import collection_path, with_query
from antiphon_operator.kube.resources import Resource
from antiphon_operator.kube.session import CONNECT_SECONDS, Connection
from antiphon_operator.objects import Obj

Kind = Literal["ADDED", "MODIFIED", "DELETED"]
_KINDS = frozenset({"ADDED", "MODIFIED", "DELETED", "BOOKMARK"})
_LONGEST_LINE_BYTES = 16 * 1024 * 1024
"""etcd holds no object above 1.5 MiB: whoever sends more without a line's end is no API server."""


@dataclass(frozen=True)
class Scope:
    """What is watched. Selectors as the API writes them; empty for all."""

    resource: Resource
    namespace: str = ""
    labels: str = ""
    fields: str = ""


@dataclass(frozen=True)
class WatchEvent:
    kind: Kind | Literal["BOOKMARK"]
    object: Obj
    """Of a bookmark nothing but its resourceVersion."""


async def watch(
    connection: Connection, scope: Scope, version: str, seconds: int, silence_seconds: float
) -> AsyncGenerator[WatchEvent | None, None]:
    """First None: the server has taken the watch. Then what changes after `version`, for so many `seconds`.

    Ends when the server ends it. UnreachableError when it breaks, or is silent for longer than `silence_seconds`;
    GarbledError for a line that makes no sense; ApiError where the server refuses, in its answer or in an ERROR event.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=silence_seconds)
    with told_as_ours():
        async with connection.session.get(
            url_of(connection, _path(scope, version, seconds)), timeout=timeout, allow_redirects=False
        ) as answer:
            if answer.status != 200:
                raise api_error(answer.status, await answer.read(), answer.headers.get("Retry-After", ""))
            yield None
            async for line in _lines(answer.content):
                yield _event(line, scope.resource)


def _path(scope: Scope, version: str, seconds: int) -> str:
    return with_query(
        collection_path(scope.resource, scope.namespace),
        watch="true",
        allowWatchBookmarks="true",
        resourceVersion=version,
        timeoutSeconds=max(seconds, 1),
        labelSelector=scope.labels,
        fieldSelector=scope.fields,
    )


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Of any length, each as soon as it is there. GarbledError where the last one has no end."""
    parts: list[bytes] = []
    size = 0
    async for chunk in content.iter_any():
        first, *others = chunk.split(b"\n")
        parts.append(first)
        size += len(first)
        for part in others:
            if size:
                yield b"".join(parts)
            parts, size = [part], len(part)
        if size > _LONGEST_LINE_BYTES:
            raise GarbledError(f"a line of a watch has more than {_LONGEST_LINE_BYTES} bytes")
    if size:
        raise GarbledError("a watch ended in the middle of a line")


def _event(line: bytes, resource: Resource) -> WatchEvent:
    try:
        told = orjson.loads(line)
        kind, obj = told["type"], told["object"]
        if kind == "ERROR":
            raise error_of_status(obj)
        if kind not in _KINDS or not isinstance(obj["metadata"], dict):
            raise GarbledError(f"a watch of {resource} tells of an event of type {kind!r}")
        if kind != "BOOKMARK" and not obj["metadata"]["name"]:
            raise GarbledError(f"a watch of {resource} tells of an object without a name")
    except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError) as error:
        raise GarbledError(f"a watch of {resource} tells what is no event: {error!r}") from error
    return WatchEvent(kind, _whole(obj, resource))


def _whole(obj: Any, resource: Resource) -> Obj:
    obj.setdefault("kind", resource.kind)
    obj.setdefault("apiVersion", resource.api_version)
    whole: Obj = obj
    return whole
