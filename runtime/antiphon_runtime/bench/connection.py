"""One session over its WebSocket: opened, or refused with a reason."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from antiphon_runtime.bench.takes import Take, wire_format
from antiphon_runtime.bench.ticking import Ticker
from antiphon_runtime.bench.turns import SessionRecord
from antiphon_runtime.bench.user import Manner, User, error_code

_TYPE_FIRST = re.compile(rb'\s*{\s*"type"\s*:\s*"([a-z_.]+)"')
_WANTED = frozenset(
    (
        "response.created",
        "response.done",
        "response.output_audio.delta",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "conversation.item.input_audio_transcription.completed",
        "error",
    )
)
"""All others are passed over unread."""
_TRY_LATER = 1013
_REFUSAL_STATUS = (429, 503)
_MOST_UNSENT_BYTES = 1 << 20
_OPEN_SECONDS = 10.0


class NotOpenedError(Exception):
    """`is_refusal`: the server has said no, for a reason. `retry_after_seconds`: when to try again, if it said so."""

    def __init__(self, reason: str, *, is_refusal: bool, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.is_refusal, self.retry_after_seconds = reason, is_refusal, retry_after_seconds


@dataclass(frozen=True, slots=True)
class Caller:
    """What all sessions of a process share."""

    url: str
    api_key: str | None
    manner: Manner
    takes: tuple[Take, ...]
    silence: bytes
    ticker: Ticker


async def converse(caller: Caller, record: SessionRecord, seed: int, until: float, stop: float) -> None:
    """One session. New turns begin before `until`, all ends by `stop`, both in the loop's time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            connection = await _open(caller)
    except NotOpenedError as refused:
        record.outcome = "rejected" if refused.is_refusal else "failed"
        record.reason, record.retry_after_seconds = refused.reason, refused.retry_after_seconds
        return
    except TimeoutError:
        record.outcome, record.reason = "failed", "it took too long to open"
        return
    record.opened_ms = (loop.time() - began) * 1e3
    chance = random.Random(seed)  # noqa: S311 (no secret)
    user = User(caller.takes, caller.silence, caller.manner, chance, record)
    await _Conversation(caller, connection, user, until).run(stop)
    record.seconds = loop.time() - began


async def _open(caller: Caller) -> ClientConnection:
    """After `session.created`, with the settings sent."""
    headers = {"Authorization": f"Bearer {caller.api_key}"} if caller.api_key else {}
    try:
        connection = await connect(
            caller.url, additional_headers=headers, compression=None, max_size=None, open_timeout=None, proxy=None
        )
    except InvalidStatus as error:
        raise _refused_handshake(error) from error
    except (OSError, InvalidHandshake, InvalidURI, EOFError) as error:
        raise NotOpenedError(str(error) or type(error).__name__, is_refusal=False) from error
    try:
        first = json.loads(await connection.recv())
        kind = first["type"]
    except ConnectionClosed as closed:
        raise _refused_close(closed) from closed
    except (KeyError, TypeError, ValueError) as error:
        await connection.close()
        raise NotOpenedError(f"its first event can't be read: {error!r}", is_refusal=False) from error
    if kind == "error":
        await connection.close()
        after = (first.get("error") or {}).get("retry_after_seconds")
        raise NotOpenedError(error_code(first), is_refusal=True, retry_after_seconds=after)
    await connection.send(_settings(caller.manner))
    return connection


def _settings(manner: Manner) -> str:
    wire = wire_format(manner.audio_format).as_event()
    heard = {"format": wire, "transcription": {"model": "whisper-1"}}
    audio = {"input": heard, "output": {"format": wire}}
    return json.dumps({"type": "session.update", "session": {"type": "realtime", "audio": audio}})


def _refused_handshake(error: InvalidStatus) -> NotOpenedError:
    response = error.response
    after = response.headers.get("Retry-After", "")
    return NotOpenedError(
        f"HTTP {response.status_code}",
        is_refusal=response.status_code in _REFUSAL_STATUS,
        retry_after_seconds=float(after) if after.replace(".", "", 1).isdigit() else None,
    )


def _refused_close(closed: ConnectionClosed) -> NotOpenedError:
    frame = closed.rcvd
    code, reason = (frame.code, frame.reason) if frame is not None else (1006, "")
    return NotOpenedError(f"closed with {code} {reason}".strip(), is_refusal=code == _TRY_LATER)


class _Conversation:
    def __init__(self, caller: Caller, connection: ClientConnection, user: User, until: float) -> None:
        self._ticker = caller.ticker
        self._connection = connection
        self._transport = connection.transport
        self._user = user
        self._until = until
        self._loop = asyncio.get_running_loop()
        self._is_over = False
        """The user has hung up, or nothing can be sent any more."""
        self._why_lost = ""

    async def run(self, stop: float) -> None:
        leave = self._ticker.join(self._send_frame)
        try:
            async with asyncio.timeout_at(stop):
                await self._read()
        except TimeoutError:
            self._user.close(self._loop.time(), "unfinished", "the bench was over")
            self._is_over = True
        finally:
            leave()
        await self._hang_up()

    async def _read(self) -> None:
        """Until the connection is closed, by either side."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                message = await self._connection.recv(decode=False)
                try:
                    answers = self._hear(message)
                except (KeyError, TypeError, ValueError) as error:
                    self._is_over, self._why_lost = True, f"an event that can't be read: {error!r}"
                    return
                for answer in answers:
                    await self._connection.send(answer)

    def _hear(self, message: bytes) -> list[str]:
        kind, event = _read_event(message)
        return self._user.hear(self._loop.time(), kind, event) if event is not None else []

    async def _hang_up(self) -> None:
        await self._connection.close()
        if self._is_over and not self._why_lost:
            return
        record = self._user.record
        record.outcome = "dropped"
        code, reason = self._connection.close_code, self._connection.close_reason
        record.reason = self._why_lost or f"closed with {code} {reason or ''}".strip()
        self._user.close(self._loop.time(), "dropped", record.reason)

    def _send_frame(self, now: float) -> None:
        if self._is_over:
            return
        if now >= self._until:
            self._user.is_stopping = True
        frame = self._user.frame(now)
        if self._user.is_done:
            self._end()
        elif self._transport.get_write_buffer_size() > _MOST_UNSENT_BYTES:
            self._end("the server does not read")
        else:
            self._transport.write(frame)

    def _end(self, why_lost: str = "") -> None:
        """The reader wakes up from the closing connection."""
        self._is_over, self._why_lost = True, why_lost
        self._closing = asyncio.ensure_future(self._connection.close())


def _read_event(message: bytes) -> tuple[str, dict[str, Any] | None]:
    """None: an event that nobody wants."""
    if (found := _TYPE_FIRST.match(message)) is not None and found[1].decode() not in _WANTED:
        return "", None
    event: dict[str, Any] = json.loads(message)
    kind = event["type"]
    return kind, event if kind in _WANTED else None
