"""The order of a response's events, whatever it says and however it ends."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from realtime_session import check_order, kinds, session, started, tone, update, user_message

from antiphon_runtime.realtime.g711 import decode_mulaw, from_pcm16
from antiphon_runtime.realtime.protocol import Protocol
from antiphon_runtime.realtime.response_writer import FinalStatus, ResponseWriter, Usage
from antiphon_runtime.realtime.server_events import ServerEvent


def begun(protocol: Protocol, **response: Any) -> tuple[ResponseWriter, list[ServerEvent]]:
    reply = protocol.feed({"type": "response.create", "response": response})
    return started(reply), reply.events


def test_a_spoken_answer() -> None:
    protocol = session()
    question = protocol.feed(user_message("hello", id="q")).events
    writer, events = begun(protocol)
    events += writer.text("Hello ")
    events += writer.text("you.")
    events += writer.speak(tone(300), 24_000)
    events += writer.finish(
        usage=Usage(input_text_tokens=7, cached_tokens=3, output_text_tokens=2, output_audio_tokens=5)
    )
    assert kinds(events) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    check_order(question + events)
    added, done = events[2], events[-2]
    assert (added["previous_item_id"], added["item"]["status"], added["item"]["content"]) == ("q", "in_progress", [])
    assert done["item"]["content"] == [{"type": "output_audio", "transcript": "Hello you."}]
    response = events[-1]["response"]
    assert (response["status"], response["status_details"]) == ("completed", None)
    assert response["output"] == [done["item"]]
    assert response["usage"]["total_tokens"] == 14
    assert response["usage"]["input_token_details"]["cached_tokens"] == 3
    assert response["conversation_id"] == protocol.conversation.id
    said = b"".join(
        base64.b64decode(event["delta"]) for event in events if event["type"] == "response.output_audio.delta"
    )
    np.testing.assert_allclose(from_pcm16(said), tone(300), atol=1e-4)


def test_a_written_answer() -> None:
    writer, events = begun(session(), output_modalities=["text"])
    events += writer.text("Hello")
    events += writer.finish()
    assert kinds(events) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert events[5]["text"] == "Hello"
    assert events[6]["part"] == {"type": "text", "text": "Hello"}
    with pytest.raises(ValueError, match="text only"):
        begun(session(), output_modalities=["text"])[0].speak(tone(10), 24_000)


def test_words_and_two_calls() -> None:
    writer, events = begun(session())
    events += writer.text("One moment.")
    events += writer.speak(tone(100), 22_050)
    events += writer.tool_call({"index": 0, "id": "c1", "function": {"name": "weather", "arguments": ""}})
    events += writer.tool_call({"index": 0, "function": {"arguments": '{"in":'}})
    events += writer.tool_call({"index": 1, "id": "c2", "function": {"name": "time", "arguments": "{}"}})
    events += writer.tool_call({"index": 0, "function": {"arguments": '"Rome"}'}})
    events += writer.finish()
    check_order(events)
    calls = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    assert [(call["call_id"], call["name"], call["arguments"]) for call in calls] == [
        ("c1", "weather", '{"in":"Rome"}'),
        ("c2", "time", "{}"),
    ]
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["message", "function_call", "function_call"]
    first_call = kinds(events).index("response.function_call_arguments.delta")
    assert "response.output_audio.done" in kinds(events)[:first_call]


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        ("cancelled", "turn_detected", None),
        ("cancelled", "client_cancelled", None),
        ("incomplete", "max_output_tokens", None),
        ("incomplete", "content_filter", None),
        ("failed", None, ("engine_failed", "the voice fell silent")),
    ],
)
@pytest.mark.parametrize("said", [0, 1, 2])
def test_an_answer_that_ends_early(status: FinalStatus, reason: Any, error: Any, said: int) -> None:
    writer, events = begun(session())
    if said > 0:
        events += writer.text("Hello you.")
        events += writer.speak(tone(100), 24_000)
    if said > 1:
        events += writer.tool_call({"index": 0, "id": "c", "function": {"name": "weather", "arguments": '{"in'}})
    events += writer.finish(status, reason=reason, error=error)
    check_order(events)
    response = events[-1]["response"]
    assert response["status"] == response["status_details"]["type"] == status
    assert response["status_details"].get("reason") == reason
    if error:
        assert response["status_details"]["error"] == {"type": "server_error", "code": error[0], "message": error[1]}
    states = [item["status"] for item in response["output"]]
    assert states == [["incomplete"], ["completed", "incomplete"]][said - 1] if said else not states


def test_what_comes_too_late_is_not_sent() -> None:
    protocol = session()
    writer, _ = begun(protocol)
    writer.text("Hello")
    protocol.feed({"type": "response.cancel"})
    assert writer.is_done
    late = [writer.text("x"), writer.speak(tone(9), 24_000), writer.pause(), writer.tool_call({}), writer.finish()]
    assert late == [[]] * 5


def test_an_interruption_drops_what_was_held_back_and_an_end_does_not() -> None:
    for status, deltas in (("cancelled", 1), ("completed", 2), ("incomplete", 2)):
        writer, events = begun(session())
        events += writer.text("Hello")
        events += writer.speak(tone(100), 24_000)
        events += writer.finish(status)  # type: ignore[arg-type]
        assert kinds(events).count("response.output_audio.delta") == deltas


def test_a_clause_that_is_over_is_not_held_back() -> None:
    writer, _ = begun(session())
    writer.text("Hello")
    assert kinds(writer.speak(tone(200), 24_000)) == ["response.output_audio.delta"]
    assert kinds(writer.pause()) == ["response.output_audio.delta"]
    assert writer.pause() == []
    assert writer.audio_ms == 200


def test_another_voice_takes_over_in_the_midst_of_an_answer() -> None:
    writer, events = begun(session())
    events += writer.text("Hello")
    events += writer.speak(tone(300, 22_050), 22_050)
    events += writer.speak(tone(300, 16_000), 16_000)
    events += writer.finish()
    check_order(events)
    assert abs(writer.audio_ms - 600) <= 1


def test_beside_the_conversation_nothing_is_added_to_it() -> None:
    protocol = session()
    writer, events = begun(protocol, conversation="none", metadata={"client_event_id": "mine"})
    events += writer.text("Hello")
    events += writer.finish()
    check_order(events)
    assert not [kind for kind in kinds(events) if kind.startswith("conversation.")]
    assert len(protocol.conversation) == 0
    for event in (events[0], events[-1]):
        assert event["response"]["metadata"] == {"client_event_id": "mine"}
        assert event["response"]["conversation_id"] is None


def test_a_response_may_differ_from_the_session() -> None:
    protocol = session()
    protocol.feed(update(tools=[{"type": "function", "name": "weather"}], instructions="Be brief."))
    output = {"format": {"type": "audio/pcmu"}, "voice": "ben"}
    writer, events = begun(protocol, audio={"output": output}, max_output_tokens=9, tools=[], tool_choice="none")
    assert (writer.plan.voice, writer.plan.max_output_tokens, writer.plan.tools) == ("ben", 9, ())
    assert events[0]["response"]["audio"] == {"output": output}
    writer.text("Hello")
    events = writer.speak(tone(80), 24_000) + writer.finish()
    said = b"".join(
        base64.b64decode(event["delta"]) for event in events if event["type"] == "response.output_audio.delta"
    )
    assert len(decode_mulaw(said)) == 640


def test_an_item_that_is_deleted_while_it_is_written_is_not_done_in_the_conversation() -> None:
    protocol = session()
    writer, events = begun(protocol)
    events += writer.text("Hello")
    events += protocol.feed({"type": "conversation.item.delete", "item_id": writer.item_id}).events
    events += protocol.feed(user_message("mine now", id=writer.item_id)).events
    events += writer.finish()
    check_order(events)
    assert "response.output_item.done" in kinds(events)
    assert kinds(events).count("conversation.item.done") == 1
