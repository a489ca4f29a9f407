"""One request and its answer, and what aiohttp raises told in words of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import aiohttp
import orjson
from aiohttp import ClientMiddlewareType
from yarl import URL

from antiphon_operator.kube.errors import GarbledError, UnreachableError, api_error
from antiphon_operator.kube.session import CONNECT_SECONDS, Connection

_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)


@contextmanager
def told_as_ours() -> Iterator[None]:
    """UnreachableError for whatever goes wrong below HTTP."""
    try:
        yield
    except _NEVER_SENT as error:
        raise UnreachableError(_words(error), may_have_happened=False) from error
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        raise UnreachableError(_words(error), may_have_happened=True) from error


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def url_of(connection: Connection, path: str) -> URL:
    """`path` with its query is in the form in which it is sent."""
    return URL(connection.access.server + path, encoded=True)


async def exchange(
    connection: Connection,
    method: str,
    path: str,
    body: bytes | None,
    content_type: str,
    seconds: float,
    middlewares: Sequence[ClientMiddlewareType] | None,
) -> Any:
    """What the server answers. ApiError where it refuses, can't be reached or makes no sense."""
    timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
    headers = {"Content-Type": content_type} if content_type else None
    with told_as_ours():
        async with connection.session.request(
            method,
            url_of(connection, path),
            data=body,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            middlewares=middlewares,
        ) as answer:
            content = await answer.read()
            if answer.status >= 300:
                raise api_error(answer.status, content, answer.headers.get("Retry-After", ""))
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise GarbledError(f"the answer to {method} {path} is no JSON: {error}") from error
