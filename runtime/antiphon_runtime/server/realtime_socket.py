"""`/v1/realtime`: one WebSocket, one session."""

from __future__ import annotations

import asyncio
import binascii
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from antiphon_runtime.realtime.input_audio import LARGEST_APPEND_BYTES
from antiphon_runtime.server.admission import RefusedError
from antiphon_runtime.server.keys import Keys, bearer, is_origin_allowed
from antiphon_runtime.server.live_session import LiveSession
from antiphon_runtime.server.outbox import ClientStalledError
from antiphon_runtime.server.sessions import Sessions, new_id
from antiphon_runtime.telemetry.labels import SessionEnd
from antiphon_runtime.telemetry.logs import about_session

_log = logging.getLogger(__name__)
LARGEST_MESSAGE_BYTES = LARGEST_APPEND_BYTES * 4 // 3 + 64 * 1024
_LARGE_BYTES = 256 * 1024
"""Messages from here on are read off the event loop, and taken in pieces."""
_PIECE_CHARACTERS = 64 * 1024
_NORMAL, _GOING_AWAY, _POLICY, _TRY_LATER = 1000, 1001, 1008, 1013
_NO_CODE, _LOST = 1005, 1006
_CLEAN_CODES = (_NORMAL, _GOING_AWAY, _NO_CODE)
"""The client meant it; other codes, 1006 above all, are lost connections."""
CLOSE_CODES: dict[SessionEnd, int] = {
    "stalled": _POLICY,
    "idle": _NORMAL,
    "max_duration": _NORMAL,
    "drained": _GOING_AWAY,
}
_LAST_WORDS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class RealtimeSocket:
    """`serve` is the endpoint of a route."""

    sessions: Sessions
    keys: Keys
    allowed_origins: tuple[str, ...] = ()
    on_started: Callable[[float], None] = lambda _: None
    """Told how long a new session took to be ready, in seconds."""

    async def serve(self, socket: WebSocket) -> None:
        asked = time.perf_counter()
        protocols = socket.scope.get("subprotocols", [])
        if not is_origin_allowed(socket.headers, self.allowed_origins):
            await _deny(socket, 403, "origin_not_allowed", f"pages of {socket.headers['origin']} may not connect")
            return
        if not self.keys.accept(bearer(socket.headers, protocols)):
            await _deny(socket, 401, "invalid_api_key", "give a valid key as Authorization: Bearer KEY")
            return
        await socket.accept(subprotocol="realtime" if "realtime" in protocols else None)
        await self._serve(socket, asked)

    async def _serve(self, socket: WebSocket, asked: float) -> None:
        try:
            live = self._session(socket)
        except RefusedError as refused:
            await _refuse(socket, refused)
            return
        live.attach()
        self.on_started(time.perf_counter() - asked)
        with about_session(live.id):
            await _Connection(socket, live, self.sessions.grace_seconds).run()

    def _session(self, socket: WebSocket) -> LiveSession:
        kept = self.sessions.resume(socket.query_params.get("resume", ""))
        return kept or self.sessions.open(socket.query_params.get("model", ""))


class _Connection:
    """A session's connection, until either ends."""

    def __init__(self, socket: WebSocket, live: LiveSession, grace_seconds: float) -> None:
        self._socket = socket
        self._live = live
        self._grace_seconds = grace_seconds

    async def run(self) -> None:
        live = self._live
        reading = asyncio.create_task(self._read(), name="read")
        writing = asyncio.create_task(live.outbox.send_all(self._socket.send_text), name="write")
        try:
            waited: set[asyncio.Future[Any]] = {reading, writing, live.ended}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, writing):
                task.cancel()
            results = await asyncio.gather(reading, writing, return_exceptions=True)
        if live.ended.done():
            await self._say_last_words(live.ended.result())
            return
        await self._lost(results)

    async def _read(self) -> int:
        """Close code of the client."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return _close_code(message)
            text = message.get("text") or message.get("bytes") or ""
            if len(text) < _LARGE_BYTES:
                self._live.session.feed(text)
            else:
                await _feed_large(self._live, text)

    async def _lost(self, results: tuple[Any, Any]) -> None:
        code, error = results
        if isinstance(error, ClientStalledError):
            _log.warning("session ended: %s", error)
            self._live.end("stalled")
            await _close(self._socket, _POLICY, "the client does not read")
            return
        for problem in results:
            if isinstance(problem, Exception) and not isinstance(problem, WebSocketDisconnect | RuntimeError | OSError):
                _log.error("a connection failed", exc_info=problem)
        if code in _CLEAN_CODES:
            self._live.end("client")
        else:
            self._live.detach(self._grace_seconds, "lost")

    async def _say_last_words(self, why: SessionEnd) -> None:
        try:
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                await self._live.outbox.flush(self._socket.send_text)
        except (TimeoutError, ClientStalledError, WebSocketDisconnect, RuntimeError, OSError):
            _log.debug("the client was gone before its session ended")
        await _close(self._socket, CLOSE_CODES.get(why, _NORMAL), why)


def _close_code(message: Message) -> int:
    """1006 where no close frame came; uvicorn then says 1005 too, but gives no reason."""
    code = int(message.get("code", _NO_CODE))
    return _LOST if code == _NO_CODE and "reason" not in message else code


async def _feed_large(live: LiveSession, text: str | bytes) -> None:
    """Keeps the loop free: read in a thread, the audio taken piece by piece."""
    event, parts = await asyncio.to_thread(_read_large, text)
    if not parts:
        live.session.feed(text) if event is None else live.session.feed_event(event)
    for part in parts:
        live.session.feed_event({**event, "audio": part})
        await asyncio.sleep(0)


def _read_large(text: str | bytes) -> tuple[Any, list[str]]:
    """The event, and its audio in pieces where it is good audio; anything else is left to the protocol."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return None, []
    audio = event.get("audio") if isinstance(event, dict) else None
    if not isinstance(audio, str) or event.get("type") != "input_audio_buffer.append":
        return event, []
    try:
        size = len(binascii.a2b_base64(audio, strict_mode=True))
    except ValueError:
        return event, []
    return event, list(_cut(audio)) if size <= LARGEST_APPEND_BYTES else []


def _cut(audio: str) -> Iterator[str]:
    """Each piece is base64 of its own, of whole samples."""
    for at in range(0, len(audio), _PIECE_CHARACTERS):
        yield audio[at : at + _PIECE_CHARACTERS]


async def _deny(socket: WebSocket, status: int, code: str, message: str) -> None:
    """Before the handshake: with the body where the server can send one."""
    error = {"error": {"type": "invalid_request_error", "code": code, "message": message, "param": None}}
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(JSONResponse(error, status))
    else:
        await socket.close(_POLICY, message)


async def _refuse(socket: WebSocket, refused: RefusedError) -> None:
    """A browser sees no status of a handshake, so that the connection is taken, and the reason is an event."""
    event = {"type": "error", "event_id": new_id("event"), "error": refused.as_error()}
    try:
        await socket.send_json(event)
    except (WebSocketDisconnect, RuntimeError, OSError):
        return
    await _close(socket, _TRY_LATER, f"{refused.reason}; retry in {refused.retry_after_seconds:g} s")


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    try:
        await socket.close(code, reason[:120])
    except (WebSocketDisconnect, RuntimeError, OSError):
        _log.debug("the client had closed already")
