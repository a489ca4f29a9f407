"""Writes one response as server events, in the one order that clients rely on.

response.created; for each item output_item.added, conversation.item.added, and for messages content_part.added, deltas,
output_audio.done, output_audio_transcript.done, content_part.done; then output_item.done, conversation.item.done; at the
end response.done. Each method returns the events to send. Once the response is done all of them return nothing, so that
work which comes too late after an interruption cannot be heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from antiphon_runtime.engines.protocols import Samples
from antiphon_runtime.realtime.conversation import Conversation
from antiphon_runtime.realtime.items import Call
from antiphon_runtime.realtime.output_audio import OutputAudio
from antiphon_runtime.realtime.response_plan import ResponsePlan
from antiphon_runtime.realtime.server_events import NewId, ServerEvent, ServerEvents
from antiphon_runtime.realtime.session_settings import Progress
from antiphon_runtime.realtime.written import WrittenCall, WrittenMessage

FinalStatus: TypeAlias = Literal["completed", "cancelled", "failed", "incomplete"]
Reason: TypeAlias = Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one response."""

    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    cached_tokens: int = 0
    """Of the input's."""
    output_text_tokens: int = 0
    output_audio_tokens: int = 0

    def as_event(self) -> dict[str, Any]:
        took = self.input_text_tokens + self.input_audio_tokens
        gave = self.output_text_tokens + self.output_audio_tokens
        return {
            "total_tokens": took + gave,
            "input_tokens": took,
            "output_tokens": gave,
            "input_token_details": {
                "text_tokens": self.input_text_tokens,
                "audio_tokens": self.input_audio_tokens,
                "cached_tokens": self.cached_tokens,
            },
            "output_token_details": {"text_tokens": self.output_text_tokens, "audio_tokens": self.output_audio_tokens},
        }


class ResponseWriter:
    """One response. Text of spoken answers goes in just before the audio that says it."""

    def __init__(
        self,
        plan: ResponsePlan,
        *,
        events: ServerEvents,
        new_id: NewId,
        conversation: Conversation,
        progress: Progress,
    ) -> None:
        self.id = new_id("resp")
        self.plan = plan
        self.status: FinalStatus | Literal["in_progress"] = "in_progress"
        self._events = events
        self._new_id = new_id
        self._conversation = conversation
        self._progress = progress
        self._output: list[WrittenMessage | WrittenCall] = []
        self._message: WrittenMessage | None = None
        self._calls: dict[int, WrittenCall] = {}

    @property
    def is_done(self) -> bool:
        return self.status != "in_progress"

    @property
    def item_id(self) -> str | None:
        """Of the message that is being said or was said last."""
        return next((item.id for item in reversed(self._output) if isinstance(item, WrittenMessage)), None)

    @property
    def audio_ms(self) -> int:
        """Length of the audio sent of that message."""
        return next((item.audio_ms for item in reversed(self._output) if isinstance(item, WrittenMessage)), 0)

    def messages(self, heard: str = "") -> list[dict[str, Any]]:
        """The prompt as it is now. `heard`: see `chat_messages`."""
        return self.plan.messages(self._conversation, heard)

    def begin(self) -> list[ServerEvent]:
        """To be called once, before all others."""
        return [self._events.response_created(self._as_event(None, None, None))]

    def text(self, delta: str) -> list[ServerEvent]:
        """What is written, or said by the audio that comes next."""
        if self.is_done or not delta:
            return []
        message, events = self._in_message()
        return events + message.add_text(delta)

    def speak(
        self, samples: Samples, sample_rate: int, *, chunk_ms: int = 240, first_chunk_ms: int = 80
    ) -> list[ServerEvent]:
        """Audio of a voice. `chunk_ms` and `first_chunk_ms` count at the beginning of a message."""
        if self.is_done:
            return []
        if self.plan.modality == "text":
            raise ValueError("this response is text only; look at plan.modality")
        message, events = self._in_message()
        voice = message.voice
        if voice is None or voice.source_rate != sample_rate:
            events += message.end_of_audio()
            first = first_chunk_ms if voice is None else chunk_ms
            voice = OutputAudio(sample_rate, self.plan.format, chunk_ms=chunk_ms, first_chunk_ms=first)
            message.voice = voice
        self._progress.spoke_audio = True
        return events + message.add_audio(voice.feed(samples))

    def pause(self) -> list[ServerEvent]:
        """The audio of a clause is all there: what is held back for a full chunk goes out."""
        if self.is_done or self._message is None or self._message.voice is None:
            return []
        return self._message.add_audio(self._message.voice.drain())

    def tool_call(self, delta: Mapping[str, Any]) -> list[ServerEvent]:
        """A piece of a call, as in OpenAI's chat deltas: index, id, function.name, function.arguments."""
        if self.is_done:
            return []
        index = delta.get("index") or 0
        function = delta.get("function") or {}
        events: list[ServerEvent] = []
        if index not in self._calls:
            events += self._end_message()
            call_id = delta.get("id") or self._new_id("call")
            call = Call(self._new_item_id(), call_id, function.get("name") or "", status="in_progress")
            written = WrittenCall(call, self._place(), self._events, self._kept)
            self._calls[index] = written
            self._output.append(written)
            events += written.begin()
        return events + self._calls[index].add(function.get("arguments") or "")

    def finish(
        self,
        status: FinalStatus = "completed",
        *,
        reason: Reason | None = None,
        error: tuple[str, str] | None = None,
        usage: Usage | None = None,
    ) -> list[ServerEvent]:
        """The end, whatever is still open. `error` is code and message of a failed response."""
        if self.is_done:
            return []
        whole = status == "completed"
        events = self._end_message(whole=whole, heard=status != "cancelled")
        for call in self._calls.values():
            events += call.end(whole=whole)
        self.status = status
        return [*events, self._events.response_done(self._as_event(reason, error, usage))]

    @property
    def _kept(self) -> Conversation | None:
        return self._conversation if self.plan.in_conversation else None

    def _place(self) -> dict[str, Any]:
        return {"response_id": self.id, "output_index": len(self._output)}

    def _in_message(self) -> tuple[WrittenMessage, list[ServerEvent]]:
        """The message that is being written, and what announces it if it is new."""
        if self._message is not None:
            return self._message, []
        spoken = self.plan.modality == "audio"
        self._message = WrittenMessage(self._new_item_id(), self._place(), self._events, self._kept, spoken=spoken)
        self._output.append(self._message)
        return self._message, self._message.begin()

    def _end_message(self, *, whole: bool = True, heard: bool = True) -> list[ServerEvent]:
        message, self._message = self._message, None
        return message.end(whole=whole, heard=heard) if message else []

    def _new_item_id(self) -> str:
        return self._conversation.promise_id(self._new_id) if self.plan.in_conversation else self._new_id("item")

    def _as_event(self, reason: Reason | None, error: tuple[str, str] | None, usage: Usage | None) -> dict[str, Any]:
        details: dict[str, Any] | None = None
        if self.is_done and self.status != "completed":
            details = {"type": self.status}
            if reason:
                details["reason"] = reason
            if error:
                details["error"] = {"type": "server_error", "code": error[0], "message": error[1]}
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": details,
            "output": [item.as_event() for item in self._output],
            "conversation_id": self._conversation.id if self.plan.in_conversation else None,
            **self.plan.as_event(),
            "usage": (usage or Usage()).as_event() if self.is_done else None,
        }
