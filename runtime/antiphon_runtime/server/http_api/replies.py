"""Replies that are sent piece by piece: server-sent events, or plain bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from antiphon_runtime.server.http_api.errors import as_api_error
from antiphon_runtime.server.http_api.production import Production

_STALLED_SECONDS = 60.0
"""A client that takes nothing for so long is gone."""
_UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
EVENTS = "text/event-stream"
EVENTS_SCHEMA = {
    "type": "object",
    "description": "One of the server-sent events.",
    "properties": {"data": {"type": "string", "contentMediaType": "application/json"}},
    "required": ["data"],
}
DONE = b"data: [DONE]\n\n"


class StreamedReply(StreamingResponse):
    """Ends its production when all is sent, and when the client hangs up or takes nothing any more."""

    def __init__(
        self, production: Production[Any], body: AsyncIterator[bytes], media_type: str, headers: Mapping[str, str]
    ) -> None:
        super().__init__(body, media_type=media_type, headers={**_UNBUFFERED, **headers})
        self._production = production

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(_STALLED_SECONDS):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        finally:
            await self._production.close()


def events(production: Production[Any], body: AsyncIterator[bytes], headers: Mapping[str, str]) -> StreamedReply:
    return StreamedReply(production, _told(body), EVENTS, headers)


def event(content: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


async def _told(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A failure in the middle is the last event."""
    try:
        async for piece in body:
            yield piece
    except Exception as error:  # whatever an engine may raise ends this answer, and nothing else
        yield event(as_api_error(error).as_json())
