"""POST /v1/audio/speech: a text, spoken by the agent's voice, clause by clause, sent as it is made."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from antiphon_runtime.engines.protocols import Samples, Speech
from antiphon_runtime.realtime.resampler import Resampler
from antiphon_runtime.server.http_api import declared
from antiphon_runtime.server.http_api.agent_models import AgentModels, emulated_header, leased
from antiphon_runtime.server.http_api.bodies import read_json
from antiphon_runtime.server.http_api.errors import ApiError
from antiphon_runtime.server.http_api.production import begun
from antiphon_runtime.server.http_api.replies import EVENTS, EVENTS_SCHEMA, StreamedReply, event, events
from antiphon_runtime.server.http_api.sound_files import MEDIA_TYPES, SOUND_RATE, Encoder, chosen_format, encoder
from antiphon_runtime.server.http_api.speech_request import SpeechRequest
from antiphon_runtime.stages.working import Speaking
from antiphon_runtime.turns.clauses import ClauseSplitter
from antiphon_runtime.turns.trimming import LeadingSilence
from antiphon_runtime.voice.defaults import AgentOptions
from antiphon_runtime.voice.phrases import Manner

MOST_BYTES = 2**18
_SLOWEST, _FASTEST = 0.25, 4.0
_PIECE_BYTES = 2**15
"""Sent at once: a client that plays as it reads takes the next one within a second."""
_SOUNDS = {kind: {"type": "string", "format": "binary"} for kind in MEDIA_TYPES.values()}


def speech_api(models: AgentModels, options: AgentOptions) -> APIRouter:
    router = APIRouter(tags=["audio"])

    @router.post(
        "/audio/speech",
        operation_id="create_speech",
        response_class=Response,
        responses={**declared.STAGE_FAILURES, **declared.success("The speech.", {**_SOUNDS, EVENTS: EVENTS_SCHEMA})},
        openapi_extra=declared.request_body(SpeechRequest, "application/json"),
    )
    async def create_speech(request: Request) -> Response:
        """A text, spoken."""
        asked = await read_json(request, SpeechRequest, MOST_BYTES)
        served = models.served("tts", asked.model, "speech")
        kind = chosen_format(asked.response_format)
        clauses = _clauses(asked.input)
        tts = options.tts
        async with AsyncExitStack() as held:
            speaking: Speaking = await held.enter_async_context(leased(served))
            voice = asked.voice_name(speaking.engine.voices, tts.voice)
            manner = Manner(voice, min(max((asked.speed or 1.0) * tts.speed, _SLOWEST), _FASTEST))
            sounds = spoken(speaking, clauses, manner, trims=tts.trim_leading_silence)
            production = await begun(request, encoded(sounds, encoder(kind)), held.pop_all())
        headers = emulated_header(speaking)
        if asked.stream_format == "sse":
            return events(production, _told(aiter(production)), headers)
        return StreamedReply(production, aiter(production), MEDIA_TYPES[kind], headers)

    return router


async def spoken(
    speaking: Speaking, clauses: Sequence[str], manner: Manner, *, trims: bool
) -> AsyncGenerator[Samples, None]:
    """At the rate that is sent, without the silence before the first sound."""
    rate = speaking.engine.sample_rate
    silence, resampler = LeadingSilence(rate), Resampler(rate, SOUND_RATE)
    for clause in clauses:
        async with aclosing(speaking.speak(Speech(clause, manner.voice, manner.speed))) as sounds:
            async for sound in sounds:
                yield resampler.feed(silence.cut(sound.samples) if trims else sound.samples)
    yield resampler.feed(silence.flush())
    yield resampler.flush()


async def encoded(sounds: AsyncGenerator[Samples, None], into: Encoder) -> AsyncGenerator[bytes, None]:
    async with aclosing(sounds):
        async for samples in sounds:
            data = b""
            if len(samples):
                data = await asyncio.to_thread(into.feed, samples) if into.blocks else into.feed(samples)
            for at in range(0, len(data), _PIECE_BYTES):
                yield data[at : at + _PIECE_BYTES]
    if rest := await asyncio.to_thread(into.finish):
        yield rest


def _clauses(text: str) -> list[str]:
    """The first is short, so that it is heard soon."""
    splitter = ClauseSplitter()
    found = [clause.spoken for clause in (*splitter.push(text), *splitter.flush()) if clause.spoken]
    if not found:
        raise ApiError("input has nothing that can be said; give it words", param="input")
    return found


async def _told(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
    yield event({"type": "speech.audio.done"})
