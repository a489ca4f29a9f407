"""All events that a client may send, and the reading of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from antiphon_runtime.realtime.client_items import ClientItem, InputItem, ItemId
from antiphon_runtime.realtime.client_session import (
    AudioFormat,
    FromClient,
    Instructions,
    MaxTokens,
    Milliseconds,
    Modalities,
    SessionUpdate,
    ToolChoice,
    Tools,
    Voice,
    Whole,
)
from antiphon_runtime.realtime.errors import INVALID_TYPE, RealtimeError, refusal, shown

Metadata: TypeAlias = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]


class _Event(FromClient):
    event_id: Annotated[str, Field(max_length=512)] | None = None
    """The client's own; told back with an error."""


class SessionUpdateEvent(_Event):
    type: Literal["session.update"]
    session: SessionUpdate


class AppendEvent(_Event):
    type: Literal["input_audio_buffer.append"]
    audio: str
    """Base64."""


class CommitEvent(_Event):
    type: Literal["input_audio_buffer.commit"]


class ClearEvent(_Event):
    type: Literal["input_audio_buffer.clear"]


class ItemCreateEvent(_Event):
    type: Literal["conversation.item.create"]
    item: ClientItem
    previous_item_id: ItemId | None = None
    """The item to insert after; `root` is the beginning, left out is the end."""


class ItemDeleteEvent(_Event):
    type: Literal["conversation.item.delete"]
    item_id: ItemId


class ItemRetrieveEvent(_Event):
    type: Literal["conversation.item.retrieve"]
    item_id: ItemId


class ItemTruncateEvent(_Event):
    type: Literal["conversation.item.truncate"]
    item_id: ItemId
    content_index: Annotated[Whole, Field(ge=0)]
    audio_end_ms: Milliseconds


class ResponseOutputAudio(FromClient):
    format: AudioFormat | None = None
    voice: Voice | None = None


class ResponseAudio(FromClient):
    output: ResponseOutputAudio | None = None


class ResponseParameters(FromClient):
    """What one response is to do otherwise than the session says."""

    output_modalities: Modalities | None = None
    instructions: Instructions | None = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    max_output_tokens: MaxTokens | None = None
    audio: ResponseAudio | None = None
    metadata: Metadata | None = None
    conversation: Literal["auto", "none"] | None = None
    """`none`: beside the conversation, which it may read but does not add to."""
    input: list[InputItem] | None = None
    """The context, in place of the conversation."""


class ResponseCreateEvent(_Event):
    type: Literal["response.create"]
    response: ResponseParameters | None = None


class ResponseCancelEvent(_Event):
    type: Literal["response.cancel"]
    response_id: Annotated[str, Field(max_length=128)] | None = None


ClientEvent: TypeAlias = Annotated[
    SessionUpdateEvent
    | AppendEvent
    | CommitEvent
    | ClearEvent
    | ItemCreateEvent
    | ItemDeleteEvent
    | ItemRetrieveEvent
    | ItemTruncateEvent
    | ResponseCreateEvent
    | ResponseCancelEvent,
    Field(discriminator="type"),
]
_READER: TypeAdapter[ClientEvent] = TypeAdapter(ClientEvent)


def read_client_event(event: object) -> ClientEvent:
    """Raises RealtimeError, and nothing else, for whatever is no client event."""
    if not isinstance(event, dict):
        raise RealtimeError(f"the event is {shown(event)}; it must be an object with a type", code=INVALID_TYPE)
    _check_text(event)
    try:
        return _READER.validate_python(event)
    except ValidationError as error:
        raise refusal(error, event) from None


def _check_text(event: dict[object, object]) -> None:
    """JSON can hold halves of characters, which could be told to nobody."""
    waiting: list[object] = [event]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if not value.isascii() and value != value.encode("utf-8", "replace").decode():
                raise RealtimeError(f"the event has the text {shown(value)}; send no lone surrogates")
        elif isinstance(value, dict):
            waiting += value.keys()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def client_event_id(event: object) -> str | None:
    """The id by which the client knows its event, where it gave one."""
    found = event.get("event_id") if isinstance(event, dict) else None
    return found.encode("utf-8", "replace").decode()[:512] if isinstance(found, str) else None
