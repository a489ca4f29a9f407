"""The settings of a session in force, and how an update changes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from antiphon_runtime.realtime.client_session import (
    AudioFormat,
    FunctionTool,
    Instructions,
    MaxTokens,
    Modality,
    RealtimeUpdate,
    ServerVad,
    SessionUpdate,
    Speed,
    ToolChoice,
    Transcription,
    TurnDetection,
)
from antiphon_runtime.realtime.errors import CANNOT_UPDATE, RealtimeError, shown

CLIENTS_VOICES = frozenset({"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"})
"""Names that clients send without being asked; whoever does not have them speaks with the model's own voice."""
_NULL_MEANS_OFF = frozenset({"transcription", "turn_detection"})
"""Elsewhere a null changes nothing."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True)


class InputSettings(_Settings):
    format: AudioFormat = AudioFormat()
    transcription: Transcription | None = None
    """None: the client is told no transcripts. What was said is recognised all the same."""
    turn_detection: TurnDetection | None = ServerVad()
    """None: the client says when a turn ends."""


class OutputSettings(_Settings):
    format: AudioFormat = AudioFormat()
    voice: str = ""
    """Empty: the model's own."""
    speed: Speed = 1.0


class AudioSettings(_Settings):
    input: InputSettings = InputSettings()
    output: OutputSettings = OutputSettings()


class SessionSettings(_Settings):
    """All that a client can set. Immutable: an update makes new ones."""

    type: Literal["realtime", "transcription"] = "realtime"
    """A transcription session only listens."""
    model: str = ""
    """As the client asked for it. Empty: it did not."""
    output_modalities: tuple[Modality, ...] = ("audio",)
    instructions: Instructions = ""
    tools: tuple[FunctionTool, ...] = ()
    tool_choice: ToolChoice = "auto"
    max_output_tokens: MaxTokens = "inf"
    audio: AudioSettings = Field(default=AudioSettings())


@dataclass(slots=True)
class Progress:
    """What has already happened in a session, and so fixes some of its settings."""

    heard_audio: bool = False
    spoke_audio: bool = False
    has_items: bool = False
    responding: bool = False


def updated(
    settings: SessionSettings, update: SessionUpdate, progress: Progress, voices: Collection[str] = ()
) -> SessionSettings:
    """Settings with what the update says, the rest as it was; raises RealtimeError where it may not be so.

    Part by part; a turn detection of another kind starts from that kind's defaults. The model stays what the session was
    opened with: there is one agent here, and some clients always send the model that they know.
    """
    said = update.model_dump(exclude_unset=True)
    if settings.model:
        said.pop("model", None)
    changed = SessionSettings.model_validate(_merged(settings.model_dump(), said))
    _check_fixed(settings, changed, progress)
    if isinstance(update, RealtimeUpdate):
        check_voice(changed.audio.output.voice, voices, "session.audio.output.voice")
    return changed


def check_voice(voice: str, voices: Collection[str], param: str) -> None:
    if voice and voice not in CLIENTS_VOICES and voice not in voices:
        known = ", ".join(sorted(voices)) or "none by name"
        raise RealtimeError(f"{param} is {shown(voice)}; the voices of this agent are: {known}", param=param)


def voice_for_model(voice: str, voices: Collection[str]) -> str:
    """The name under which the model knows it; empty for its own."""
    return voice if voice in voices else ""


def settings_event(settings: SessionSettings, session_id: str) -> dict[str, Any]:
    """The whole of what is in force, as `session.created` and `session.updated` show it."""
    whole = settings.model_dump()
    heard = whole["audio"]["input"]
    heard["format"] = settings.audio.input.format.as_event()
    heard["noise_reduction"] = None
    common = {"type": settings.type, "object": f"realtime.{_OBJECTS[settings.type]}", "id": session_id}
    if settings.type == "transcription":
        return {**common, "audio": {"input": heard}}
    spoken = {**whole["audio"]["output"], "format": settings.audio.output.format.as_event()}
    names = ("model", "output_modalities", "instructions", "tools", "tool_choice", "max_output_tokens")
    said = {name: whole[name] for name in names}
    said["output_modalities"] = list(settings.output_modalities)
    said["tools"] = tools_event(settings.tools)
    said["model"] = settings.model or None
    spoken["voice"] = settings.audio.output.voice or None
    return {**common, **said, "audio": {"input": heard, "output": spoken}, "tracing": None}


_OBJECTS = {"realtime": "session", "transcription": "transcription_session"}


def tools_event(tools: Collection[FunctionTool]) -> list[dict[str, Any]]:
    return [tool.model_dump(exclude_none=True) for tool in tools]


def _merged(now: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(now)
    for name, value in said.items():
        if value is None and name not in _NULL_MEANS_OFF:
            continue
        before = now.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and _same_kind(before, value):
            merged[name] = _merged(before, value)
        else:
            merged[name] = value
    return merged


def _same_kind(before: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    return bool(value.get("type", before.get("type")) == before.get("type"))


def _check_fixed(now: SessionSettings, changed: SessionSettings, progress: Progress) -> None:
    """What may not change any more. The same value again is no change."""
    heard, spoken = now.audio.input, now.audio.output
    new = changed.audio
    rules = (
        ("type", now.type, changed.type, progress.heard_audio or progress.has_items, "the session has begun"),
        ("audio.input.format", heard.format.type, new.input.format.type, progress.heard_audio, "audio was received"),
        ("audio.output.format", spoken.format.type, new.output.format.type, progress.spoke_audio, "the agent spoke"),
        ("audio.output.voice", spoken.voice, new.output.voice, progress.spoke_audio, "the agent spoke"),
        ("audio.output.speed", spoken.speed, new.output.speed, progress.responding, "a response began"),
    )
    for name, before, after, fixed, since in rules:
        if fixed and before != after:
            raise RealtimeError(
                f"session.{name} is {shown(after)}; since {since} it stays {shown(before)}",
                code=CANNOT_UPDATE,
                param=f"session.{name}",
            )
