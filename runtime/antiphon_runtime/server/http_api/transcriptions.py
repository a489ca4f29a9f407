"""POST /v1/audio/transcriptions: what is said in a file, and by whom."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from antiphon_runtime.diarizing.joining import spoken_segments
from antiphon_runtime.diarizing.whole import diarize
from antiphon_runtime.engines.protocols import HEARD_RATE, Samples, Utterance, Word
from antiphon_runtime.server.http_api import declared, subtitles
from antiphon_runtime.server.http_api import transcription_answer as answers
from antiphon_runtime.server.http_api.agent_models import AgentModels, emulated_header, leased
from antiphon_runtime.server.http_api.audio_files import MOST_FILE_BYTES, AudioFiles
from antiphon_runtime.server.http_api.bodies import read_form
from antiphon_runtime.server.http_api.errors import NOT_SUPPORTED, ApiError
from antiphon_runtime.server.http_api.passages import Passage, passages
from antiphon_runtime.server.http_api.production import begun, unless_gone
from antiphon_runtime.server.http_api.replies import EVENTS, EVENTS_SCHEMA, events
from antiphon_runtime.server.http_api.transcription_request import (
    FILE_SCHEMA,
    TranscriptionRequest,
    read_request,
    uploaded,
)
from antiphon_runtime.stages.served import Served
from antiphon_runtime.stages.working import Distinguishing, Recognizing
from antiphon_runtime.voice.defaults import AgentOptions

_FORM_BYTES = 2**20
"""What a form may have besides its file."""
_ANSWERS: dict[str, dict[str, Any]] = {EVENTS: EVENTS_SCHEMA, "text/plain": {"type": "string"}}
T = TypeVar("T")
Answer: TypeAlias = answers.DiarizedTranscription | answers.VerboseTranscription | answers.Transcription


@dataclass(frozen=True, slots=True)
class _Job:
    """One file, and who works on it."""

    asked: TranscriptionRequest
    samples: Samples
    recognizing: Recognizing
    distinguishing: Distinguishing | None
    options: AgentOptions

    @property
    def seconds(self) -> float:
        return len(self.samples) / HEARD_RATE

    def passages(self) -> AsyncGenerator[Passage, None]:
        asr = self.options.asr
        manner = Utterance(
            np.zeros(0, np.float32),
            language=self.asked.language or asr.language or "",
            prompt=self.asked.prompt or asr.prompt or "",
            beam_size=asr.beam_size,
            words=self.asked.needs_words,
        )
        return passages(self.samples, manner, self.recognizing)

    async def whole(self) -> list[Passage]:
        async with aclosing(self.passages()) as found:
            return [passage async for passage in found]

    async def by_speaker(self, distinguishing: Distinguishing) -> answers.DiarizedTranscription:
        found = await self.whole()
        segments = await diarize(self.samples, distinguishing, self.options.diarization)
        words = [word for passage in found for word in _words(passage)]
        return answers.diarized(found, spoken_segments(words, segments), self.seconds)


def transcriptions_api(models: AgentModels, options: AgentOptions) -> APIRouter:
    router = APIRouter(tags=["audio"])
    files = AudioFiles()

    @router.post(
        "/audio/transcriptions",
        operation_id="create_transcription",
        response_model=Answer,
        responses={**declared.STAGE_FAILURES, **declared.success("The transcription.", _ANSWERS)},
        openapi_extra=declared.request_body(TranscriptionRequest, "multipart/form-data", FILE_SCHEMA),
    )
    async def create_transcription(request: Request) -> Response:
        """What is said in a file."""
        asked, data = await _read(request)
        served = models.served("asr", asked.model, "a transcription")
        by_speaker = _diarization(models) if asked.response_format == "diarized_json" else None
        samples = await unless_gone(request, files.decode(data))
        async with AsyncExitStack() as held:
            recognizing = await held.enter_async_context(leased(served))
            distinguishing = await held.enter_async_context(leased(by_speaker)) if by_speaker else None
            job = _Job(asked, samples, recognizing, distinguishing, options)
            return await _answered(request, job, held.pop_all())

    return router


async def _read(request: Request) -> tuple[TranscriptionRequest, bytes]:
    form = await read_form(request, MOST_FILE_BYTES + _FORM_BYTES)
    try:
        file = uploaded(form)
        asked = read_request(form)
        data = await file.read()
    finally:
        await form.close()
    if len(data) > MOST_FILE_BYTES:
        told = f"file has {len(data)} bytes; send at most {MOST_FILE_BYTES}"
        raise ApiError(told, status=413, code="body_too_large", param="file")
    return asked, data


def _diarization(models: AgentModels) -> Served[Distinguishing]:
    try:
        return models.served("diarization", None, "response_format diarized_json")
    except ApiError as error:
        raise ApiError(
            f"response_format is diarized_json; {error.message}", code=NOT_SUPPORTED, param="response_format"
        ) from None


async def _answered(request: Request, job: _Job, held: AsyncExitStack) -> Response:
    headers = emulated_header(job.recognizing, job.distinguishing)
    if not job.asked.stream:
        async with held:
            return await unless_gone(request, _whole(job, headers))
    if job.distinguishing is not None:
        speakers = await begun(request, _alone(job.by_speaker(job.distinguishing)), held)
        return events(speakers, answers.told_by_speaker(aiter(speakers)), headers)
    production = await begun(request, job.passages(), held)
    return events(production, answers.told(aiter(production)), headers)


async def _whole(job: _Job, headers: dict[str, str]) -> Response:
    if job.distinguishing is not None:
        answer = await job.by_speaker(job.distinguishing)
        return JSONResponse(answers.as_json(answer), headers=headers)
    found, kind = await job.whole(), job.asked.response_format
    if kind == "verbose_json":
        return JSONResponse(answers.as_json(answers.verbose(job.asked, found, job.seconds)), headers=headers)
    if kind == "json":
        return JSONResponse(answers.as_json(answers.plain(found, job.seconds)), headers=headers)
    return PlainTextResponse(_as_text(kind, found), headers=headers)


async def _alone(answer: Awaitable[T]) -> AsyncGenerator[T, None]:
    yield await answer


def _words(passage: Passage) -> tuple[Word, ...]:
    """One for the whole passage where the recognizer tells no times."""
    text, words = passage.text, passage.transcript.words
    return words or ((Word(text, passage.start_seconds, passage.end_seconds),) if text else ())


def _as_text(kind: str, found: Sequence[Passage]) -> str:
    if kind == "text":
        return f"{answers.text_of(found)}\n"
    return (subtitles.srt if kind == "srt" else subtitles.vtt)(subtitles.lines(found))
