"""The API over HTTP, and a client that asks it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import aiohttp

from antiphon_sandbox.api.http_server import ApiServer
from antiphon_sandbox.api.local import Api


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str
    warnings: tuple[str, ...]

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def events(self) -> list[Any]:
        """Of a watch: type and object."""
        return [json.loads(line) for line in self.text.splitlines()]


class Client:
    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The body as JSON, or as it is when it is text. Headers with underscores for dashes."""
        text = body if isinstance(body, str) else json.dumps(body)
        data = None if body is None else BytesIO(text.encode())
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            named.setdefault("Content-Type", "application/json")
        async with self._session.request(method, self.url + path, data=data, headers=named) as answer:
            warnings = tuple(answer.headers.getall("Warning", ()))
            return Answer(answer.status, dict(answer.headers), await answer.text(), warnings)

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, **headers)

    @asynccontextmanager
    async def watch(self, path: str) -> AsyncIterator[AsyncIterator[Any]]:
        """The events of a watch as they come."""
        async with self._session.get(self.url + path) as answer:
            yield (json.loads(line) async for line in answer.content)


@asynccontextmanager
async def served(api: Api) -> AsyncIterator[Client]:
    server = ApiServer(api)
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(session, server.url)
    finally:
        await server.stop()
