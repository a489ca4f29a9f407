"""A user's conversation, told frame by frame."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import numpy as np
import pytest

from antiphon_runtime.bench.clips import Clip
from antiphon_runtime.bench.takes import silence, take
from antiphon_runtime.bench.turns import SessionRecord, Turn
from antiphon_runtime.bench.user import Manner, User

RATE = 24_000
SILENCE = silence("pcm")
TAKE = take(Clip("half a second", np.full(RATE // 2, 0.3, np.float32), RATE, "yes"), "pcm")


class Story:
    """Time passes in frames of 20 ms; what the server says is said at the time it has come to."""

    def __init__(self, **manner: Any) -> None:
        self.now = 100.0
        self.record = SessionRecord(0)
        self.user = User([TAKE], SILENCE, Manner(**manner), random.Random(1), self.record)
        self.sent: list[dict[str, Any]] = []

    @property
    def turns(self) -> list[Turn]:
        return self.record.turns

    def frame(self) -> bytes:
        self.now += 0.02
        return self.user.frame(self.now)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.02)):
            self.frame()

    def speak(self) -> Turn:
        """Up to and with the last frame that sounds."""
        before = len(self.turns)
        while len(self.turns) == before:
            self.frame()
        return self.speak_on()

    def speak_on(self) -> Turn:
        """As `speak`, of the turn that has begun."""
        while self.turns[-1].last_sound is None:
            self.frame()
        return self.turns[-1]

    def hear(self, kind: str, **event: Any) -> None:
        self.sent += map(json.loads, self.user.hear(self.now, kind, {"type": kind, **event}))

    def decide(self, item: str = "item_1") -> None:
        self.hear("input_audio_buffer.speech_started", item_id=item)
        self.hear("input_audio_buffer.speech_stopped", item_id=item)

    def begin_answer(self, response: str = "resp_1") -> None:
        self.hear("response.created", response={"id": response})

    def sound(self, seconds: float, loudness: float = 0.5, response: str = "resp_1") -> None:
        samples = np.full(round(seconds * RATE), loudness * 32767, "<i2")
        delta = base64.b64encode(samples.tobytes()).decode()
        self.hear("response.output_audio.delta", response_id=response, item_id=f"item_of_{response}", delta=delta)

    def end_answer(self, response: str = "resp_1", **body: Any) -> None:
        self.hear("response.done", response={"id": response, "status": "completed", **body})


def test_times_are_those_that_a_user_would_take() -> None:
    story = Story()
    turn = story.speak()
    assert turn.last_sound == pytest.approx(story.now)
    story.wait(0.4)
    story.decide()
    story.begin_answer()
    story.wait(0.1)
    story.sound(0.2, loudness=0)
    story.sound(1.0)
    story.end_answer()
    story.wait(1.5)
    assert turn.outcome == "answered"
    assert turn.decision_ms == pytest.approx(400)
    assert turn.from_decision_ms == pytest.approx(100 + 200)
    assert turn.from_last_sound_ms == pytest.approx(400 + 100 + 200)
    assert turn.answer_seconds == pytest.approx(1.2)
    assert turn.gaps_ms == []


def test_the_user_hears_the_answer_out_and_pauses_before_the_next_turn() -> None:
    story = Story(duty=0.3)
    first = story.speak()
    story.decide()
    story.begin_answer()
    story.sound(2.0)
    story.end_answer()
    story.wait(1.9)
    assert not first.answer_seconds  # it is still heard
    second = story.speak()
    assert first.outcome == "answered"
    assert first.last_sound is not None
    pause = second.began - first.last_sound - 2.0
    assert pause == pytest.approx(2.0 / 0.3 - 2.0 - 0.5, rel=0.35)


def test_a_late_piece_is_a_gap() -> None:
    story = Story()
    turn = story.speak()
    story.begin_answer()
    story.sound(0.5)
    story.wait(0.7)
    story.sound(0.5)
    story.end_answer()
    story.wait(1)
    assert turn.gaps_ms == [pytest.approx(200)]
    assert turn.outcome == "answered"


def test_speaking_over_the_answer_is_timed_up_to_its_silence() -> None:
    story = Story(barge_in_share=1.0)
    first = story.speak()
    story.decide()
    story.begin_answer()
    story.sound(5.0)
    while len(story.turns) == 1:
        story.frame()
    onset = story.now - 0.02
    story.wait(0.2)
    story.hear("input_audio_buffer.speech_started", item_id="item_2")
    noticed = story.now
    assert [event["type"] for event in story.sent] == ["conversation.item.truncate"]
    assert 300 <= story.sent[0]["audio_end_ms"] <= 1500
    story.wait(0.04)
    story.sound(0.5)  # too late: it had been sent before the server knew
    story.end_answer(status="cancelled")
    second = story.speak_on()
    story.hear("input_audio_buffer.speech_stopped", item_id="item_2")
    story.begin_answer("resp_2")
    story.sound(1.0, response="resp_2")
    assert second.is_barge_in
    assert first.outcome == "answered"
    story.user.close(story.now, "unfinished")
    assert first.cut_off_ms == pytest.approx((noticed + 0.04 - onset) * 1e3)
    assert second.audible is not None


def test_a_barge_in_that_nobody_notices_is_counted() -> None:
    story = Story(barge_in_share=1.0)
    first = story.speak()
    story.begin_answer()
    story.sound(3.0)
    story.end_answer()
    while len(story.turns) == 1:
        story.frame()
    story.wait(20)
    assert first.cut_off_ms is None
    assert story.record.missed_barge_ins == 1


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        ({"status": "failed", "status_details": {"error": {"code": "engine_failed"}}}, "engine_failed"),
        ({"status": "completed"}, "the answer has no sound"),
    ],
)
def test_an_answer_without_sound_is_a_failed_turn(status: dict[str, Any], failure: str) -> None:
    story = Story()
    turn = story.speak()
    story.begin_answer()
    story.end_answer(**status)
    story.wait(0.1)
    assert (turn.outcome, turn.failure) == ("failed", failure)


def test_who_gets_no_answer_gives_up() -> None:
    story = Story(answer_timeout_seconds=3)
    turn = story.speak()
    story.wait(2.9)
    assert turn.outcome == "unfinished"
    story.wait(0.2)
    assert (turn.outcome, turn.failure) == ("failed", "no answer in time")


def test_an_answer_that_was_given_up_for_another_does_not_count() -> None:
    """The server took the turn for over, and then the user went on."""
    story = Story()
    turn = story.speak()
    story.begin_answer("resp_1")
    story.end_answer("resp_1", status="cancelled")
    story.wait(0.3)
    story.decide()
    story.begin_answer("resp_2")
    story.sound(1.0, response="resp_2")
    story.end_answer("resp_2")
    story.wait(1.1)
    assert turn.outcome == "answered"
    assert turn.from_last_sound_ms == pytest.approx(300)


def test_who_answers_before_the_end_is_counted_and_not_timed() -> None:
    story = Story()
    while not story.turns:
        story.frame()
    turn = story.turns[0]
    story.begin_answer()
    story.sound(0.1)
    assert story.record.answered_early == 1
    assert turn.audible is None


def test_transcripts_find_their_turn_even_late() -> None:
    story = Story()
    turn = story.speak()
    story.decide("item_7")
    story.begin_answer()
    story.sound(0.5)
    story.end_answer()
    story.wait(0.6)
    story.hear("conversation.item.input_audio_transcription.completed", item_id="item_7", transcript="Yes.")
    assert turn.transcripts == ["Yes."]


def test_errors_are_counted_by_code() -> None:
    story = Story()
    story.hear("error", error={"type": "server_error", "code": "too_slow", "message": ""})
    story.hear("error", error={"type": "server_error", "code": None, "message": ""})
    assert story.record.errors == {"too_slow": 1, "server_error": 1}


def test_nobody_begins_anew_at_the_end() -> None:
    story = Story()
    story.speak()
    story.user.is_stopping = True
    assert not story.user.is_done
    story.begin_answer()
    story.sound(0.5)
    story.end_answer()
    story.wait(0.6)
    assert story.user.is_done
    story.wait(30)
    assert len(story.turns) == 1
