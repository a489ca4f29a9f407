"""Each refusal names the field, the value and what would be right; what is unknown does no harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from realtime_session import update

from antiphon_runtime.realtime.client_events import client_event_id, read_client_event
from antiphon_runtime.realtime.errors import (
    INVALID_TYPE,
    INVALID_VALUE,
    MISSING_PARAMETER,
    RealtimeError,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def detection(**fields: Any) -> dict[str, Any]:
    return update(audio={"input": {"turn_detection": {"type": "server_vad", **fields}}})


def create(**item: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": item}


def respond(**response: Any) -> dict[str, Any]:
    return {"type": "response.create", "response": response}


TURN_DETECTION = "session.audio.input.turn_detection"
TRUNCATE = {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 5}
REFUSED: list[tuple[Any, str, str | None, str]] = [
    (7, INVALID_TYPE, None, "the event is 7; it must be an object"),
    ([], INVALID_TYPE, None, "the event is []"),
    ({}, MISSING_PARAMETER, "type", "type is missing"),
    ({"type": "session.create"}, INVALID_VALUE, "type", "'session.create'; it must be one of 'session.update'"),
    ({"type": "session.update"}, MISSING_PARAMETER, "session", "session is missing"),
    ({"type": "session.update", "session": {}}, MISSING_PARAMETER, "session.type", "session.type is missing"),
    ({"type": "session.update", "session": 5}, INVALID_TYPE, "session", "session is 5"),
    (detection(threshold=1.5), INVALID_VALUE, f"{TURN_DETECTION}.threshold", "is 1.5; it should be less than or equal"),
    (detection(silence_duration_ms="5"), INVALID_TYPE, f"{TURN_DETECTION}.silence_duration_ms", "a valid integer"),
    (detection(type="vad"), INVALID_VALUE, f"{TURN_DETECTION}.type", "'vad'; it must be one of 'server_vad'"),
    (detection(idle_timeout_ms=0), INVALID_VALUE, f"{TURN_DETECTION}.idle_timeout_ms", "is 0; it should be greater"),
    (
        update(audio={"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}),
        INVALID_VALUE,
        "session.audio.input.format",
        "rate is 16000; with type audio/pcm it must be 24000",
    ),
    (update(output_modalities=["text", "audio"]), INVALID_VALUE, "session.output_modalities", "['audio'] or ['text']"),
    (update(max_output_tokens=5_000), INVALID_VALUE, "session.max_output_tokens", "'inf' or a number from 1 to 4096"),
    (update(max_output_tokens=True), INVALID_VALUE, "session.max_output_tokens", "'inf' or a number from 1 to 4096"),
    (update(tool_choice="any"), INVALID_VALUE, "session.tool_choice", "'any'; it must be 'none', 'auto'"),
    (update(tools=[{"type": "mcp"}]), INVALID_VALUE, "session.tools.0.type", "'mcp'; it should be 'function'"),
    (
        update(tools=[{"type": "function"}]),
        MISSING_PARAMETER,
        "session.tools.0.name",
        "session.tools.0.name is missing",
    ),
    (update(audio={"output": {"speed": 2}}), INVALID_VALUE, "session.audio.output.speed", "is 2; it should be less"),
    (update(audio={"output": {"voice": 5}}), INVALID_TYPE, "session.audio.output.voice", "is 5"),
    (create(type="mcp_call"), INVALID_VALUE, "item.type", "'mcp_call'; it must be one of 'message'"),
    (create(type="message", content=[]), MISSING_PARAMETER, "item.role", "item.role is missing"),
    (create(type="message", role="tool", content=[]), INVALID_VALUE, "item.role", "'tool'; it must be one of"),
    (
        create(type="message", role="user", content="hi"),
        INVALID_TYPE,
        "item.content",
        "'hi'; it should be a valid list",
    ),
    (
        create(type="message", role="user", content=[{"type": "input_image"}]),
        INVALID_VALUE,
        "item.content.0.type",
        "'input_image'; it must be one of 'input_text', 'input_audio'",
    ),
    (
        create(type="message", role="system", content=[{"type": "input_text"}]),
        MISSING_PARAMETER,
        "item.content.0.text",
        "item.content.0.text is missing",
    ),
    (respond(metadata={"a": 1}), INVALID_TYPE, "response.metadata.a", "is 1; it should be a valid string"),
    (respond(metadata={str(n): "" for n in range(17)}), INVALID_VALUE, "response.metadata", "at most 16"),
    (respond(conversation="other"), INVALID_VALUE, "response.conversation", "'auto' or 'none'"),
    ({**TRUNCATE, "audio_end_ms": -1}, INVALID_VALUE, "audio_end_ms", "is -1; it should be greater than or equal to 0"),
    ({**TRUNCATE, "audio_end_ms": 1.5}, INVALID_TYPE, "audio_end_ms", "is 1.5; it should be a valid integer"),
    ({**TRUNCATE, "item_id": ""}, INVALID_VALUE, "item_id", "is ''; it should have at least 1 character"),
    ({"type": "input_audio_buffer.append"}, MISSING_PARAMETER, "audio", "audio is missing"),
    (
        {"type": "input_audio_buffer.append", "audio": "\ud800"},
        INVALID_VALUE,
        None,
        "'\\ud800'; send no lone surrogates",
    ),
    (update(instructions="a\ud800"), INVALID_VALUE, None, "send no lone surrogates"),
    (update(tools=[{"type": "function", "name": "f", "parameters": {"\ud800": 1}}]), INVALID_VALUE, None, "surrogates"),
]


@pytest.mark.parametrize(("event", "code", "param", "complaint"), REFUSED)
def test_wrong_input_is_named(event: Any, code: str, param: str | None, complaint: str) -> None:
    with pytest.raises(RealtimeError) as refused:
        read_client_event(event)
    assert complaint in refused.value.message
    assert (refused.value.code, refused.value.param) == (code, param)


@pytest.mark.parametrize(
    "event",
    [
        update(
            future_field={"a": 1},
            tracing="auto",
            truncation="auto",
            include=["item.input_audio_transcription.logprobs"],
        ),
        update(audio={"input": {"noise_reduction": {"type": "near_field"}}, "output": {"voice": {"id": "anna"}}}),
        update(max_output_tokens="inf", tool_choice={"type": "function", "name": "weather"}, instructions=None),
        detection(silence_duration_ms=300.0, threshold=1),
        {"type": "input_audio_buffer.commit", "more": True},
        {**TRUNCATE, "audio_end_ms": 1_200.0},
        {"type": "response.create"},
        {"type": "response.create", "response": None, "event_id": "e1"},
        respond(input=[{"type": "item_reference", "id": "a"}], reasoning={"effort": "low"}),
        {"type": "response.cancel", "response_id": None},
    ],
)
def test_what_clients_really_send_is_read(event: dict[str, Any]) -> None:
    assert read_client_event(event).type == event["type"]


@pytest.mark.parametrize("parameters", [{"a": float("nan")}, {"a": object()}])
def test_tools_that_could_not_be_sent_on_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(RealtimeError, match="it must be a JSON schema"):
        read_client_event(update(tools=[{"type": "function", "name": "f", "parameters": parameters}]))


def test_tools_nested_without_end_are_refused() -> None:
    parameters: dict[str, Any] = {}
    for _ in range(100):
        parameters = {"properties": parameters}
    with pytest.raises(RealtimeError, match="nested at most 64 deep"):
        read_client_event(update(tools=[{"type": "function", "name": "f", "parameters": parameters}]))


@given(JSON)
def test_anything_else_is_refused_and_nothing_raises_otherwise(event: Any) -> None:
    with pytest.raises(RealtimeError) as refused:
        read_client_event(event)
    refused.value.message.encode()
    assert len(refused.value.message) < 1_000
    (client_event_id(event) or "").encode()


@given(st.sampled_from([case[0] for case in REFUSED if isinstance(case[0], dict)]), st.data())
def test_events_with_one_thing_replaced(event: dict[str, Any], data: st.DataObject) -> None:
    def replaced(value: Any) -> Any:
        if isinstance(value, dict) and value and data.draw(st.booleans()):
            name = data.draw(st.sampled_from(sorted(value)))
            return {**value, name: replaced(value[name])}
        return data.draw(JSON)

    try:
        read_client_event(replaced(event))
    except RealtimeError as refused:
        assert refused.message.encode()  # noqa: PT017 (it may also be right)
