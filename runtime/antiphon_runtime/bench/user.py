"""A user in a conversation: speaks, waits for the answer, hears it to its end or speaks over it, pauses. No I/O, no clock."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from antiphon_runtime.bench.answer import Answer
from antiphon_runtime.bench.cut_off import CutOff, stop_playing
from antiphon_runtime.bench.pacing import FRAME_SECONDS, pause_seconds
from antiphon_runtime.bench.takes import Format, Take
from antiphon_runtime.bench.turns import SessionRecord, Turn, TurnOutcome

_BARGE_IN_AFTER_SECONDS = (0.3, 1.2)
_LEAST_LEFT_SECONDS = 0.5
"""Of an answer that is worth being interrupted."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How all users behave."""

    duty: float = 0.3
    """Share of a session in which the agent works or speaks."""
    barge_in_share: float = 0.0
    """Share of answers that the user speaks over."""
    audio_format: Format = "pcm"
    playback_delay_seconds: float = 0.0
    """Audio that the client gathers before it plays it."""
    answer_timeout_seconds: float = 15.0
    """From the last sound to the first of the answer, and from there to its end beyond what has come."""


class User:
    """`frame` is called once for each 20 ms of the microphone, `hear` for each event. Both take the time of one clock."""

    def __init__(
        self, takes: Sequence[Take], silence: bytes, manner: Manner, chance: random.Random, record: SessionRecord
    ) -> None:
        self.record = record
        self.is_stopping = False
        """No new turn is begun."""
        self._takes = takes
        self._silence = silence
        self._manner = manner
        self._chance = chance
        self._state: Literal["pausing", "speaking", "waiting"] = "pausing"
        self._speak_at: float | None = None
        self._take = takes[0]
        self._next = 0
        self._turn: Turn | None = None
        self._answers: list[Answer] = []
        """Of this turn."""
        self._cut_off: CutOff | None = None
        self._barge_in_at: float | None = None
        self._turn_of_item: dict[str, Turn] = {}

    @property
    def is_done(self) -> bool:
        return self.is_stopping and self._state == "pausing"

    def close(self, now: float, outcome: Literal["dropped", "unfinished"], why: str = "") -> None:
        """The connection is gone."""
        if self._state != "pausing":
            self._finish(now, outcome, why)

    # --- the microphone --------------------------------------------------------------------------------------------

    def frame(self, now: float) -> bytes:
        """What is sent now."""
        if self._state == "pausing":
            self._pause(now)
        elif self._state == "waiting":
            self._wait(now)
        return self._speak(now) if self._state == "speaking" else self._silence

    def _pause(self, now: float) -> None:
        if self._speak_at is None:  # the first frame: users come at different points of their rhythm
            self._speak_at = now + self._chance.uniform(0.2, 1.0) * self._take.seconds / self._manner.duty
        if now >= self._speak_at and not self.is_stopping:
            self._begin(now)

    def _begin(self, now: float, *, is_barge_in: bool = False) -> None:
        self._take = self._chance.choice(self._takes)
        self._next = 0
        clip = self._take.clip
        self._turn = Turn(clip.name, clip.text, now, is_barge_in=is_barge_in)
        self.record.turns.append(self._turn)
        self._answers = []
        self._barge_in_at = None
        self._state = "speaking"

    def _speak(self, now: float) -> bytes:
        frame = self._take.frames[self._next]
        if self._next == self._take.sound_ends and self._turn is not None:
            self._turn.last_sound = now - self._take.sound_ends_early_seconds
        self._next += 1
        if self._next == len(self._take.frames):
            self._state = "waiting"
        return frame

    # --- the answer ------------------------------------------------------------------------------------------------

    @property
    def _answer(self) -> Answer | None:
        return self._answers[-1] if self._answers else None

    def _wait(self, now: float) -> None:
        turn, answer = self._turn, self._answer
        if turn is None or turn.last_sound is None:
            return
        patience = self._manner.answer_timeout_seconds
        if answer is not None and answer.is_finished(now) and answer.status != "cancelled" and turn.audible is None:
            self._finish(now, "failed", answer.failure or "the answer has no sound")
        elif turn.audible is None or answer is None:
            if now > turn.last_sound + patience:
                self._finish(now, "failed", "no answer in time")
        elif answer.is_finished(now):
            self._finish(now, "failed" if answer.failure else "answered", answer.failure)
        elif now > (answer.clock.ends or now) + patience:
            self._finish(now, "failed", "the answer did not end")
        elif self._barge_in_at is not None and now >= self._barge_in_at:
            self._barge_in(now, turn, answer)

    def _barge_in(self, now: float, turn: Turn, answer: Answer) -> None:
        self._barge_in_at = None
        if answer.is_heard(now) and answer.clock.left(now) >= _LEAST_LEFT_SECONDS and not self.is_stopping:
            self._finish(now, "answered")
            self._cut_off = CutOff(turn, answer, now - FRAME_SECONDS)  # a frame is sent when its last sample was spoken
            self._begin(now, is_barge_in=True)

    def _finish(self, now: float, outcome: TurnOutcome, why: str = "") -> None:
        self._end_cut_off()
        self._state = "pausing"
        turn = self._turn
        if turn is None:
            return
        turn.outcome, turn.failure = outcome, why
        turn.gaps_ms = [gap * 1e3 for answer in self._answers for gap in answer.clock.gaps]
        turn.answer_seconds = sum(answer.clock.audio_seconds for answer in self._answers)
        agent_seconds = now - turn.last_sound if turn.last_sound is not None else 0.0
        self.record.agent_seconds += agent_seconds
        self._speak_at = now + pause_seconds(agent_seconds, self._take.seconds, self._manner.duty, self._chance)

    # --- what comes ------------------------------------------------------------------------------------------------

    def hear(self, now: float, kind: str, event: dict[str, Any]) -> list[str]:
        """Returns the events with which a client answers."""
        match kind:
            case "response.output_audio.delta":
                self._hear_audio(now, event)
            case "input_audio_buffer.speech_started":
                return self._hear_onset(now, event["item_id"])
            case "input_audio_buffer.speech_stopped":
                self._hear_decision(now)
            case "response.created":
                manner = self._manner
                answer = Answer(event["response"]["id"], manner.audio_format, manner.playback_delay_seconds)
                self._answers.append(answer)
            case "response.done":
                self._hear_end(event["response"])
            case "conversation.item.input_audio_transcription.completed":
                if (turn := self._turn_of_item.get(event["item_id"])) is not None:
                    turn.transcripts.append(event["transcript"])
            case "error":
                self.record.errors[error_code(event)] += 1
        return []

    def _hear_audio(self, now: float, event: dict[str, Any]) -> None:
        answer = self._find(event["response_id"])
        if answer is None:
            return
        was_audible = answer.audible is not None
        answer.receive(now, event)
        if not was_audible and answer.audible is not None and answer in self._answers:
            self._hear_first_sound(answer.audible)

    def _hear_first_sound(self, at: float) -> None:
        turn = self._turn
        if turn is None or self._state == "pausing":
            return
        if turn.last_sound is None:
            self.record.answered_early += 1
        elif turn.audible is None:
            turn.audible = at
            if self._chance.random() < self._manner.barge_in_share:
                self._barge_in_at = at + self._chance.uniform(*_BARGE_IN_AFTER_SECONDS)

    def _hear_onset(self, now: float, item_id: str) -> list[str]:
        """A client that is told of it plays no further."""
        if self._turn is not None and self._state != "pausing":
            self._turn_of_item[item_id] = self._turn
        if self._cut_off is not None and self._cut_off.notice(now):
            return stop_playing(self._cut_off.answer, now)
        answer = self._answer
        if answer is None or not answer.clock.left(now):
            return []
        self.record.cut_for_nothing += self._state == "waiting"
        return stop_playing(answer, now)

    def _hear_decision(self, now: float) -> None:
        if self._turn is not None and self._turn.audible is None and self._state != "pausing":
            self._turn.decided = now

    def _hear_end(self, response: dict[str, Any]) -> None:
        if (answer := self._find(response["id"])) is not None:
            answer.done(response)

    def _find(self, response_id: str) -> Answer | None:
        known = [*self._answers, *([self._cut_off.answer] if self._cut_off else [])]
        return next((answer for answer in known if answer.response_id == response_id), None)

    def _end_cut_off(self) -> None:
        if self._cut_off is not None and not self._cut_off.end():
            self.record.missed_barge_ins += 1
        self._cut_off = None


def error_code(event: dict[str, Any]) -> str:
    error = event.get("error") or {}
    return str(error.get("code") or error.get("type") or "unknown")
