"""The items of a response while they are written: each with its events in their order."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from antiphon_runtime.realtime.conversation import Conversation
from antiphon_runtime.realtime.items import Call, Message, Part
from antiphon_runtime.realtime.output_audio import OutputAudio
from antiphon_runtime.realtime.server_events import ServerEvent, ServerEvents
from antiphon_runtime.realtime.spoken import SpokenText


class _Written:
    """An item that is announced in the response, and in the conversation if it is kept there."""

    def __init__(
        self, item: Message | Call, place: Mapping[str, Any], events: ServerEvents, kept_in: Conversation | None
    ) -> None:
        self._item = item
        self._place = place
        self._events = events
        self._conversation = kept_in

    @property
    def id(self) -> str:
        return self._item.id

    def as_event(self) -> dict[str, Any]:
        return self._item.as_event()

    def _announce(self) -> list[ServerEvent]:
        events = [self._events.output_item_added(**self._place, item=self.as_event())]
        if self._conversation is not None:
            previous = self._conversation.insert(self._item)
            events.append(self._events.item_added(self.as_event(), previous))
        return events

    def _conclude(self, *, whole: bool) -> list[ServerEvent]:
        self._item.status = "completed" if whole else "incomplete"
        events = [self._events.output_item_done(**self._place, item=self.as_event())]
        if self._conversation is not None and self._conversation.find(self.id) is self._item:
            previous = self._conversation.previous_of(self.id)
            events.append(self._events.item_done(self.as_event(), previous))
        return events


class WrittenMessage(_Written):
    """A message of one part: text, or audio with its transcript."""

    def __init__(
        self,
        item_id: str,
        place: Mapping[str, Any],
        events: ServerEvents,
        kept_in: Conversation | None,
        *,
        spoken: bool,
    ) -> None:
        self._message = Message(item_id, "assistant", status="in_progress")
        super().__init__(self._message, place, events, kept_in)
        self._spoken = SpokenText() if spoken else None
        self._part = Part("output_audio" if spoken else "output_text", "", self._spoken)
        self._part_place = {**place, "item_id": item_id, "content_index": 0}
        self._sent_ms = 0
        self.voice: OutputAudio | None = None
        """Set by whoever has audio."""

    @property
    def audio_ms(self) -> int:
        return self._spoken.audio_ms if self._spoken else 0

    def begin(self) -> list[ServerEvent]:
        events = self._announce()
        events.append(self._events.content_part_added(self._part_place, self._part.as_response_part()))
        self._message.parts.append(self._part)
        return events

    def add_text(self, delta: str) -> list[ServerEvent]:
        if self._spoken is None:
            self._part.text = (self._part.text or "") + delta
            return [self._events.text_delta(self._part_place, delta)]
        events = self.add_audio(self.voice.drain()) if self.voice else []
        self._spoken.add_text(delta)
        self._part.text = self._spoken.text
        return [*events, self._events.transcript_delta(self._part_place, delta)]

    def add_audio(self, chunks: Sequence[bytes]) -> list[ServerEvent]:
        if self._spoken is not None and self.voice is not None:
            self._spoken.add_audio(self._sent_ms + self.voice.given_ms)
        return [self._events.audio_delta(self._part_place, b64encode(chunk).decode()) for chunk in chunks]

    def end_of_audio(self) -> list[ServerEvent]:
        """Of this voice; another may follow."""
        if self.voice is None:
            return []
        events = self.add_audio(self.voice.finish())
        self._sent_ms += self.voice.given_ms
        self.voice = None
        return events

    def end(self, *, whole: bool, heard: bool) -> list[ServerEvent]:
        """What is held back is sent only if it is still to be heard."""
        events = self.end_of_audio() if heard else []
        place, text = self._part_place, self._part.text or ""
        if self._spoken is not None:
            if whole:
                self._spoken.complete()
            events += [self._events.audio_done(place), self._events.transcript_done(place, text)]
        else:
            events.append(self._events.text_done(place, text))
        events.append(self._events.content_part_done(place, self._part.as_response_part()))
        return events + self._conclude(whole=whole)


class WrittenCall(_Written):
    """A call of a function."""

    def __init__(
        self, call: Call, place: Mapping[str, Any], events: ServerEvents, kept_in: Conversation | None
    ) -> None:
        super().__init__(call, place, events, kept_in)
        self._call = call
        self._call_place = {**place, "item_id": call.id}

    def begin(self) -> list[ServerEvent]:
        return self._announce()

    def add(self, arguments: str) -> list[ServerEvent]:
        if not arguments:
            return []
        self._call.arguments += arguments
        return [self._events.arguments_delta(self._call_place, self._call.call_id, arguments)]

    def end(self, *, whole: bool) -> list[ServerEvent]:
        call = self._call
        done = self._events.arguments_done(self._call_place, call.call_id, call.name, call.arguments)
        return [done, *self._conclude(whole=whole)]
