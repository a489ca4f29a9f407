"""All events that the server sends. Each is a plain dict with its type and an id of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from antiphon_runtime.realtime.errors import RealtimeError, as_event_error

ServerEvent: TypeAlias = dict[str, Any]
Body: TypeAlias = Mapping[str, Any]
NewId: TypeAlias = Callable[[str], str]
"""A new id that begins with the prefix it is given: `item` -> `item_...`. Ids never repeat in a session."""


class ServerEvents:
    """Makes events of one session. What a body holds is the caller's; names and fields are kept true here."""

    def __init__(self, new_id: NewId) -> None:
        self._new_id = new_id

    def _event(self, kind: str, /, **fields: Any) -> ServerEvent:
        return {"type": kind, "event_id": self._new_id("event"), **fields}

    # --- session ---------------------------------------------------------------------------------------------------

    def session_created(self, session: Body) -> ServerEvent:
        return self._event("session.created", session=session)

    def session_updated(self, session: Body) -> ServerEvent:
        return self._event("session.updated", session=session)

    def error(self, error: RealtimeError, client_event_id: str | None = None) -> ServerEvent:
        return self._event("error", error=as_event_error(error, client_event_id))

    def rate_limits_updated(self, limits: Sequence[Body]) -> ServerEvent:
        """Each limit has name (`requests` or `tokens`), limit, remaining and reset_seconds."""
        return self._event("rate_limits.updated", rate_limits=list(limits))

    # --- conversation ----------------------------------------------------------------------------------------------

    def item_added(self, item: Body, previous_item_id: str | None) -> ServerEvent:
        return self._event("conversation.item.added", previous_item_id=previous_item_id, item=item)

    def item_done(self, item: Body, previous_item_id: str | None) -> ServerEvent:
        return self._event("conversation.item.done", previous_item_id=previous_item_id, item=item)

    def item_deleted(self, item_id: str) -> ServerEvent:
        return self._event("conversation.item.deleted", item_id=item_id)

    def item_retrieved(self, item: Body) -> ServerEvent:
        return self._event("conversation.item.retrieved", item=item)

    def item_truncated(self, item_id: str, content_index: int, audio_end_ms: int) -> ServerEvent:
        place = {"item_id": item_id, "content_index": content_index}
        return self._event("conversation.item.truncated", **place, audio_end_ms=audio_end_ms)

    # --- what was heard --------------------------------------------------------------------------------------------

    def speech_started(self, item_id: str, audio_start_ms: int) -> ServerEvent:
        return self._event("input_audio_buffer.speech_started", audio_start_ms=audio_start_ms, item_id=item_id)

    def speech_stopped(self, item_id: str, audio_end_ms: int) -> ServerEvent:
        return self._event("input_audio_buffer.speech_stopped", audio_end_ms=audio_end_ms, item_id=item_id)

    def committed(self, item_id: str, previous_item_id: str | None) -> ServerEvent:
        return self._event("input_audio_buffer.committed", previous_item_id=previous_item_id, item_id=item_id)

    def cleared(self) -> ServerEvent:
        return self._event("input_audio_buffer.cleared")

    def timeout_triggered(self, item_id: str, audio_start_ms: int, audio_end_ms: int) -> ServerEvent:
        span = {"audio_start_ms": audio_start_ms, "audio_end_ms": audio_end_ms}
        return self._event("input_audio_buffer.timeout_triggered", **span, item_id=item_id)

    def _transcription(self, what: str, item_id: str, content_index: int, **fields: Any) -> ServerEvent:
        kind = f"conversation.item.input_audio_transcription.{what}"
        return self._event(kind, item_id=item_id, content_index=content_index, **fields)

    def transcription_delta(self, item_id: str, content_index: int, delta: str) -> ServerEvent:
        return self._transcription("delta", item_id, content_index, delta=delta)

    def transcription_completed(
        self, item_id: str, content_index: int, transcript: str, audio_seconds: float
    ) -> ServerEvent:
        usage = {"type": "duration", "seconds": round(audio_seconds, 3)}
        return self._transcription("completed", item_id, content_index, transcript=transcript, usage=usage)

    def transcription_failed(self, item_id: str, content_index: int, code: str, message: str) -> ServerEvent:
        error = {"type": "server_error", "code": code, "message": message, "param": None}
        return self._transcription("failed", item_id, content_index, error=error)

    def transcription_segment(self, item_id: str, content_index: int, segment: Body) -> ServerEvent:
        """A segment has id, text, speaker, start and end; the times are seconds from the beginning of the audio."""
        return self._transcription("segment", item_id, content_index, **segment)

    # --- responses -------------------------------------------------------------------------------------------------

    def response_created(self, response: Body) -> ServerEvent:
        return self._event("response.created", response=response)

    def response_done(self, response: Body) -> ServerEvent:
        return self._event("response.done", response=response)

    def output_item_added(self, response_id: str, output_index: int, item: Body) -> ServerEvent:
        place = {"response_id": response_id, "output_index": output_index}
        return self._event("response.output_item.added", **place, item=item)

    def output_item_done(self, response_id: str, output_index: int, item: Body) -> ServerEvent:
        place = {"response_id": response_id, "output_index": output_index}
        return self._event("response.output_item.done", **place, item=item)

    def content_part_added(self, place: Body, part: Body) -> ServerEvent:
        """A place has response_id, item_id, output_index and content_index."""
        return self._event("response.content_part.added", **place, part=part)

    def content_part_done(self, place: Body, part: Body) -> ServerEvent:
        return self._event("response.content_part.done", **place, part=part)

    def text_delta(self, place: Body, delta: str) -> ServerEvent:
        return self._event("response.output_text.delta", **place, delta=delta)

    def text_done(self, place: Body, text: str) -> ServerEvent:
        return self._event("response.output_text.done", **place, text=text)

    def audio_delta(self, place: Body, delta: str) -> ServerEvent:
        """The delta is base64."""
        return self._event("response.output_audio.delta", **place, delta=delta)

    def audio_done(self, place: Body) -> ServerEvent:
        return self._event("response.output_audio.done", **place)

    def transcript_delta(self, place: Body, delta: str) -> ServerEvent:
        return self._event("response.output_audio_transcript.delta", **place, delta=delta)

    def transcript_done(self, place: Body, transcript: str) -> ServerEvent:
        return self._event("response.output_audio_transcript.done", **place, transcript=transcript)

    def arguments_delta(self, place: Body, call_id: str, delta: str) -> ServerEvent:
        """Of a function call; its place has no content_index."""
        return self._event("response.function_call_arguments.delta", **place, call_id=call_id, delta=delta)

    def arguments_done(self, place: Body, call_id: str, name: str, arguments: str) -> ServerEvent:
        said = {"call_id": call_id, "name": name, "arguments": arguments}
        return self._event("response.function_call_arguments.done", **place, **said)
