"""Requests to a server that speaks OpenAI's HTTP API, and what is told when one fails."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from concurrent.futures import TimeoutError as ThreadTimeoutError
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from antiphon_runtime.engines.protocols import EngineError

_VERSION = re.compile(r"/v\d+[a-z0-9]*(/|$)")
_PASSING_STATUS = frozenset({408, 425, 429, 502, 503, 504})
"""The same request may succeed a moment later."""
_PASSING_ERRORS = (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)
_DELAYS_SECONDS = (0.05, 0.25)
"""Before the second and the third attempt. Someone waits for the answer: longer is no use."""
_LONGEST_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 2.0
_MOST_TOLD = 500
"""Characters of a refusal's text."""
Piece = TypeVar("Piece")


class PassingError(EngineError):
    """It failed for now."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is, and how it is spoken to."""

    url: str
    """Up to and with the version, without `/` at the end."""
    key_file: Path | None = None
    """Has the bearer key. Read for each request, so that the key may change."""
    timeout_seconds: float = 30.0
    """Longest silence of the server."""
    socket: Path | None = None
    """Unix socket that is spoken to instead of the URL's host."""


def with_version(url: str) -> str:
    """The URL without `/` at its end, and with `/v1` where no version is in it."""
    url = url.rstrip("/")
    return url if _VERSION.search(httpx.URL(url).path) else f"{url}/v1"


class Connections:
    """Kept open between requests: one set for threads, and one for the event loop that asks."""

    def __init__(self, engine: str, address: Address) -> None:
        self.engine = engine
        self.address = address
        self._lock = threading.Lock()
        self._blocking: httpx.Client | None = None
        self._async: tuple[asyncio.AbstractEventLoop, httpx.AsyncClient] | None = None
        self._is_closed = False

    def post(self, path: str, **request: Any) -> httpx.Response:
        """Blocks. Tried again when it failed for now."""
        for delay in _DELAYS_SECONDS:
            with suppress(PassingError):
                return self._post(path, request)
            time.sleep(delay)
        return self._post(path, request)

    @asynccontextmanager
    async def stream(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[httpx.Response, None]:
        """The answer as it comes. Leaving early closes the connection, so that the server stops."""
        client = self._client_of_loop()
        try:
            async with client.stream("POST", path, json=body, headers=self._headers()) as response:
                if not response.is_success:
                    await response.aread()
                self._check(response, path)
                yield response
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._failure(path, error) from error

    async def retried(self, make: Callable[[], AsyncGenerator[Piece, None]]) -> AsyncGenerator[Piece, None]:
        """The pieces; from the beginning when it failed for now, as long as none has come."""
        for delay in (*_DELAYS_SECONDS, None):
            has_begun = False
            try:
                async with aclosing(make()) as pieces:
                    async for piece in pieces:
                        has_begun = True
                        yield piece
                return
            except PassingError:
                if has_begun or delay is None:
                    raise
            await asyncio.sleep(delay)

    def close(self) -> None:
        """Not from the event loop that asks, unless it asks no more."""
        with self._lock:
            self._is_closed = True
            blocking, self._blocking = self._blocking, None
            pair, self._async = self._async, None
        if blocking is not None:
            blocking.close()
        if pair is not None:
            _close(*pair)

    async def leave_loop(self) -> None:
        """To be called where this event loop asks no more, and the engine stays."""
        with self._lock:
            pair, self._async = self._async, None
        if pair is not None:
            await pair[1].aclose()

    def check(self) -> None:
        """Raises EngineError where nothing can be asked. Does not block; called before each request."""
        if self._is_closed:
            raise EngineError(f"{self.engine} is closed")

    def told(self, path: str, what: str) -> str:
        """For an error: where it was, and what."""
        return f"{self.engine}: {self.address.url}{path}: {what}"

    def _post(self, path: str, request: Mapping[str, Any]) -> httpx.Response:
        client = self._client()
        try:
            response = client.post(path, headers=self._headers(), **request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._failure(path, error) from error
        self._check(response, path)
        return response

    def _client(self) -> httpx.Client:
        with self._lock:
            self.check()
            if self._blocking is None:
                self._blocking = httpx.Client(
                    transport=self._transport(httpx.HTTPTransport),
                    base_url=self.address.url,
                    timeout=self._timeout(),
                )
            return self._blocking

    def _client_of_loop(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        with self._lock:
            self.check()
            before = self._async
            if before is not None and before[0] is loop:
                return before[1]
            client = httpx.AsyncClient(
                transport=self._transport(httpx.AsyncHTTPTransport),
                base_url=self.address.url,
                timeout=self._timeout(),
                limits=_NO_LIMIT,
            )
            self._async = (loop, client)
        if before is not None:
            _close(*before)
        return client

    def _transport(self, kind: Callable[..., Any]) -> Any:
        """None: the client's own, which knows the environment's proxies."""
        if self.address.socket is None:
            return None
        return kind(uds=str(self.address.socket), limits=_NO_LIMIT)

    def _timeout(self) -> httpx.Timeout:
        seconds = self.address.timeout_seconds
        return httpx.Timeout(seconds, connect=min(seconds, _LONGEST_CONNECT_SECONDS), pool=None)

    def _headers(self) -> dict[str, str]:
        """A compressed stream would be held back until there is enough to compress."""
        key = self._key()
        return {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {})

    def _key(self) -> str:
        if self.address.key_file is None:
            return ""
        try:
            return self.address.key_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise EngineError(f"{self.engine}: the key can't be read from {self.address.key_file}: {error}") from error

    def _check(self, response: httpx.Response, path: str) -> None:
        if response.is_success:
            return
        said = refusal(response.text)
        key = self._key()
        said = said.replace(key, "***") if key else said
        status = f"{response.status_code} {response.reason_phrase}".strip()
        kind = PassingError if response.status_code in _PASSING_STATUS else EngineError
        raise kind(self.told(path, f"{status}: {said}" if said else status))

    def _failure(self, path: str, error: Exception) -> EngineError:
        kind = PassingError if isinstance(error, _PASSING_ERRORS) else EngineError
        what = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
        return kind(self.told(path, what))


_NO_LIMIT = httpx.Limits(max_connections=None, max_keepalive_connections=64)
"""The batcher decides how many requests there are at once."""


def refusal(text: str) -> str:
    """What a server says when it refuses: OpenAI's `error.message`, or its text."""
    with suppress(ValueError):
        text = message(json.loads(text)) or text
    return " ".join(text.split())[:_MOST_TOLD]


def message(answer: Any) -> str:
    """The message of the error in an answer, in one of the forms that servers use. Empty: it has none."""
    if not isinstance(answer, Mapping):
        return ""
    error = answer.get("error") or answer.get("detail") or (answer if answer.get("object") == "error" else None)
    if isinstance(error, Mapping):
        return str(error.get("message") or error)
    return str(error) if error else ""


async def lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    r"""Lines that end in `\n`, without it. JSON may have other ends of lines in it, at which httpx would cut."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r")
    if rest:
        yield rest


def _close(loop: asyncio.AbstractEventLoop, client: httpx.AsyncClient) -> None:
    """In the client's own loop; when that is over, so are its connections."""
    if not loop.is_running():
        return
    closing = asyncio.run_coroutine_threadsafe(client.aclose(), loop)
    try:
        is_own = asyncio.get_running_loop() is loop
    except RuntimeError:
        is_own = False
    if not is_own:
        with suppress(ThreadTimeoutError):
            closing.result(_CLOSE_SECONDS)
