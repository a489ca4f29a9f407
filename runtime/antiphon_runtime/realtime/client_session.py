"""What a client may say of its session: each part only where it is to change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

DEEPEST_SCHEMA = 64


class FromClient(BaseModel):
    """Strict in what it knows, and deaf to what it does not: clients send fields of other versions."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, allow_inf_nan=False)


def _whole(value: Any) -> Any:
    """300.0 is 300: clients without integers send it so."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _listed(*allowed: tuple[str, ...]) -> BeforeValidator:
    def check(value: Any) -> Any:
        if isinstance(value, list | tuple) and tuple(value) not in allowed:
            raise ValueError(f"it must be {' or '.join(str(list(each)) for each in allowed)}")
        return value

    return BeforeValidator(check)


def _tokens(value: Any) -> Any:
    value = _whole(value)
    if value != "inf" and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 4096):
        raise ValueError("it must be 'inf' or a number from 1 to 4096")
    return value


def _voice(value: Any) -> Any:
    """A custom voice comes as `{"id": ...}`."""
    return value["id"] if isinstance(value, Mapping) and "id" in value else value


def _tool_choice(value: Any) -> Any:
    named = isinstance(value, Mapping) and value.get("type") == "function" and isinstance(value.get("name"), str)
    if not named and not isinstance(value, FunctionChoice) and value not in ("none", "auto", "required"):
        raise ValueError("it must be 'none', 'auto', 'required' or {'type': 'function', 'name': ...}")
    return value


def _json_schema(value: Any) -> Any:
    """It is passed on as it is, so it must be fit to be sent."""
    if isinstance(value, Mapping):
        try:
            json.dumps(value, allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            raise ValueError("it must be a JSON schema, without infinite numbers") from None
        if _depth(value) > DEEPEST_SCHEMA:
            raise ValueError(f"it must be nested at most {DEEPEST_SCHEMA} deep")
    return value


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


Whole: TypeAlias = Annotated[int, BeforeValidator(_whole)]
Milliseconds: TypeAlias = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=86_400_000)]
MaxTokens: TypeAlias = Annotated[int | Literal["inf"], BeforeValidator(_tokens)]
Voice: TypeAlias = Annotated[str, BeforeValidator(_voice), Field(min_length=1, max_length=128)]
Modality: TypeAlias = Literal["text", "audio"]
Modalities: TypeAlias = Annotated[list[Modality], _listed(("audio",), ("text",))]
Speed: TypeAlias = Annotated[float, Field(ge=0.25, le=1.5)]
Instructions: TypeAlias = Annotated[str, Field(max_length=200_000)]
FormatType: TypeAlias = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]


class AudioFormat(FromClient):
    """audio/pcm is 16-bit little-endian at 24 kHz; pcmu and pcma are G.711 at 8 kHz."""

    type: FormatType = "audio/pcm"
    rate: Whole | None = None

    def model_post_init(self, _context: Any) -> None:
        if self.rate not in (None, self.samples_per_second):
            raise ValueError(f"rate is {self.rate}; with type {self.type} it must be {self.samples_per_second}")

    @property
    def samples_per_second(self) -> int:
        return 24_000 if self.type == "audio/pcm" else 8_000

    @property
    def bytes_per_sample(self) -> int:
        return 2 if self.type == "audio/pcm" else 1

    def as_event(self) -> dict[str, Any]:
        return {"type": self.type, "rate": 24_000} if self.type == "audio/pcm" else {"type": self.type}


class Transcription(FromClient):
    model: str | None = None
    language: Annotated[str, Field(max_length=35)] | None = None
    prompt: Annotated[str, Field(max_length=10_000)] | None = None


class ServerVad(FromClient):
    """The end of a turn is a silence."""

    type: Literal["server_vad"] = "server_vad"
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[Milliseconds, Field(le=5_000)] = 300
    silence_duration_ms: Annotated[Milliseconds, Field(le=60_000)] = 500
    create_response: bool = True
    interrupt_response: bool = True
    idle_timeout_ms: Annotated[Milliseconds, Field(ge=1)] | None = None


class SemanticVad(FromClient):
    """The end of a turn is judged by what was said."""

    type: Literal["semantic_vad"] = "semantic_vad"
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection: TypeAlias = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class FunctionTool(FromClient):
    type: Literal["function"]
    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    description: str | None = None
    parameters: Annotated[dict[str, Any], BeforeValidator(_json_schema)] | None = None


class FunctionChoice(FromClient):
    type: Literal["function"]
    name: Annotated[str, Field(min_length=1, max_length=64)]


Tools: TypeAlias = Annotated[list[FunctionTool], Field(max_length=128)]
ToolChoice: TypeAlias = Annotated[str | FunctionChoice, BeforeValidator(_tool_choice)]


class OutputAudioUpdate(FromClient):
    format: AudioFormat | None = None
    voice: Voice | None = None
    speed: Speed | None = None


class InputAudioUpdate(FromClient):
    """A null switches transcription or turn detection off; a null elsewhere changes nothing."""

    format: AudioFormat | None = None
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = None


class AudioUpdate(FromClient):
    input: InputAudioUpdate | None = None
    output: OutputAudioUpdate | None = None


class RealtimeUpdate(FromClient):
    type: Literal["realtime"]
    model: Annotated[str, Field(max_length=256)] | None = None
    output_modalities: Modalities | None = None
    instructions: Instructions | None = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: MaxTokens | None = None
    audio: AudioUpdate | None = None


class TranscriptionInputUpdate(FromClient):
    input: InputAudioUpdate | None = None


class TranscriptionUpdate(FromClient):
    """A session that only listens."""

    type: Literal["transcription"]
    audio: TranscriptionInputUpdate | None = None


SessionUpdate: TypeAlias = Annotated[RealtimeUpdate | TranscriptionUpdate, Field(discriminator="type")]
