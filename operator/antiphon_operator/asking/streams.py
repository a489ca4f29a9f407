"""Logs as the API server passes them on, line by line."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp

from antiphon_operator.kube.errors import api_error
from antiphon_operator.kube.exchange import told_as_ours, url_of
from antiphon_operator.kube.session import CONNECT_SECONDS, Connection

_LONGEST_LINE_BYTES = 1024 * 1024
"""Of a longer one, parts are told as lines."""


async def stream_lines(connection: Connection, path: str) -> AsyncIterator[bytes]:
    """The lines of a GET, without their ends, until the server ends it. Silence may last. ApiError where it refuses."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=None)
    with told_as_ours():
        async with connection.session.get(
            url_of(connection, path), timeout=timeout, headers={"Accept": "*/*"}, allow_redirects=False
        ) as answer:
            if answer.status != 200:
                raise api_error(answer.status, await answer.read(), answer.headers.get("Retry-After", ""))
            async for line in _split(answer.content):
                yield line


async def _split(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Each as soon as it is there."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > _LONGEST_LINE_BYTES:
            yield rest
            rest = b""
    if rest:
        yield rest
