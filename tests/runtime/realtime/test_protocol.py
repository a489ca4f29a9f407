"""Whole stretches of sessions, as independent clients lead them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from realtime_session import append, check_order, kinds, only_error, session, started, tone, update, user_message

from antiphon_runtime.realtime.actions import (
    AudioCleared,
    AudioCommitted,
    AudioHeard,
    Reply,
    SessionChanged,
    StopResponse,
)
from antiphon_runtime.realtime.client_session import ServerVad, Transcription
from antiphon_runtime.realtime.errors import (
    ACTIVE_RESPONSE,
    CANCEL_NOT_ACTIVE,
    COMMIT_EMPTY,
    INTERNAL,
    INVALID_JSON,
    TOO_MANY_RESPONSES,
    WRONG_SESSION,
)
from antiphon_runtime.realtime.protocol import Protocol
from antiphon_runtime.realtime.session_settings import AudioSettings, InputSettings, SessionSettings

COMMIT = {"type": "input_audio_buffer.commit"}
CLEAR = {"type": "input_audio_buffer.clear"}
CREATE = {"type": "response.create"}
CANCEL = {"type": "response.cancel"}
MANUAL = SessionSettings(audio=AudioSettings(input=InputSettings(turn_detection=None, transcription=Transcription())))
DETECTED = SessionSettings(audio=AudioSettings(input=InputSettings(transcription=Transcription())))


def fed(protocol: Protocol, *events: dict[str, Any]) -> Reply:
    reply = Reply()
    for event in events:
        reply += protocol.feed(event)
    return reply


def test_a_session_begins_with_what_is_in_force() -> None:
    protocol = session(SessionSettings(model="gpt-realtime", instructions="Be brief."))
    events = protocol.open().events + protocol.feed(update(output_modalities=["text"])).events
    assert kinds(events) == ["session.created", "session.updated"]
    created = events[0]["session"]
    assert (created["id"], created["model"], created["instructions"]) == (protocol.id, "gpt-realtime", "Be brief.")
    assert created["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
    assert isinstance(protocol.feed(update()).actions[0], SessionChanged)


def test_a_turn_that_the_client_ends() -> None:
    protocol = session(MANUAL)
    reply = fed(protocol, append(300), append(300))
    assert reply.events == []
    assert [(heard.start_ms, len(heard.samples) // 16) for heard in reply.actions if isinstance(heard, AudioHeard)] == [
        (0, 298),
        (298, 300),
    ]
    reply = fed(protocol, COMMIT)
    assert kinds(reply.events) == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    (turn,) = reply.actions
    assert isinstance(turn, AudioCommitted)
    assert (turn.start_ms, turn.end_ms, turn.by_client) == (0, 598, True)
    assert reply.events[0]["item_id"] == turn.item_id
    events = reply.events + fed(protocol, CREATE).events
    events += protocol.turns.transcript_delta(turn.item_id, "hel")
    events += protocol.turns.transcript_completed(turn.item_id, "hello")
    assert protocol.responses.active is not None
    assert protocol.responses.active.messages() == [{"role": "user", "content": "hello"}]
    completed = events[-1]
    assert completed["usage"] == {"type": "duration", "seconds": 0.598}
    check_order(events)


def test_a_turn_that_is_detected_interrupts_the_answer() -> None:
    protocol = session(DETECTED)
    writer = started(protocol.respond())
    events = writer.begin()[:0] + writer.text("Hello") + writer.speak(tone(500), 24_000)
    events += fed(protocol, *[append(100)] * 12).events
    reply = protocol.speech_started(600)
    assert kinds(reply.events)[0] == "input_audio_buffer.speech_started"
    assert kinds(reply.events)[-1] == "response.done"
    assert reply.events[0]["audio_start_ms"] == 300
    assert reply.events[-1]["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert reply.actions == [StopResponse(writer.id, "turn_detected")]
    assert protocol.speech_started(650).events == [], "it has started already"
    (stopped,) = protocol.turns.speech_stopped(1_100)
    assert stopped["audio_end_ms"] == 1_100
    reply = protocol.turns.commit_turn()
    (turn,) = reply.actions
    assert isinstance(turn, AudioCommitted)
    assert (turn.start_ms, turn.end_ms, len(turn.samples)) == (300, 1_100, 800 * 16)
    assert stopped["item_id"] == turn.item_id == reply.events[1]["item"]["id"]
    assert protocol.turns.commit_turn().events == []
    assert protocol.turns.buffer.start_ms == 1_100


def test_a_turn_may_go_on_until_it_is_committed() -> None:
    protocol = session(DETECTED)
    fed(protocol, *[append(100)] * 10)
    events = protocol.speech_started(300).events + protocol.turns.speech_stopped(600)
    events += protocol.speech_started(700).events + protocol.turns.speech_stopped(900)
    assert len({event["item_id"] for event in events}) == 1
    (turn,) = protocol.turns.commit_turn().actions
    assert isinstance(turn, AudioCommitted)
    assert (turn.start_ms, turn.end_ms) == (0, 900)


def test_an_answer_that_may_not_be_interrupted_goes_on() -> None:
    protocol = session()
    protocol.feed(update(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}))
    writer = started(protocol.respond())
    fed(protocol, append(500))
    assert kinds(protocol.speech_started(200).events) == ["input_audio_buffer.speech_started"]
    assert not writer.is_done
    assert protocol.respond() == Reply()


def test_nothing_is_detected_where_the_client_ends_turns() -> None:
    protocol = session(MANUAL)
    fed(protocol, append(500))
    assert protocol.speech_started(100) == Reply()
    assert protocol.turns.speech_stopped(200) == []


def test_a_client_may_commit_while_the_user_speaks() -> None:
    protocol = session(DETECTED)
    fed(protocol, append(1_000))
    (begun,) = protocol.speech_started(500).events
    reply = fed(protocol, COMMIT)
    assert reply.events[0]["item_id"] == begun["item_id"]
    assert protocol.turns.speech_stopped(1_000) == []


def test_clearing_ends_the_turn() -> None:
    protocol = session(DETECTED)
    fed(protocol, append(1_000))
    protocol.speech_started(500)
    reply = fed(protocol, CLEAR)
    assert kinds(reply.events) == ["input_audio_buffer.cleared"]
    assert reply.actions == [AudioCleared()]
    assert not protocol.turns.is_speaking
    assert protocol.turns.speech_stopped(1_000) == []


def test_minutes_of_silence_are_forgotten() -> None:
    protocol = session(DETECTED)
    for second in range(1, 121):
        fed(protocol, append(1_000))
        protocol.turns.judged(second * 1_000)
    assert protocol.turns.buffer.length_ms <= 1_800


def test_nothing_is_forgotten_before_speech_was_looked_for_in_it() -> None:
    protocol = session(DETECTED)
    fed(protocol, append(60_000))
    protocol.turns.judged(32)
    assert protocol.turns.buffer.length_ms >= 59_900


def test_silence_that_lasts_too_long_is_told() -> None:
    protocol = session(DETECTED)
    fed(protocol, *[append(1_000)] * 2)
    reply = protocol.turns.timeout(500)
    assert kinds(reply.events) == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert (reply.events[0]["audio_start_ms"], reply.events[0]["audio_end_ms"]) == (500, 1_998)
    assert protocol.next_plan().messages(protocol.conversation) == []


def test_an_empty_commit_says_so() -> None:
    error = only_error(session(MANUAL).feed({**COMMIT, "event_id": "e"}))
    assert (error["code"], error["event_id"]) == (COMMIT_EMPTY, "e")


def test_transcripts_are_told_only_to_who_wants_them() -> None:
    protocol = session()
    fed(protocol, update(audio={"input": {"turn_detection": None}}), append(500))
    (turn,) = fed(protocol, COMMIT).actions
    assert isinstance(turn, AudioCommitted)
    assert protocol.turns.transcript_delta(turn.item_id, "a") == []
    assert protocol.turns.transcript_completed(turn.item_id, "a") == []
    assert protocol.next_plan().messages(protocol.conversation) == [{"role": "user", "content": "a"}]


def test_who_spoke_and_what_failed() -> None:
    protocol = session(MANUAL)
    fed(protocol, append(500))
    (turn,) = fed(protocol, COMMIT).actions
    assert isinstance(turn, AudioCommitted)
    (segment,) = protocol.turns.transcript_segment(
        turn.item_id, speaker="A", text="hello", start_seconds=0.1, end_seconds=0.4
    )
    assert (segment["speaker"], segment["start"], segment["end"], segment["text"]) == ("A", 0.1, 0.4, "hello")
    (failed,) = protocol.turns.transcript_failed(turn.item_id, "engine_failed", "out of memory")
    assert failed["error"]["code"] == "engine_failed"
    fed(protocol, {"type": "conversation.item.delete", "item_id": turn.item_id})
    assert protocol.turns.transcript_completed(turn.item_id, "late") == []
    assert protocol.turns.transcript_failed(turn.item_id, "x", "y") == []


def test_one_answer_at_a_time_in_the_conversation_and_some_beside_it() -> None:
    protocol = session()
    first = started(fed(protocol, CREATE))
    error = only_error(protocol.feed({**CREATE, "event_id": "e"}))
    assert (error["code"], error["event_id"]) == (ACTIVE_RESPONSE, "e")
    beside = {**CREATE, "response": {"conversation": "none"}}
    others = [started(fed(protocol, beside)) for _ in range(8)]
    assert only_error(protocol.feed(beside))["code"] == TOO_MANY_RESPONSES
    others[3].finish()
    started(fed(protocol, beside))
    reply = protocol.feed({**CANCEL, "response_id": others[0].id})
    assert reply.actions == [StopResponse(others[0].id, "client_cancelled")]
    assert not first.is_done
    assert fed(protocol, CANCEL).actions == [StopResponse(first.id, "client_cancelled")]
    assert only_error(protocol.feed({**CANCEL, "event_id": "c"}))["code"] == CANCEL_NOT_ACTIVE
    assert only_error(protocol.feed({**CANCEL, "response_id": first.id}))["code"] == CANCEL_NOT_ACTIVE
    started(fed(protocol, CREATE))


def test_a_session_that_only_listens_gives_no_answers() -> None:
    protocol = session(SessionSettings(type="transcription"))
    assert only_error(protocol.feed(CREATE))["code"] == WRONG_SESSION
    assert protocol.respond() == Reply()


def test_ids_that_were_promised_cannot_be_taken() -> None:
    protocol = session(DETECTED)
    fed(protocol, append(500))
    (begun,) = protocol.speech_started(100).events
    assert only_error(protocol.feed(user_message("mine", id=begun["item_id"])))["param"] == "item.id"
    protocol.turns.speech_stopped(400)
    assert protocol.turns.commit_turn().events


def test_ids_that_a_client_has_taken_are_not_given_again() -> None:
    protocol = session()
    for number in range(1, 40):
        protocol.feed(user_message("mine", id=f"item_{number}"))
    before = {item.id for item in protocol.conversation}
    writer = started(protocol.respond())
    writer.text("Hello")
    assert writer.item_id not in before


@pytest.mark.parametrize("text", ["", "{", "nonsense", b"\xff\xfe", '{"type": ', "[" * 100_000])
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    error = only_error(session().feed_json(text))
    assert error["code"] == INVALID_JSON
    assert error["message"].startswith("the message is no JSON: ")


def test_json_is_read() -> None:
    assert kinds(session().feed_json('{"type": "input_audio_buffer.clear"}').events) == ["input_audio_buffer.cleared"]
    assert only_error(session().feed_json("5"))["message"].startswith("the event is 5;")


def test_a_fault_of_ours_is_an_error_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    protocol = session()
    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr(protocol.turns.buffer, "clear", None)
        error = only_error(protocol.feed({**CLEAR, "event_id": "e"}))
    assert (error["type"], error["code"], error["event_id"]) == ("server_error", INTERNAL, "e")
    assert "could not be handled" in caplog.text
    assert kinds(fed(protocol, append(10), CLEAR).events) == ["input_audio_buffer.cleared"]


def test_a_failure_that_belongs_to_nothing() -> None:
    (event,) = session().failed("overloaded", "no slot is free")
    assert event["error"]["type"] == "server_error"
    assert event["error"]["code"] == "overloaded"


def test_turn_detection_that_is_switched_off_leaves_the_audio_to_the_client() -> None:
    protocol = session(DETECTED)
    fed(protocol, append(1_000))
    protocol.speech_started(500)
    fed(protocol, update(audio={"input": {"turn_detection": None}}))
    assert protocol.turns.speech_stopped(900) == []
    (turn,) = fed(protocol, COMMIT).actions
    assert isinstance(turn, AudioCommitted)
    assert (turn.start_ms, turn.end_ms) == (0, 998)
    assert ServerVad() == DETECTED.audio.input.turn_detection
