"""One turn of a conversation: what was asked, heard and answered, and when. No I/O, no clock: times are those of one loop."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from antiphon_operator.talking.recordings import RATE
from antiphon_operator.talking.wire import Event

Outcome: TypeAlias = Literal["answered", "interrupted", "failed", "unheard"]
"""unheard: the agent found no speech, or no words in it."""
TRANSCRIPT_GRACE_SECONDS = 1.0
"""A transcript may come after the answer; so long it is waited for."""
EMPTY_GRACE_SECONDS = 2.0
"""After a transcript without words an answer may still come."""
_HARMLESS = frozenset({"response_cancel_not_active", "item_truncate_invalid_item_id"})


@dataclass(frozen=True)
class Note:
    """Something that the person is told at once."""

    kind: Literal["heard", "says", "anew", "problem"]
    """anew: the answer begins again, as the user went on."""
    text: str = ""


@dataclass(slots=True)
class Turn:
    asked: str
    """The typed text, or the name of the recording."""
    is_spoken: bool
    ended_at: float | None = None
    """When the user's last sound was spoken, or the text was sent. None: not yet."""
    answer: str = ""
    audio: bytearray = field(default_factory=bytearray)
    """The answer's sound as it was sent: mono, 16 bits, RATE."""
    first_text_at: float | None = None
    first_audio_at: float | None = None
    done_at: float | None = None
    outcome: Outcome | None = None
    """None: it is not over."""
    reason: str = ""
    """Why it was not answered, or not wholly."""
    _transcripts: dict[str, str | None] = field(default_factory=dict)
    """Of each item that the user spoke. None: it has not come yet."""
    _is_user_heard: bool = False
    """The agent hears speech now."""
    _was_user_heard: bool = False
    _is_answer_due: bool = False
    _unanswered_since: float | None = None
    _response: str = ""
    """Id of the response that works now."""

    @property
    def heard(self) -> str:
        return " ".join(text for text in self._transcripts.values() if text)

    @property
    def audio_seconds(self) -> float:
        return len(self.audio) / 2 / RATE

    @property
    def was_user_heard(self) -> bool:
        return self._was_user_heard

    def after_ms(self, at: float | None) -> int | None:
        """From the end of what the user said."""
        return None if at is None or self.ended_at is None else round((at - self.ended_at) * 1e3)

    def hear(self, event: Event, now: float) -> list[Note]:
        """Takes in what the agent sends."""
        handle = _HANDLERS.get(event["type"])
        return handle(self, event, now) if handle is not None else []

    def settle(self, now: float) -> bool:
        """Whether it is over."""
        if self.outcome is None and self.ended_at is not None:
            self._end_if_done(now)
        return self.outcome is not None

    def end(self, outcome: Outcome, reason: str = "") -> None:
        """It is over, from outside. What is decided stays."""
        if self.outcome is None:
            self.outcome, self.reason = outcome, reason

    def _end_if_done(self, now: float) -> None:
        if self._is_user_heard or self._is_answer_due or self._response:
            return
        if self.done_at is not None:
            is_transcript_due = self.is_spoken and None in self._transcripts.values()
            if not is_transcript_due or now > self.done_at + TRANSCRIPT_GRACE_SECONDS:
                self.outcome = "answered" if self.answer or self.audio else "failed"
                self.reason = self.reason or ("" if self.outcome == "answered" else "the answer is empty")
        elif self._unanswered_since is not None and now > self._unanswered_since + EMPTY_GRACE_SECONDS:
            self.end("unheard", self.reason or "the agent understood no words")

    # --- what the user said ----------------------------------------------------------------------------------------

    def _speech_started(self, _: Event, __: float) -> list[Note]:
        self._is_user_heard = self._was_user_heard = self._is_answer_due = True
        return []

    def _speech_stopped(self, _: Event, __: float) -> list[Note]:
        self._is_user_heard = False
        return []

    def _committed(self, event: Event, _: float) -> list[Note]:
        self._is_user_heard = False
        self._transcripts.setdefault(str(event.get("item_id")), None)
        return []

    def _transcribed(self, event: Event, now: float) -> list[Note]:
        text = str(event.get("transcript") or "").strip()
        self._transcripts[str(event.get("item_id"))] = text
        if not text:
            self._is_answer_due, self._unanswered_since = False, now
        return [Note("heard", text)] if text else []

    def _not_transcribed(self, event: Event, now: float) -> list[Note]:
        self._transcripts[str(event.get("item_id"))] = ""
        self._is_answer_due, self._unanswered_since = False, now
        self.reason = f"what was said could not be recognised: {_message(event)}"
        return [Note("problem", self.reason)]

    # --- the answer ------------------------------------------------------------------------------------------------

    def _response_created(self, event: Event, _: float) -> list[Note]:
        began_before = bool(self.answer or self.audio)
        self._response = str(event["response"].get("id"))
        self._is_answer_due, self._unanswered_since = False, None
        self.answer, self.reason = "", ""
        self.audio.clear()
        self.first_text_at = self.first_audio_at = self.done_at = None
        return [Note("anew")] if began_before else []

    def _text(self, event: Event, now: float) -> list[Note]:
        if event.get("response_id") != self._response:
            return []
        self.first_text_at = self.first_text_at or now
        self.answer += str(event["delta"])
        return [Note("says", str(event["delta"]))]

    def _sound(self, event: Event, now: float) -> list[Note]:
        if event.get("response_id") == self._response:
            self.first_audio_at = self.first_audio_at or now
            self.audio += base64.b64decode(event["delta"])
        return []

    def _response_done(self, event: Event, now: float) -> list[Note]:
        response = event["response"]
        if response.get("id") != self._response:
            return []
        self._response = ""
        details = response.get("status_details") or {}
        match response.get("status"):
            case "failed":
                self.end("failed", f"the answer failed: {_message(details)}")
            case "cancelled" if details.get("reason") != "turn_detected":
                self.end("interrupted", str(details.get("reason") or "cancelled"))
            case "cancelled":
                self._is_answer_due = True
            case status:
                self._answered(response, now, str(status))
        return []

    def _answered(self, response: Event, now: float, status: str) -> None:
        self.done_at = now
        if status == "incomplete":
            reason = (response.get("status_details") or {}).get("reason")
            self.reason = f"the answer was cut short: {reason or 'no reason given'}"
        calls = [item.get("name") for item in response.get("output") or () if item.get("type") == "function_call"]
        if calls and not self.answer:
            self.reason = f"the agent wants {', '.join(map(str, calls))} called, which talk can't do"

    def _error(self, event: Event, _: float) -> list[Note]:
        error = event.get("error") or {}
        if error.get("code") in _HARMLESS:
            return []
        if self.ended_at is not None and not self._response:
            self.end("failed", _message(event))
            return []
        return [Note("problem", _message(event))]


def _message(event: Any) -> str:
    error = event.get("error") or {}
    return str(error.get("message") or error.get("code") or error.get("type") or "no reason given")


_Handler: TypeAlias = Callable[[Turn, Event, float], list[Note]]
_HANDLERS: dict[str, _Handler] = {
    "input_audio_buffer.speech_started": Turn._speech_started,
    "input_audio_buffer.speech_stopped": Turn._speech_stopped,
    "input_audio_buffer.committed": Turn._committed,
    "conversation.item.input_audio_transcription.completed": Turn._transcribed,
    "conversation.item.input_audio_transcription.failed": Turn._not_transcribed,
    "response.created": Turn._response_created,
    "response.output_text.delta": Turn._text,
    "response.output_audio_transcript.delta": Turn._text,
    "response.output_audio.delta": Turn._sound,
    "response.done": Turn._response_done,
    "error": Turn._error,
}
