"""Conversation items as a client writes them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from antiphon_runtime.realtime.client_session import FromClient

ItemId: TypeAlias = Annotated[str, Field(min_length=1, max_length=128)]
Text: TypeAlias = Annotated[str, Field(max_length=1_000_000)]
Status: TypeAlias = Literal["completed", "incomplete", "in_progress"]


class InputText(FromClient):
    type: Literal["input_text"]
    text: Text


class InputAudio(FromClient):
    """Base64 in the session's input format; it is transcribed unless its words are given."""

    type: Literal["input_audio"]
    audio: str | None = None
    transcript: Text | None = None


class OutputText(FromClient):
    type: Literal["output_text"]
    text: Text


class OutputAudio(FromClient):
    """What the agent said in an earlier session; the words alone are kept."""

    type: Literal["output_audio"]
    transcript: Text


class _Item(FromClient):
    id: ItemId | None = None
    status: Status | None = None


class UserMessage(_Item):
    type: Literal["message"]
    role: Literal["user"]
    content: list[Annotated[InputText | InputAudio, Field(discriminator="type")]]


class SystemMessage(_Item):
    type: Literal["message"]
    role: Literal["system"]
    content: list[InputText]


class AssistantMessage(_Item):
    type: Literal["message"]
    role: Literal["assistant"]
    content: list[Annotated[OutputText | OutputAudio, Field(discriminator="type")]]


Message: TypeAlias = Annotated[UserMessage | SystemMessage | AssistantMessage, Field(discriminator="role")]


class FunctionCall(_Item):
    type: Literal["function_call"]
    name: Annotated[str, Field(min_length=1, max_length=64)]
    arguments: Text
    call_id: ItemId | None = None


class FunctionCallOutput(_Item):
    type: Literal["function_call_output"]
    call_id: ItemId
    output: Text


class ItemReference(FromClient):
    """An item of the conversation, by its id."""

    type: Literal["item_reference"]
    id: ItemId


ClientItem: TypeAlias = Annotated[Message | FunctionCall | FunctionCallOutput, Field(discriminator="type")]
InputItem: TypeAlias = Annotated[
    Message | FunctionCall | FunctionCallOutput | ItemReference, Field(discriminator="type")
]
