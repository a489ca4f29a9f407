"""What one response is to be: the session's settings, with what its own parameters change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from antiphon_runtime.realtime.chat import chat_messages, split_instructions
from antiphon_runtime.realtime.client_events import ResponseParameters
from antiphon_runtime.realtime.client_session import AudioFormat, FunctionTool, ToolChoice
from antiphon_runtime.realtime.items import Item
from antiphon_runtime.realtime.session_settings import SessionSettings, check_voice


@dataclass(frozen=True, slots=True)
class ResponsePlan:
    """Fixed when the response begins; later updates of the session do not reach it."""

    modality: Literal["audio", "text"]
    session_instructions: str
    instructions: str | None
    """Its own. None: the session's."""
    tools: tuple[FunctionTool, ...]
    tool_choice: ToolChoice
    max_output_tokens: int | None
    """None: as many as the model may."""
    format: AudioFormat
    voice: str
    speed: float
    metadata: Mapping[str, str] | None = None
    in_conversation: bool = True
    """False: it may read the conversation, and adds nothing to it."""
    input: tuple[Item, ...] | None = None
    """The context, in place of the conversation."""

    @property
    def modalities(self) -> list[str]:
        return [self.modality]

    def messages(self, conversation: Iterable[Item], heard: str = "") -> list[dict[str, Any]]:
        """The prompt for the conversation as it is. `heard`: see `chat_messages`."""
        begin, extra = split_instructions(self.session_instructions, self.instructions)
        items = conversation if self.input is None else self.input
        return chat_messages(begin, items, extra=extra, heard=heard)

    def as_event(self) -> dict[str, Any]:
        """The part of a response object that does not change."""
        output = {"format": self.format.as_event(), "voice": self.voice or None}
        return {
            "output_modalities": self.modalities,
            "max_output_tokens": self.max_output_tokens or "inf",
            "audio": {"output": output},
            "metadata": dict(self.metadata) if self.metadata is not None else None,
        }


def plan_response(
    settings: SessionSettings,
    parameters: ResponseParameters | None = None,
    *,
    context: tuple[Item, ...] | None = None,
    voices: Collection[str] = (),
) -> ResponsePlan:
    """`context` is the parameters' input, already read. Raises RealtimeError for an unknown voice."""
    said = parameters or ResponseParameters()
    audio = said.audio.output if said.audio else None
    voice = audio.voice if audio and audio.voice else settings.audio.output.voice
    check_voice(voice, voices, "response.audio.output.voice")
    modalities = said.output_modalities or settings.output_modalities
    tokens = said.max_output_tokens or settings.max_output_tokens
    return ResponsePlan(
        modality=modalities[0],
        session_instructions=settings.instructions,
        instructions=said.instructions,
        tools=settings.tools if said.tools is None else tuple(said.tools),
        tool_choice=settings.tool_choice if said.tool_choice is None else said.tool_choice,
        max_output_tokens=None if tokens == "inf" else tokens,
        format=audio.format if audio and audio.format else settings.audio.output.format,
        voice=voice,
        speed=settings.audio.output.speed,
        metadata=said.metadata,
        in_conversation=said.conversation != "none",
        input=context,
    )
