"""What a conversation consists of: messages, function calls and their outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from antiphon_runtime.realtime.client_items import (
    AssistantMessage,
    ClientItem,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputText,
    OutputText,
    Status,
)
from antiphon_runtime.realtime.spoken import SpokenText

PartType: TypeAlias = Literal["input_text", "input_audio", "output_text", "output_audio"]
Role: TypeAlias = Literal["user", "assistant", "system"]


@dataclass(slots=True)
class Part:
    """A piece of a message. Spoken parts have a transcript, others a text; both are `text` here."""

    type: PartType
    text: str | None = None
    """None: spoken and not recognised yet."""
    spoken: SpokenText | None = None
    """What was said when; of an output_audio that this session made."""
    audio_ms: int = 0
    """Length of an input_audio."""

    def as_event(self) -> dict[str, Any]:
        kind = "text" if self.type.endswith("text") else "transcript"
        return {"type": self.type, kind: self.text if kind == "transcript" else self.text or ""}

    def as_response_part(self) -> dict[str, Any]:
        """As `response.content_part.*` names it."""
        if self.type == "output_audio":
            return {"type": "audio", "transcript": self.text or ""}
        return {"type": "text", "text": self.text or ""}


@dataclass(slots=True)
class Message:
    id: str
    role: Role
    parts: list[Part] = field(default_factory=list)
    status: Status = "completed"

    def as_event(self) -> dict[str, Any]:
        content = [part.as_event() for part in self.parts]
        return {**_head(self.id, "message", self.status), "role": self.role, "content": content}

    @property
    def text(self) -> str:
        """All that is known of what was written or said."""
        return " ".join(part.text for part in self.parts if part.text)


@dataclass(slots=True)
class Call:
    """The model asks for a function of the client's."""

    id: str
    call_id: str
    name: str
    arguments: str = ""
    status: Status = "completed"

    def as_event(self) -> dict[str, Any]:
        said = {"call_id": self.call_id, "name": self.name, "arguments": self.arguments}
        return {**_head(self.id, "function_call", self.status), **said}


@dataclass(slots=True)
class CallOutput:
    """What the function gave."""

    id: str
    call_id: str
    output: str
    status: Status = "completed"

    def as_event(self) -> dict[str, Any]:
        head = _head(self.id, "function_call_output", self.status)
        return {**head, "call_id": self.call_id, "output": self.output}


Item: TypeAlias = Message | Call | CallOutput


def _head(item_id: str, kind: str, status: Status) -> dict[str, Any]:
    return {"id": item_id, "object": "realtime.item", "type": kind, "status": status}


def item_from_client(item: ClientItem, item_id: str, call_id: str) -> Item:
    """What a client creates is complete. `call_id` is for a function call that has none."""
    if isinstance(item, FunctionCall):
        return Call(item_id, item.call_id or call_id, item.name, item.arguments)
    if isinstance(item, FunctionCallOutput):
        return CallOutput(item_id, item.call_id, item.output)
    if isinstance(item, AssistantMessage):
        said = [
            Part(part.type, part.text if isinstance(part, OutputText) else part.transcript) for part in item.content
        ]
        return Message(item_id, "assistant", said)
    return Message(item_id, item.role, [_heard_part(part) for part in item.content])


def _heard_part(part: InputText | InputAudio) -> Part:
    return Part(part.type, part.text if isinstance(part, InputText) else part.transcript)
