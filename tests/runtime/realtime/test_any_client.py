"""Clients that do anything at any time: no exception, typed errors only, and events in the order that others rely on."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from realtime_session import append, check_order, openai_events, pcm, session, tone, update

from antiphon_runtime.realtime.actions import AudioCommitted, AudioGiven, Reply, StartResponse
from antiphon_runtime.realtime.errors import INTERNAL
from antiphon_runtime.realtime.protocol import Protocol
from antiphon_runtime.realtime.response_writer import ResponseWriter
from antiphon_runtime.realtime.server_events import ServerEvent

ids = st.sampled_from(["a", "b", "c", "root", "item_4", "item_9", "", "ä"]) | st.integers(1, 80).map("item_{}".format)
ms = st.integers(-10, 3_000)
anything: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3) | st.just([]) | st.just({})
)


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the fields, now and then with something else in place of their values."""
    return st.fixed_dictionaries({}, optional={name: value | anything for name, value in fields.items()})


content = st.lists(
    maybe(
        type=st.sampled_from(["input_text", "input_audio", "output_text", "output_audio", "input_image"]),
        text=st.text(max_size=5),
        transcript=st.text(max_size=5),
        audio=st.sampled_from([pcm(120), pcm(1), "AAA", ""]),
    ),
    max_size=2,
)
item = maybe(
    type=st.sampled_from(["message", "function_call", "function_call_output", "item_reference"]),
    id=ids,
    role=st.sampled_from(["user", "system", "assistant", "tool"]),
    content=content,
    name=st.just("weather"),
    arguments=st.just("{}"),
    call_id=st.just("call"),
    output=st.text(max_size=3),
)
good_item = st.builds(
    lambda item_id, text: {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
        **({"id": item_id} if item_id else {}),
    },
    ids,
    st.text(max_size=4),
)
audio_settings = maybe(
    input=maybe(
        format=st.sampled_from([{"type": "audio/pcm", "rate": 24_000}, {"type": "audio/pcmu"}, {"type": "audio/pcma"}]),
        transcription=maybe(model=st.just("tiny")),
        turn_detection=st.sampled_from(
            [{"type": "server_vad"}, {"type": "semantic_vad"}, {"type": "server_vad", "interrupt_response": False}]
        ),
    ),
    output=maybe(
        format=st.just({"type": "audio/pcmu"}), voice=st.sampled_from(["anna", "alloy", "zoe"]), speed=st.just(1.2)
    ),
)
session_fields = maybe(
    type=st.sampled_from(["realtime", "transcription"]),
    output_modalities=st.sampled_from([["audio"], ["text"]]),
    instructions=st.text(max_size=3),
    max_output_tokens=st.sampled_from(["inf", 5]),
    tool_choice=st.sampled_from(["auto", "none"]),
    audio=audio_settings,
)
response_fields = maybe(
    output_modalities=st.sampled_from([["audio"], ["text"]]),
    conversation=st.sampled_from(["auto", "none"]),
    input=st.lists(item | good_item, max_size=2),
    metadata=st.just({"client_event_id": "x"}),
    audio=audio_settings,
)


