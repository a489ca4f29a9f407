"""One WebSocket to `/v1/realtime`: opened, or refused in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from antiphon_operator.talking.errors import LostError, NoKeyError, NotReachedError, RefusedError, UnreadableError

OPEN_SECONDS = 10.0
_PATH = "/v1/realtime"
_TRY_LATER = 1013
_HEARTBEAT_SECONDS = 20.0
Event = Mapping[str, Any]


def base_url(address: str) -> str:
    """`http(s)://host:port` of what the user gave: also ws(s)://, with the path of the API, or a bare host and port."""
    parts = urlsplit(address if "://" in address else f"http://{address}")
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    if scheme not in ("http", "https") or not parts.netloc:
        raise UnreadableError(f"{address} is no address of an agent; give one such as http://127.0.0.1:8080")
    path = parts.path.rstrip("/").removesuffix("/realtime").removesuffix("/v1")
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def headers(key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def no_key(key: str | None) -> NoKeyError:
    what = "refuses this API key" if key else "wants an API key"
    return NoKeyError(f"the agent {what}; give one with --key KEY or in the variable ANTIPHON_API_KEY")


class Wire:
    """Events as they come and go."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    @classmethod
    async def open(cls, http: aiohttp.ClientSession, base: str, key: str | None) -> Wire:
        """After `session.created`. Raises NotReachedError, NoKeyError or RefusedError."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                socket = await _connected(http, base, key)
                wire = cls(socket)
                await wire._must_begin()
                return wire
        except TimeoutError:
            raise NotReachedError(f"{base} did not answer within {OPEN_SECONDS:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotReachedError(f"{base} can't be reached: {error}") from error

    async def send(self, event: Event) -> None:
        await self.send_text(json.dumps(event))

    async def send_text(self, text: str) -> None:
        """What can't be sent any more is dropped: whoever reads hears of the end."""
        try:
            await self._socket.send_str(text)
        except (ConnectionError, aiohttp.ClientError):
            return

    async def receive(self) -> Event:
        """The next event. Raises LostError when there is none any more."""
        message = await self._socket.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            return _event(message.data)
        raise LostError(_end(self._socket, message))

    async def close(self) -> None:
        await self._socket.close()

    async def _must_begin(self) -> None:
        try:
            first = await self.receive()
        except LostError as lost:
            later = self._socket.close_code == _TRY_LATER
            raise RefusedError("closed", f"the agent takes no session: {lost}" if later else str(lost)) from lost
        if first.get("type") == "error":
            await self.close()
            raise _refused(first.get("error") or {})


async def _connected(http: aiohttp.ClientSession, base: str, key: str | None) -> aiohttp.ClientWebSocketResponse:
    url = f"{base}{_PATH}"
    try:
        return await http.ws_connect(url, headers=headers(key), max_msg_size=0, heartbeat=_HEARTBEAT_SECONDS)
    except aiohttp.WSServerHandshakeError as error:
        if error.status == 401:
            raise no_key(key) from error
        raise _refused_handshake(url, error) from error


def _refused_handshake(url: str, error: aiohttp.WSServerHandshakeError) -> RefusedError | NotReachedError:
    after = error.headers.get("Retry-After", "") if error.headers else ""
    if error.status in (429, 502, 503, 504):
        seconds = float(after) if after.isdigit() else None
        hint = f"; try again in {seconds:g} s" if seconds else ""
        return RefusedError(f"http_{error.status}", f"{url} answers HTTP {error.status}{hint}", seconds)
    return NotReachedError(f"{url} answers HTTP {error.status}: is that the voice port of an agent?")


def _refused(error: Event) -> RefusedError:
    """Our runtime's messages already say when to try again."""
    after = error.get("retry_after_seconds")
    message = str(error.get("message") or error.get("code") or "no reason given")
    return RefusedError(str(error.get("code") or "refused"), f"the agent takes no session: {message}", after)


def _event(text: str) -> Event:
    try:
        event = json.loads(text)
    except ValueError as error:
        raise LostError(f"the agent sent what is no event: {text[:60]!r}") from error
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise LostError(f"the agent sent what is no event: {text[:60]!r}")
    return event


def _end(socket: aiohttp.ClientWebSocketResponse, message: aiohttp.WSMessage) -> str:
    code = socket.close_code
    reason = str(message.extra or "")
    if code in (None, 1006):
        return "the connection to the agent broke"
    return f"the agent closed the connection ({code}{': ' + reason if reason else ''})"
