"""A turn as the agent's events tell it: what was heard and answered, and when it is over."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from antiphon_operator.talking.turn import Note, Turn

SECOND_OF_SOUND = bytes(48_000)


def spoken(ended_at: float | None = 1.0) -> Turn:
    return Turn("said.wav", is_spoken=True, ended_at=ended_at)


def tell(turn: Turn, *events: tuple[float, dict[str, Any]]) -> list[Note]:
    return [note for now, event in events for note in turn.hear(event, now)]


def started(at: float) -> tuple[float, dict[str, Any]]:
    return at, {"type": "input_audio_buffer.speech_started", "item_id": "user"}


def committed(at: float, item: str = "user") -> tuple[float, dict[str, Any]]:
    return at, {"type": "input_audio_buffer.committed", "item_id": item}


def transcribed(at: float, text: str, item: str = "user") -> tuple[float, dict[str, Any]]:
    kind = "conversation.item.input_audio_transcription.completed"
    return at, {"type": kind, "item_id": item, "transcript": text}


def created(at: float, name: str = "one") -> tuple[float, dict[str, Any]]:
    return at, {"type": "response.created", "response": {"id": name}}


def says(at: float, text: str, name: str = "one") -> tuple[float, dict[str, Any]]:
    return at, {"type": "response.output_audio_transcript.delta", "response_id": name, "delta": text}


def sounds(at: float, name: str = "one") -> tuple[float, dict[str, Any]]:
    delta = base64.b64encode(SECOND_OF_SOUND).decode()
    return at, {"type": "response.output_audio.delta", "response_id": name, "delta": delta}


def done(at: float, name: str = "one", status: str = "completed", **more: Any) -> tuple[float, dict[str, Any]]:
    return at, {"type": "response.done", "response": {"id": name, "status": status, **more}}


def test_an_answered_turn_tells_all_its_times() -> None:
    turn = spoken()
    notes = tell(
        turn,
        *(started(0.2), committed(1.4), transcribed(1.5, " Hello? "), created(1.5)),
        *(says(1.6, "Hi"), sounds(1.7), says(1.8, " there."), done(2.0)),
    )
    assert turn.settle(2.0)
    assert (turn.outcome, turn.heard, turn.answer, turn.audio_seconds) == ("answered", "Hello?", "Hi there.", 1.0)
    times = (turn.after_ms(turn.first_text_at), turn.after_ms(turn.first_audio_at), turn.after_ms(turn.done_at))
    assert times == (600, 700, 1000)
    assert notes == [Note("heard", "Hello?"), Note("says", "Hi"), Note("says", " there.")]


def test_one_who_pauses_and_goes_on_is_answered_once_more_and_the_first_answer_does_not_count() -> None:
    turn = spoken(ended_at=None)
    notes = tell(
        turn,
        *(started(0.2), committed(0.8, "first"), transcribed(0.9, "I want", "first"), created(0.9), says(1.0, "What?")),
        *(sounds(1.0), started(1.1)),
        done(1.1, status="cancelled", status_details={"reason": "turn_detected"}),
    )
    turn.ended_at = 1.5
    assert not turn.settle(1.6)
    notes += tell(turn, committed(1.9), transcribed(2.0, "a table."), created(2.0, "two"), says(2.1, "Sure.", "two"))
    notes += tell(turn, says(2.1, "late words of the first", "one"), sounds(2.2, "two"), done(2.3, "two"))
    assert turn.settle(2.3)
    assert (turn.heard, turn.answer, turn.audio_seconds) == ("I want a table.", "Sure.", 1.0)
    assert Note("anew") in notes


def test_while_the_user_still_speaks_an_answer_ends_nothing() -> None:
    turn = spoken(ended_at=None)
    tell(turn, started(0.1), committed(0.5), transcribed(0.5, "One."), created(0.5), says(0.6, "Yes."), done(0.7))
    assert not turn.settle(0.8)
    tell(turn, started(0.9))
    turn.ended_at = 1.2
    assert not turn.settle(1.3)


def test_a_transcript_that_comes_late_is_waited_for_a_while() -> None:
    turn = spoken()
    tell(turn, started(0.2), committed(1.2), created(1.3), says(1.4, "Hi."), done(1.5))
    assert not turn.settle(1.6)
    tell(turn, transcribed(1.7, "Hello."))
    assert turn.settle(1.7)
    never = spoken()
    tell(never, started(0.2), committed(1.2), created(1.3), says(1.4, "Hi."), done(1.5))
    assert never.settle(2.6)
    assert never.outcome == "answered"


def test_noise_without_words_is_unheard_unless_an_answer_comes_all_the_same() -> None:
    turn = spoken()
    tell(turn, started(0.2), committed(1.2), transcribed(1.3, ""))
    assert not turn.settle(2.0)
    assert turn.settle(3.4)
    assert (turn.outcome, turn.reason) == ("unheard", "the agent understood no words")
    other = spoken()
    tell(other, started(0.2), committed(1.2), transcribed(1.3, ""), created(1.4), says(1.5, "Pardon?"), done(1.6))
    assert other.settle(3.4)
    assert other.outcome == "answered"


@pytest.mark.parametrize(
    ("event", "outcome", "says_why"),
    [
        (done(2.0, status="failed", status_details={"error": {"message": "no memory"}}), "failed", "no memory"),
        (
            done(2.0, status="cancelled", status_details={"reason": "client_cancelled"}),
            "interrupted",
            "client_cancelled",
        ),
        (done(2.0), "failed", "the answer is empty"),
        (done(2.0, output=[{"type": "function_call", "name": "look_up"}]), "failed", "look_up"),
    ],
)
def test_what_is_no_answer_says_why(event: Any, outcome: str, says_why: str) -> None:
    turn = Turn("hello", is_spoken=False, ended_at=1.0)
    tell(turn, created(1.1), event)
    assert turn.settle(2.0)
    assert turn.outcome == outcome
    assert says_why in turn.reason


def test_an_answer_that_was_cut_short_is_one_and_says_so() -> None:
    turn = Turn("hello", is_spoken=False, ended_at=1.0)
    tell(turn, created(1.1), says(1.2, "Once upon"))
    tell(turn, done(1.3, status="incomplete", status_details={"reason": "max_output_tokens"}))
    assert turn.settle(1.3)
    assert (turn.outcome, turn.reason) == ("answered", "the answer was cut short: max_output_tokens")


def test_an_error_ends_a_turn_that_waits_and_is_told_in_one_that_does_not() -> None:
    waiting = Turn("hello", is_spoken=False, ended_at=1.0)
    assert tell(waiting, (1.1, {"type": "error", "error": {"message": "too long"}})) == []
    assert (waiting.outcome, waiting.reason) == ("failed", "too long")
    speaking = spoken(ended_at=None)
    assert tell(speaking, (0.5, {"type": "error", "error": {"message": "odd"}})) == [Note("problem", "odd")]
    assert speaking.outcome is None
    harmless = {"type": "error", "error": {"code": "response_cancel_not_active"}}
    assert tell(Turn("hello", is_spoken=False, ended_at=1.0), (1.0, harmless)) == []


def test_what_could_not_be_recognised_is_unheard_with_the_reason() -> None:
    turn = spoken()
    kind = "conversation.item.input_audio_transcription.failed"
    tell(turn, started(0.2), committed(1.2), (1.3, {"type": kind, "item_id": "user", "error": {"message": "no asr"}}))
    assert turn.settle(4.0)
    assert turn.outcome == "unheard"
    assert "no asr" in turn.reason


def test_events_that_nobody_knows_change_nothing() -> None:
    turn = spoken()
    assert tell(turn, (1.0, {"type": "rate_limits.updated"}), (1.0, {"type": "from.the.future", "x": 1})) == []
    assert not turn.settle(1.0)
