"""A request for a transcription: a form with a file, as OpenAI's clients send it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from starlette.datastructures import FormData, UploadFile

from antiphon_runtime.realtime.errors import MISSING_PARAMETER, shown
from antiphon_runtime.server.http_api.bodies import Given, all_of
from antiphon_runtime.server.http_api.errors import NOT_SUPPORTED, ApiError, invalid

Format: TypeAlias = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
Granularity: TypeAlias = Literal["word", "segment"]
FILE_SCHEMA = {"file": {"type": "string", "format": "binary", "description": "The audio, at most 25 MiB."}}
_STREAMED: tuple[Format, ...] = ("json", "text", "diarized_json")
_LISTS = ("timestamp_granularities", "include", "known_speaker_names")


def _chunking(value: object) -> object:
    """`auto`, or an object as JSON, whose values are read past: long audio is always cut where it is quiet."""
    if value == "auto":
        return value
    try:
        kind = json.loads(value)["type"] if isinstance(value, str) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        kind = None
    if kind != "server_vad":
        raise ValueError('it must be auto, or JSON such as {"type": "server_vad"}')
    return value


class TranscriptionRequest(Given):
    """temperature is read past, as the search is greedy or by beams; so are keywords and languages."""

    model_config = ConfigDict(strict=False)

    model: str | None = None
    """The agent's name, a model's, or left out."""
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None
    """Default: the agent's; where it names none it is detected."""
    prompt: Annotated[str, Field(max_length=4096)] | None = None
    """Words to expect, or what was said before."""
    response_format: Format = "json"
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    stream: bool = False
    """With json, text and diarized_json: as events."""
    timestamp_granularities: Annotated[list[Granularity], Field(alias="timestamp_granularities[]")] = []
    """With verbose_json. Default: segment."""
    chunking_strategy: Annotated[str, BeforeValidator(_chunking), WithJsonSchema({"const": "auto"})] | None = None

    @property
    def needs_words(self) -> bool:
        return self.response_format in ("srt", "vtt", "verbose_json", "diarized_json")

    @property
    def with_words(self) -> bool:
        return "word" in self.timestamp_granularities

    @property
    def with_segments(self) -> bool:
        return "segment" in self.timestamp_granularities or not self.with_words


def read_request(form: FormData) -> TranscriptionRequest:
    """Raises ApiError."""
    given = _fields(form)
    try:
        request = TranscriptionRequest.model_validate(given)
    except ValidationError as error:
        raise invalid(error, given) from None
    _check(request, form)
    return request


def uploaded(form: FormData) -> UploadFile:
    file = form.get("file")
    if file is None:
        raise ApiError(
            "file is missing; send the audio as a part with a filename", code=MISSING_PARAMETER, param="file"
        )
    if not isinstance(file, UploadFile):
        raise ApiError("file is text; send it as a part with a filename", param="file")
    return file


def _fields(form: FormData) -> dict[str, Any]:
    """Empty ones count as left out."""
    given: dict[str, Any] = {
        name: value
        for name in TranscriptionRequest.model_fields
        if name not in _LISTS and isinstance(value := form.get(name), str) and value
    }
    if kind := form.get("chunking_strategy[type]"):  # as the SDK writes objects
        given["chunking_strategy"] = json.dumps({"type": str(kind)})
    if granularities := all_of(form, "timestamp_granularities"):
        given["timestamp_granularities[]"] = granularities
    return given


def _check(request: TranscriptionRequest, form: FormData) -> None:
    kind = request.response_format
    if request.timestamp_granularities and kind != "verbose_json":
        raise _clash("timestamp_granularities[]", f"is given with response_format {kind}; it needs verbose_json")
    if request.stream and kind not in _STREAMED:
        raise _clash("stream", f"is true with response_format {kind}; it needs one of {', '.join(_STREAMED)}")
    for name, why in _REFUSED.items():
        if values := all_of(form, name):
            raise ApiError(f"{name}[] is {shown(values)}; {why}", code=NOT_SUPPORTED, param=f"{name}[]")


_REFUSED: Mapping[str, str] = {
    "include": "the recognizers tell no logprobs: leave it out",
    "known_speaker_names": "speakers are not known by name: leave it out, and they are called A, B and so on",
}


def _clash(param: str, what: str) -> ApiError:
    return ApiError(f"{param} {what}", param=param)
