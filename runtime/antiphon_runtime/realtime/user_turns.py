"""What the user says: from audio in the buffer to an item with its transcript."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_runtime.realtime.actions import AudioCleared, AudioCommitted, AudioHeard, Reply
from antiphon_runtime.realtime.client_session import ServerVad
from antiphon_runtime.realtime.conversation import Conversation
from antiphon_runtime.realtime.input_audio import KEPT_BEFORE_SPEECH_MS, InputAudio
from antiphon_runtime.realtime.items import Message, Part
from antiphon_runtime.realtime.server_events import NewId, ServerEvent, ServerEvents
from antiphon_runtime.realtime.session_settings import InputSettings, Progress

SEMANTIC_PADDING_MS = 300
_TRIM_STEP_MS = 500
"""Forgetting copies what is kept, so it is not done for every message."""


@dataclass(slots=True)
class _Turn:
    item_id: str
    start_ms: int
    end_ms: int | None = None
    """None: the user is speaking."""


class UserTurns:
    """The input buffer, the turn that is being spoken, and the transcripts of turns."""

    def __init__(
        self,
        settings: InputSettings,
        *,
        events: ServerEvents,
        new_id: NewId,
        conversation: Conversation,
        progress: Progress,
    ) -> None:
        self.buffer = InputAudio(settings.format)
        self._settings = settings
        self._events = events
        self._new_id = new_id
        self._conversation = conversation
        self._progress = progress
        self._turn: _Turn | None = None
        self._judged_ms: int | None = None
        self._kept_from_ms: int | None = None

    @property
    def is_speaking(self) -> bool:
        return self._turn is not None and self._turn.end_ms is None

    def change(self, settings: InputSettings) -> None:
        if settings.format.type != self._settings.format.type:
            self.buffer = InputAudio(settings.format)
        if settings.turn_detection is None:
            self._drop_turn()
        self._settings = settings

    # --- what the client sends -------------------------------------------------------------------------------------

    def append(self, audio: str) -> Reply:
        start_ms = self.buffer.end_ms
        samples = self.buffer.append(audio)
        self._progress.heard_audio = True
        return Reply([], [AudioHeard(samples, start_ms)] if len(samples) else [])

    def clear(self) -> Reply:
        self.buffer.clear()
        self._drop_turn()
        return Reply([self._events.cleared()], [AudioCleared()])

    def commit(self) -> Reply:
        """By the client, also in the midst of a turn that was detected."""
        start_ms = self._turn.start_ms if self._turn else self.buffer.start_ms
        end_ms = self.buffer.end_ms
        samples = self.buffer.commit(start_ms)
        item_id = self._turn.item_id if self._turn else self._conversation.promise_id(self._new_id)
        self._turn = None
        events = self._add_item(item_id, end_ms - start_ms)
        return Reply(events, [AudioCommitted(item_id, samples, start_ms, end_ms, by_client=True)])

    # --- what the pipeline finds -----------------------------------------------------------------------------------

    def judged(self, until_ms: int) -> None:
        """Speech was looked for up to here. Silence that was judged is forgotten, but for what a turn may begin with."""
        self._judged_ms = until_ms
        self._forget_silence()

    def keep(self, from_ms: int | None) -> None:
        """Nothing from here on is forgotten: it may become a turn. None: that is decided."""
        self._kept_from_ms = from_ms

    def speech_started(self, at_ms: int) -> list[ServerEvent]:
        """At the first sound, without padding. A turn that was not committed yet goes on."""
        if self.is_speaking:
            return []
        if self._turn is None:
            start_ms = max(self.buffer.start_ms, at_ms - self._padding_ms, 0)
            self._turn = _Turn(self._conversation.promise_id(self._new_id), min(start_ms, self.buffer.end_ms))
        self._turn.end_ms = None
        return [self._events.speech_started(self._turn.item_id, self._turn.start_ms)]

    def speech_stopped(self, at_ms: int) -> list[ServerEvent]:
        """At the end of the silence that ended it."""
        if self._turn is None or self._turn.end_ms is not None:
            return []
        self._turn.end_ms = max(self._turn.start_ms, min(at_ms, self.buffer.end_ms))
        return [self._events.speech_stopped(self._turn.item_id, self._turn.end_ms)]

    def commit_turn(self) -> Reply:
        """Of a turn that has stopped."""
        turn = self._turn
        if turn is None or turn.end_ms is None:
            return Reply()
        self._turn = None
        samples = self.buffer.commit(turn.start_ms, turn.end_ms, least_ms=0)
        events = self._add_item(turn.item_id, turn.end_ms - turn.start_ms)
        return Reply(events, [AudioCommitted(turn.item_id, samples, turn.start_ms, turn.end_ms, by_client=False)])

    def timeout(self, start_ms: int) -> Reply:
        """Nobody spoke since then: the silence becomes an item without words."""
        if self._turn is not None:
            return Reply()
        item_id, end_ms = self._conversation.promise_id(self._new_id), self.buffer.end_ms
        start_ms = max(0, min(start_ms, end_ms))
        events = [self._events.timeout_triggered(item_id, start_ms, end_ms)]
        self.buffer.clear()
        return Reply(events + self._add_item(item_id, end_ms - start_ms, transcript=""))

    # --- what was recognised ---------------------------------------------------------------------------------------

    def transcript_delta(self, item_id: str, delta: str, content_index: int = 0) -> list[ServerEvent]:
        if not delta or self._settings.transcription is None or self._part(item_id, content_index) is None:
            return []
        return [self._events.transcription_delta(item_id, content_index, delta)]

    def transcript_completed(self, item_id: str, transcript: str, content_index: int = 0) -> list[ServerEvent]:
        """Also to be called where the client wants no transcripts: prompts are made of them."""
        part = self._part(item_id, content_index)
        if part is None:
            return []
        part.text = transcript
        if self._settings.transcription is None:
            return []
        seconds = part.audio_ms / 1000
        return [self._events.transcription_completed(item_id, content_index, transcript, seconds)]

    def transcript_failed(self, item_id: str, code: str, message: str, content_index: int = 0) -> list[ServerEvent]:
        part = self._part(item_id, content_index)
        if part is None:
            return []
        part.text = part.text or ""
        return [self._events.transcription_failed(item_id, content_index, code, message)]

    def transcript_segment(
        self, item_id: str, *, speaker: str, text: str, start_seconds: float, end_seconds: float, content_index: int = 0
    ) -> list[ServerEvent]:
        if self._settings.transcription is None or self._part(item_id, content_index) is None:
            return []
        said = {"id": self._new_id("seg"), "speaker": speaker, "text": text}
        segment = {**said, "start": start_seconds, "end": end_seconds}
        return [self._events.transcription_segment(item_id, content_index, segment)]

    # --- inside ----------------------------------------------------------------------------------------------------

    @property
    def _padding_ms(self) -> int:
        detection = self._settings.turn_detection
        return detection.prefix_padding_ms if isinstance(detection, ServerVad) else SEMANTIC_PADDING_MS

    def _forget_silence(self) -> None:
        if self._turn is not None or self._settings.turn_detection is None or self._judged_ms is None:
            return
        kept_from_ms = self._judged_ms - self._padding_ms - KEPT_BEFORE_SPEECH_MS
        if self._kept_from_ms is not None:
            kept_from_ms = min(kept_from_ms, self._kept_from_ms)
        if kept_from_ms > self.buffer.start_ms + _TRIM_STEP_MS:
            self.buffer.forget_before(kept_from_ms)

    def _drop_turn(self) -> None:
        if self._turn is not None:
            self._conversation.break_promise(self._turn.item_id)
            self._turn = None

    def _add_item(self, item_id: str, audio_ms: int, transcript: str | None = None) -> list[ServerEvent]:
        item = Message(item_id, "user", [Part("input_audio", transcript, audio_ms=audio_ms)])
        previous = self._conversation.insert(item)
        return [
            self._events.committed(item_id, previous),
            self._events.item_added(item.as_event(), previous),
            self._events.item_done(item.as_event(), previous),
        ]

    def _part(self, item_id: str, content_index: int) -> Part | None:
        """None where the client has deleted it meanwhile."""
        item = self._conversation.find(item_id)
        if not isinstance(item, Message) or content_index >= len(item.parts):
            return None
        part = item.parts[content_index]
        return part if part.type == "input_audio" else None
