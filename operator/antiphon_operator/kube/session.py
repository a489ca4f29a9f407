"""The one way to the API server: its connections, its pace, its credentials and the count of what is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol

import aiohttp
import orjson
from aiohttp import ClientHandlerType, ClientMiddlewareType, ClientRequest, ClientResponse
from yarl import URL

from antiphon_operator.kube.calls import read_call
from antiphon_operator.kube.credentials import Access
from antiphon_operator.kube.throttle import Rates, Throttle

USER_AGENT = "antiphon-operator"
CONNECTIONS = 128
"""About 20 are watches; the others carry the writes of all workers. API servers bear hundreds a client."""
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
"""Silence in the middle of an answer. Watches and kopf set their own."""


class Observer(Protocol):
    """Told of each request that was answered, or that failed: then `code` is 0. Resource as `Call.label` writes it.

    Seconds until the answer's head, without the time for which the throttle held it; for a watch that is not its life.
    """

    def __call__(self, verb: str, resource: str, code: int, seconds: float) -> None: ...


def unobserved(verb: str, resource: str, code: int, seconds: float) -> None:
    """Nobody counts."""


class Connection:
    """One connector, one throttle, one observer. Use as an async context; `session` is for `Kube`.

    kopf closes the session that it is given when the API refuses its credentials: it gets sessions of its own
    (`new_session`), over the same connections and under the same throttle, and can't close those.
    """

    def __init__(
        self,
        access: Access,
        *,
        rates: Rates | None = None,
        observe: Observer = unobserved,
        connections: int = CONNECTIONS,
    ) -> None:
        self.access = access
        self._throttle = Throttle(rates)
        self._observe = observe
        self._connections = connections
        self._url = URL(access.server)
        self._prefix = self._url.path.rstrip("/")
        self._connector: aiohttp.TCPConnector
        self.session: aiohttp.ClientSession

    async def __aenter__(self) -> Connection:
        self._connector = aiohttp.TCPConnector(
            limit=self._connections, ssl=self.access.tls or True, keepalive_timeout=60, ttl_dns_cache=60
        )
        self.session = self.new_session()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()
        await self._connector.close()

    def new_session(self) -> aiohttp.ClientSession:
        """Whoever asks for it may close it; the connections stay."""
        return aiohttp.ClientSession(
            connector=self._connector,
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            json_serialize=_json,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS),
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            middlewares=[self._pass],
            proxy=self.access.proxy_url or None,
        )

    def middlewares(self, *last: ClientMiddlewareType) -> Sequence[ClientMiddlewareType]:
        """For requests that also pass `last`, when they are about to be sent."""
        return (self._pass, *last)

    async def _pass(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        path = request.url.raw_path.removeprefix(self._prefix)
        call = read_call(request.method, path, request.url.query)
        await self._throttle.turn(call, path)
        self._authorize(request)
        loop = asyncio.get_running_loop()
        started, code = loop.time(), 0
        try:
            response = await handler(request)
            code = response.status
            return response
        finally:
            self._observe(call.verb, call.label, code, loop.time() - started)

    def _authorize(self, request: ClientRequest) -> None:
        """Nobody but the API server gets the credentials, wherever it may redirect us."""
        if (value := self.access.authorization()) and self._is_server(request.url):
            request.headers["Authorization"] = value

    def _is_server(self, url: URL) -> bool:
        return (url.host, url.port, url.scheme) == (self._url.host, self._url.port, self._url.scheme)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


Fence = Callable[[], None]
"""Raises NotLeadingError where we may not write."""


def fence_middleware(fence: Fence) -> ClientMiddlewareType:
    """Asks the fence when the throttle has let a write pass, so that nothing waits between the two."""

    async def fenced(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        fence()
        return await handler(request)

    return fenced