def event(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    named = st.fixed_dictionaries({"type": st.just(kind), **fields}, optional={"event_id": st.text(max_size=3)})
    return named | maybe(type=st.just(kind), **fields)


wrong_events = st.one_of(
    event("session.update", session=session_fields),
    event("input_audio_buffer.append", audio=st.sampled_from([pcm(20), pcm(400), "?", "AAA="])),
    event("conversation.item.create", item=item | good_item, previous_item_id=ids),
    event("conversation.item.delete", item_id=ids),
    event("conversation.item.truncate", item_id=ids, content_index=st.integers(0, 1), audio_end_ms=ms),
    event("response.create", response=response_fields),
    event("response.cancel", response_id=ids),
    anything,
)
known = st.integers(0, 30)
"""In place of an id: that of an item or response which is there, if there are any."""
good_events = st.one_of(
    st.just(append(400)),
    st.sampled_from([{"type": f"input_audio_buffer.{verb}"} for verb in ("commit", "clear")]),
    session_fields.map(lambda fields: {"type": "session.update", "session": {**fields, "type": "realtime"}}),
    st.sampled_from(
        [
            update(audio={"input": {"turn_detection": None}}),
            update(audio={"input": {"turn_detection": {"type": "server_vad"}, "transcription": {"model": "tiny"}}}),
            update(output_modalities=["text"]),
        ]
    ),
    st.builds(lambda given: {"type": "conversation.item.create", "item": given}, good_item),
    st.builds(
        lambda given, previous: {"type": "conversation.item.create", "item": given, "previous_item_id": previous},
        good_item,
        known,
    ),
    st.builds(
        lambda verb, item_id: {"type": f"conversation.item.{verb}", "item_id": item_id},
        st.sampled_from(["delete", "retrieve", "retrieve"]),
        known,
    ),
    st.builds(
        lambda item_id, at_ms: {
            "type": "conversation.item.truncate",
            "item_id": item_id,
            "content_index": 0,
            "audio_end_ms": abs(at_ms),
        },
        known,
        st.integers(0, 400),
    ),
    st.just({"type": "response.create"}),
    st.builds(lambda fields: {"type": "response.create", "response": fields}, response_fields),
    st.just({"type": "response.cancel"}),
    st.builds(lambda response_id: {"type": "response.cancel", "response_id": response_id}, known),
)


def either(first: st.SearchStrategy[Any], second: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Each half of the time; `|` would weigh them by their branches."""
    return st.booleans().flatmap(lambda is_first: first if is_first else second)


client_events = either(good_events, wrong_events)
pipeline_steps = st.tuples(
    st.sampled_from(
        [
            "turn",
            "answer",
            "start",
            "stop",
            "commit",
            "timeout",
            "respond",
            "text",
            "speak",
            "pause",
            "call",
            "finish",
            "fail",
            "transcript",
        ]
    ),
    ms,
)


class Pipeline:
    """A pipeline that knows nothing of order either, and goes on with answers that are over."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.writers: list[ResponseWriter] = []
        self.heard: list[tuple[str, int]] = []

    def addressed(self, event: Any) -> Any:
        """With ids in place of numbers."""
        if not isinstance(event, dict):
            return event
        items = [item.id for item in self.protocol.conversation]
        pools = {"item_id": items, "previous_item_id": items, "response_id": [writer.id for writer in self.writers]}
        return {
            name: pools[name][value % len(pools[name])] if pools.get(name) and type(value) is int else value
            for name, value in event.items()
        }

    def take(self, reply: Reply) -> list[ServerEvent]:
        for action in reply.actions:
            if isinstance(action, StartResponse):
                self.writers.append(action.response)
            elif isinstance(action, AudioCommitted):
                self.heard.append((action.item_id, 0))
            elif isinstance(action, AudioGiven):
                self.heard.append((action.item_id, action.content_index))
        return reply.events

    def step(self, name: str, at_ms: int) -> list[ServerEvent]:
        turns, protocol = self.protocol.turns, self.protocol
        match name:
            case "turn":
                self.take(protocol.feed(append(500)))
                parts = [self.step(part, protocol.turns.buffer.end_ms) for part in ("start", "stop", "commit")]
                return [event for part in parts for event in part]
            case "answer":
                parts = [self.step(part, 0) for part in ("respond", "text", "speak")]
                return [event for part in parts for event in part]
            case "start":
                return self.take(protocol.speech_started(at_ms))
            case "stop":
                return turns.speech_stopped(at_ms)
            case "commit":
                return self.take(turns.commit_turn())
            case "timeout":
                return self.take(turns.timeout(at_ms))
            case "respond":
                return self.take(protocol.respond())
            case "transcript":
                return [event for where in self.heard for event in self.recognised(*where, at_ms)]
        return self.write(name, at_ms)

    def recognised(self, item_id: str, index: int, at_ms: int) -> list[ServerEvent]:
        turns, seconds = self.protocol.turns, abs(at_ms) / 1000
        if at_ms % 3 == 0:
            return turns.transcript_delta(item_id, "h", index) + turns.transcript_completed(item_id, "hi", index)
        if at_ms % 3 == 1:
            return turns.transcript_failed(item_id, "engine_failed", "gone", index)
        said = {"speaker": "A", "text": "hi", "start_seconds": 0.0, "end_seconds": seconds}
        return turns.transcript_segment(item_id, **said, content_index=index)  # type: ignore[arg-type]

    def write(self, name: str, at_ms: int) -> list[ServerEvent]:
        if not self.writers:
            return []
        writer = self.writers[at_ms % len(self.writers) if at_ms else -1]
        writer.messages()
        match name:
            case "text":
                return writer.text("word ")
            case "speak":
                return writer.speak(tone(150), 24_000) if writer.plan.modality == "audio" else []
            case "pause":
                return writer.pause()
            case "call":
                return writer.tool_call({"index": at_ms % 3, "function": {"name": "weather", "arguments": "{"}})
            case "finish":
                return writer.finish()
        return writer.finish("failed", error=("engine_failed", "gone"))


steps_of_both: st.SearchStrategy[list[tuple[Any, int | None]]] = st.lists(
    either(client_events.map(lambda event: (event, None)), pipeline_steps), min_size=20, max_size=60
)


def led(protocol: Protocol, steps: list[tuple[Any, int | None]]) -> list[ServerEvent]:
    """All that is sent while client and pipeline take these steps, and until the last answer is over."""
    pipeline = Pipeline(protocol)
    sent = protocol.open().events
    for what, at_ms in steps:
        sent += pipeline.take(protocol.feed(pipeline.addressed(what))) if at_ms is None else pipeline.step(what, at_ms)
    for writer in pipeline.writers:
        sent += writer.finish()
    return sent


@settings(max_examples=20, deadline=None)
@given(steps_of_both)
def test_whatever_is_sent_is_valid_for_the_openai_package(steps: list[tuple[Any, int | None]]) -> None:
    adapter = openai_events()
    for event in led(session(), steps):
        assert adapter.validate_python(event, strict=True).type == event["type"]


@settings(max_examples=200, deadline=None)
@given(steps_of_both)
def test_the_session_lives_on(steps: list[tuple[Any, int | None]]) -> None:
    protocol = session()
    sent = led(protocol, steps)
    check_order(sent)
    errors = [event["error"] for event in sent if event["type"] == "error"]
    assert INTERNAL not in {error["code"] for error in errors}
    created = [event["response"]["id"] for event in sent if event["type"] == "response.created"]
    done = [event["response"]["id"] for event in sent if event["type"] == "response.done"]
    assert sorted(created) == sorted(done)
    assert [event["type"] for event in protocol.feed({"type": "input_audio_buffer.clear"}).events] == [
        "input_audio_buffer.cleared"
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(wrong_events, min_size=1, max_size=15))
def test_each_event_has_its_answer(events: list[Any]) -> None:
    """An error carries the client's id; every other event but an append is answered, too."""
    protocol = session()
    for given_event in events:
        reply = protocol.feed(given_event)
        kinds = [event["type"] for event in reply.events]
        if "error" in kinds:
            assert kinds == ["error"]
            event_id = given_event.get("event_id") if isinstance(given_event, dict) else None
            assert reply.events[0]["error"]["event_id"] == (event_id if isinstance(event_id, str) else None)
        else:
            assert kinds or given_event["type"] == "input_audio_buffer.append"
