"""Every event that is sent is one that the `openai` package knows, down to its fields."""

from __future__ import annotations

from typing import Any

from realtime_session import append, kinds, openai_events, session, started, tone, update, user_message

from antiphon_runtime.realtime.actions import AudioCommitted
from antiphon_runtime.realtime.client_session import Transcription
from antiphon_runtime.realtime.errors import RealtimeError
from antiphon_runtime.realtime.protocol import Protocol
from antiphon_runtime.realtime.response_writer import Usage
from antiphon_runtime.realtime.server_events import ServerEvent, ServerEvents
from antiphon_runtime.realtime.session_settings import AudioSettings, InputSettings, SessionSettings

EMITTED = {
    "session.created",
    "session.updated",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.deleted",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
    "input_audio_buffer.timeout_triggered",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.failed",
    "conversation.item.input_audio_transcription.segment",
    "response.created",
    "response.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "rate_limits.updated",
    "error",
}
SETTINGS = SessionSettings(audio=AudioSettings(input=InputSettings(transcription=Transcription(model="tiny"))))
TOOL = {"type": "function", "name": "weather", "description": "Tells it", "parameters": {"type": "object"}}


def everything_sent() -> list[ServerEvent]:
    """Two sessions in which every kind of event occurs."""
    protocol = session(SETTINGS)
    sent = protocol.open().events
    sent += protocol.feed(
        update(tools=[TOOL], tool_choice="auto", max_output_tokens=50, instructions="Be brief.")
    ).events
    sent += heard(protocol)
    sent += answered(protocol)
    sent += handled(protocol)
    sent += ServerEvents(lambda prefix: f"{prefix}_x").error(RealtimeError("wrong", param="a"), "mine"), limits()
    listening = session(SessionSettings(type="transcription"))
    return sent + listening.open().events


def limits() -> ServerEvent:
    limit = {"name": "tokens", "limit": 10, "remaining": 5, "reset_seconds": 0.5}
    return ServerEvents(lambda prefix: f"{prefix}_y").rate_limits_updated([limit])


def heard(protocol: Protocol) -> list[ServerEvent]:
    protocol.feed(append(2_000))
    sent = protocol.speech_started(500).events + protocol.turns.speech_stopped(1_500)
    reply = protocol.turns.commit_turn()
    (turn,) = reply.actions
    assert isinstance(turn, AudioCommitted)
    sent += reply.events
    sent += protocol.turns.transcript_delta(turn.item_id, "hel")
    sent += protocol.turns.transcript_segment(
        turn.item_id, speaker="A", text="hello", start_seconds=0.0, end_seconds=1.0
    )
    sent += protocol.turns.transcript_completed(turn.item_id, "hello")
    sent += protocol.turns.transcript_failed(turn.item_id, "engine_failed", "gone")
    sent += protocol.turns.timeout(1_500).events
    return sent + protocol.feed({"type": "input_audio_buffer.clear"}).events


def answered(protocol: Protocol) -> list[ServerEvent]:
    reply = protocol.respond()
    writer = started(reply)
    sent = reply.events + writer.text("Hello") + writer.speak(tone(100), 24_000)
    sent += writer.tool_call({"index": 0, "id": "c", "function": {"name": "weather", "arguments": "{}"}})
    sent += writer.finish(usage=Usage(1, 2, 3, 4, 5))
    place = {"item_id": writer.item_id, "content_index": 0, "audio_end_ms": 50}
    sent += protocol.feed({"type": "conversation.item.truncate", **place}).events
    parameters = {"output_modalities": ["text"], "metadata": {"client_event_id": "x"}, "conversation": "none"}
    reply = protocol.feed({"type": "response.create", "response": parameters})
    writer = started(reply)
    sent += reply.events + writer.text("Hello") + writer.finish("failed", error=("engine_failed", "gone"))
    sent += protocol.respond().events
    return sent + protocol.feed({"type": "response.cancel"}).events


def handled(protocol: Protocol) -> list[ServerEvent]:
    call = {"type": "function_call", "name": "weather", "arguments": "{}", "id": "call"}
    output = {"type": "function_call_output", "call_id": "c", "output": "rain"}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}
    sent = protocol.feed(user_message("hello", id="a", previous_item_id="root")).events
    for item in (call, output, said):
        sent += protocol.feed({"type": "conversation.item.create", "item": item}).events
    for made in list(protocol.conversation):
        sent += protocol.feed({"type": "conversation.item.retrieve", "item_id": made.id}).events
    return sent + protocol.feed({"type": "conversation.item.delete", "item_id": "a"}).events


def test_every_kind_occurs_and_no_other() -> None:
    assert set(kinds(everything_sent())) == EMITTED


def test_every_event_is_valid_for_the_openai_package() -> None:
    adapter = openai_events()
    for event in everything_sent():
        read = adapter.validate_python(event, strict=True)
        assert read.type == event["type"], "the union falls back to another kind where the right one does not fit"
        unknown = _unknown(read)
        assert unknown <= {"object", "id", "tracing"}, (event["type"], unknown)


def _unknown(read: Any) -> set[str]:
    """Fields that the package has no name for."""
    found = set(getattr(read, "model_extra", None) or {})
    for name in getattr(type(read), "model_fields", {}):
        value = getattr(read, name)
        for inner in value if isinstance(value, list) else [value]:
            found |= _unknown(inner)
    return found
