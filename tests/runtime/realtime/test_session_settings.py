"""An update changes what it says and nothing else, and not what is fixed by then."""

from __future__ import annotations

from typing import Any

import pytest
from realtime_session import append, kinds, only_error, session, started, tone, update

from antiphon_runtime.realtime.client_session import SemanticVad, ServerVad, Transcription, TurnDetection
from antiphon_runtime.realtime.errors import CANNOT_UPDATE, INVALID_VALUE
from antiphon_runtime.realtime.protocol import Protocol
from antiphon_runtime.realtime.session_settings import SessionSettings, voice_for_model

WEATHER = {"type": "function", "name": "weather", "description": "Tells it", "parameters": {"type": "object"}}


def accept(protocol: Protocol, event: dict[str, Any]) -> dict[str, Any]:
    reply = protocol.feed(event)
    assert kinds(reply.events) == ["session.updated"], reply.events
    told: dict[str, Any] = reply.events[0]["session"]
    return told


def detection(protocol: Protocol) -> TurnDetection | None:
    return protocol.settings.audio.input.turn_detection


def test_parts_are_merged() -> None:
    protocol = session()
    accept(
        protocol,
        update(instructions="Be brief.", audio={"input": {"transcription": {"model": "tiny", "language": "en"}}}),
    )
    accept(protocol, update(audio={"input": {"transcription": {"language": "de"}}}))
    accept(protocol, update(audio={"output": {"voice": "anna", "speed": 1.25}}))
    told = accept(protocol, update(tools=[WEATHER], tool_choice="required", output_modalities=["text"]))
    assert told["instructions"] == "Be brief."
    assert told["tools"] == [WEATHER]
    assert told["output_modalities"] == ["text"]
    assert told["audio"]["output"] == {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "anna", "speed": 1.25}
    assert protocol.settings.audio.input.transcription == Transcription(model="tiny", language="de")
    assert protocol.settings.tool_choice == "required"


def test_turn_detection_goes_off_and_changes_its_kind() -> None:
    protocol = session()
    accept(protocol, update(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}))
    accept(protocol, update(audio={"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}}))
    assert detection(protocol) == ServerVad(threshold=0.7, silence_duration_ms=200)
    accept(protocol, update(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}}))
    assert detection(protocol) == SemanticVad(eagerness="high")
    told = accept(protocol, update(audio={"input": {"turn_detection": None}}))
    assert told["audio"]["input"]["turn_detection"] is None
    accept(protocol, update(audio={"input": {"turn_detection": {"type": "server_vad"}}}))
    assert detection(protocol) == ServerVad()


def test_a_null_elsewhere_changes_nothing() -> None:
    protocol = session(SessionSettings(instructions="Be brief."))
    before = protocol.settings
    accept(
        protocol, update(instructions=None, tools=None, audio={"output": {"voice": None, "speed": None}, "input": None})
    )
    assert protocol.settings == before


def test_empty_clears() -> None:
    protocol = session(SessionSettings(instructions="Be brief."))
    accept(protocol, update(tools=[WEATHER]))
    told = accept(protocol, update(instructions="", tools=[]))
    assert (told["instructions"], told["tools"]) == ("", [])


def test_what_is_refused_changes_nothing() -> None:
    protocol = session()
    before = protocol.settings
    error = only_error(
        protocol.feed({**update(instructions="New", audio={"output": {"voice": "zoe"}}), "event_id": "e7"})
    )
    assert error["message"] == "session.audio.output.voice is 'zoe'; the voices of this agent are: anna, ben"
    assert (error["code"], error["param"], error["event_id"]) == (INVALID_VALUE, "session.audio.output.voice", "e7")
    assert protocol.settings is before


def test_the_voices_that_clients_take_for_granted_are_the_models_own() -> None:
    protocol = session()
    assert accept(protocol, update(audio={"output": {"voice": "alloy"}}))["audio"]["output"]["voice"] == "alloy"
    assert voice_for_model("alloy", ["anna"]) == ""
    assert voice_for_model("anna", ["anna"]) == "anna"


FORMAT = {"type": "audio/pcmu"}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"audio": {"output": {"voice": "ben"}}}, "session.audio.output.voice"),
        ({"audio": {"output": {"format": FORMAT}}}, "session.audio.output.format"),
        ({"audio": {"output": {"speed": 1.1}}}, "session.audio.output.speed"),
    ],
)
def test_how_it_speaks_is_fixed_once_it_spoke(change: dict[str, Any], param: str) -> None:
    protocol = session()
    accept(protocol, update(**change))
    protocol = session()
    writer = started(protocol.respond())
    writer.speak(tone(200), 24_000)
    error = only_error(protocol.feed(update(**change)))
    assert (error["code"], error["param"]) == (CANNOT_UPDATE, param)
    writer.finish()
    assert (protocol.feed(update(**change)).events[0]["type"] == "session.updated") == param.endswith("speed")
    accept(protocol, update(audio={"output": {"format": {"type": "audio/pcm", "rate": 24_000}, "speed": 1.0}}))


def test_how_it_hears_is_fixed_once_it_heard() -> None:
    protocol = session()
    accept(protocol, update(audio={"input": {"format": FORMAT}}))
    accept(protocol, update(audio={"input": {"format": {"type": "audio/pcm"}}}))
    assert protocol.feed(append(100)).actions
    error = only_error(protocol.feed(update(audio={"input": {"format": FORMAT}})))
    assert (
        error["message"] == "session.audio.input.format is 'audio/pcmu'; since audio was received it stays 'audio/pcm'"
    )
    accept(protocol, update(audio={"input": {"format": {"type": "audio/pcm", "rate": 24_000}}}))


def test_the_model_stays_what_the_client_opened() -> None:
    protocol = session(SessionSettings(model="gpt-realtime"))
    told = accept(protocol, update(model="other", instructions="Be brief."))
    assert (told["model"], told["instructions"]) == ("gpt-realtime", "Be brief.")
    protocol = session()
    assert accept(protocol, update(model="gpt-realtime"))["model"] == "gpt-realtime"


def test_a_session_becomes_one_that_only_listens_before_it_has_begun() -> None:
    only_listening = {
        "type": "session.update",
        "session": {"type": "transcription", "audio": {"input": {"transcription": {"model": "base"}}}},
    }
    protocol = session()
    told = accept(protocol, only_listening)
    assert told["type"] == "transcription"
    assert set(told["audio"]) == {"input"}
    assert "instructions" not in told
    protocol = session()
    protocol.feed(append(100))
    assert only_error(protocol.feed(only_listening))["param"] == "session.type"


def test_a_new_tool_choice_replaces_the_old_whatever_its_shape() -> None:
    protocol = session()
    for choice in ("none", {"type": "function", "name": "weather"}, {"type": "function", "name": "time"}, "auto"):
        assert accept(protocol, update(tool_choice=choice))["tool_choice"] == choice
