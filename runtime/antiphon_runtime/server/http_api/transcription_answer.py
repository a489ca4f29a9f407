"""A transcription in each of OpenAI's formats."""

from __future__ import annotations

import math
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from antiphon_runtime.diarizing.joining import SpokenSegment
from antiphon_runtime.server.http_api.passages import Passage
from antiphon_runtime.server.http_api.replies import event
from antiphon_runtime.server.http_api.subtitles import Line, lines
from antiphon_runtime.server.http_api.transcription_request import TranscriptionRequest

_FRAMES_A_SECOND = 100


class Usage(BaseModel):
    type: Literal["duration"] = "duration"
    seconds: float


class Transcription(BaseModel):
    text: str
    usage: Usage


class VerboseWord(BaseModel):
    word: str
    start: float
    end: float


class VerboseSegment(BaseModel):
    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int] = []
    """The recognizers do not tell them."""
    temperature: float = 0.0
    avg_logprob: float | None = None
    """Not told either."""
    compression_ratio: float
    no_speech_prob: float | None


class VerboseTranscription(BaseModel):
    task: Literal["transcribe"] = "transcribe"
    language: str
    duration: float
    text: str
    segments: list[VerboseSegment] | None = None
    words: list[VerboseWord] | None = None
    usage: Usage


class DiarizedSegment(BaseModel):
    type: Literal["transcript.text.segment"] = "transcript.text.segment"
    id: str
    speaker: str
    start: float
    end: float
    text: str


class DiarizedTranscription(BaseModel):
    task: Literal["transcribe"] = "transcribe"
    duration: float
    text: str
    segments: list[DiarizedSegment]
    usage: Usage


def text_of(passages: Sequence[Passage]) -> str:
    return " ".join(passage.text for passage in passages if passage.text)


def plain(passages: Sequence[Passage], seconds: float) -> Transcription:
    return Transcription(text=text_of(passages), usage=usage(seconds))


def verbose(request: TranscriptionRequest, passages: Sequence[Passage], seconds: float) -> VerboseTranscription:
    segments = [_segment(index, line) for index, line in enumerate(lines(passages))]
    words = [
        VerboseWord(word=word.text, start=_rounded(word.start_seconds), end=_rounded(word.end_seconds))
        for passage in passages
        for word in passage.transcript.words
    ]
    return VerboseTranscription(
        language=next((passage.transcript.language for passage in passages if passage.transcript.language), ""),
        duration=_rounded(seconds),
        text=text_of(passages),
        segments=segments if request.with_segments else None,
        words=words if request.with_words else None,
        usage=usage(seconds),
    )


def diarized(passages: Sequence[Passage], spoken: Sequence[SpokenSegment], seconds: float) -> DiarizedTranscription:
    segments = [diarized_segment(index, segment) for index, segment in enumerate(spoken)]
    return DiarizedTranscription(
        duration=_rounded(seconds), text=text_of(passages), segments=segments, usage=usage(seconds)
    )


def diarized_segment(index: int, segment: SpokenSegment) -> DiarizedSegment:
    start, end = _rounded(segment.start_seconds), _rounded(segment.end_seconds)
    return DiarizedSegment(id=f"seg_{index}", speaker=segment.speaker, start=start, end=end, text=segment.text)


async def told(passages: AsyncIterator[Passage]) -> AsyncIterator[bytes]:
    """As events, a delta for each passage: joined they are the whole text."""
    before = ""
    async for passage in passages:
        if passage.text:
            delta = f" {passage.text}" if before else passage.text
            before += delta
            yield event({"type": "transcript.text.delta", "delta": delta})
    yield event({"type": "transcript.text.done", "text": before})


async def told_by_speaker(found: AsyncIterator[DiarizedTranscription]) -> AsyncIterator[bytes]:
    async for answer in found:
        for segment in answer.segments:
            yield event(segment.model_dump())
        yield event({"type": "transcript.text.done", "text": answer.text})


def usage(seconds: float) -> Usage:
    return Usage(seconds=math.ceil(seconds))


def _segment(index: int, line: Line) -> VerboseSegment:
    raw = line.text.encode()
    return VerboseSegment(
        id=index,
        seek=round(line.passage.start_seconds * _FRAMES_A_SECOND),
        start=_rounded(line.start_seconds),
        end=_rounded(line.end_seconds),
        text=line.text,
        compression_ratio=round(len(raw) / len(zlib.compress(raw)), 3),
        no_speech_prob=line.passage.transcript.no_speech_probability,
    )


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def as_json(answer: BaseModel) -> dict[str, Any]:
    """Optional parts that were not asked for are left out; what is not known is null."""
    left_out = {name for name in ("segments", "words") if getattr(answer, name, ()) is None}
    return answer.model_dump(exclude=left_out)
