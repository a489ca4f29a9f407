"""One session of the OpenAI Realtime protocol, without I/O: a client event in, events and actions out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from antiphon_runtime.realtime.actions import (
    Action,
    AudioGiven,
    ItemDeleted,
    ItemTruncated,
    Reply,
    SessionChanged,
)
from antiphon_runtime.realtime.client_events import (
    AppendEvent,
    ClearEvent,
    ClientEvent,
    CommitEvent,
    ItemCreateEvent,
    ItemDeleteEvent,
    ItemRetrieveEvent,
    ItemTruncateEvent,
    ResponseCancelEvent,
    ResponseCreateEvent,
    SessionUpdateEvent,
    client_event_id,
    read_client_event,
)
from antiphon_runtime.realtime.client_items import InputAudio, InputItem, ItemReference, UserMessage
from antiphon_runtime.realtime.conversation import Conversation
from antiphon_runtime.realtime.errors import INTERNAL, INVALID_JSON, WRONG_SESSION, RealtimeError, shown
from antiphon_runtime.realtime.input_audio import heard
from antiphon_runtime.realtime.items import Item, Message, item_from_client
from antiphon_runtime.realtime.response_plan import ResponsePlan, plan_response
from antiphon_runtime.realtime.responses import Responses
from antiphon_runtime.realtime.server_events import NewId, ServerEvent, ServerEvents
from antiphon_runtime.realtime.session_settings import Progress, SessionSettings, settings_event, updated
from antiphon_runtime.realtime.user_turns import UserTurns

_log = logging.getLogger(__name__)


class Protocol:
    """The state of one session as its client sees it.

    `open` first; then `feed` for each client event, and the methods of `turns` and of the responses' writers for what
    the pipeline finds and makes. All of them return events to be sent in the order of the calls. Nothing raises for what
    a client did.
    """

    def __init__(self, settings: SessionSettings, *, new_id: NewId, voices: Collection[str] = ()) -> None:
        """`new_id` makes ids from prefixes; `voices` are the model's names of its voices."""
        self.id = new_id("sess")
        self.settings = settings
        self.events = ServerEvents(new_id)
        self.conversation = Conversation(new_id("conv"))
        self._new_id = new_id
        self._voices = frozenset(voices)
        self._progress = Progress()
        self.responses = Responses(self.events, new_id, self.conversation, self._progress)
        self.turns = UserTurns(
            settings.audio.input,
            events=self.events,
            new_id=new_id,
            conversation=self.conversation,
            progress=self._progress,
        )
        self._handlers: Mapping[type, Callable[[Any], Reply]] = {
            SessionUpdateEvent: self._update,
            AppendEvent: lambda event: self.turns.append(event.audio),
            CommitEvent: lambda _event: self.turns.commit(),
            ClearEvent: lambda _event: self.turns.clear(),
            ItemCreateEvent: self._create_item,
            ItemDeleteEvent: self._delete_item,
            ItemRetrieveEvent: self._retrieve_item,
            ItemTruncateEvent: self._truncate_item,
            ResponseCreateEvent: self._create_response,
            ResponseCancelEvent: lambda event: self.responses.cancel(event.response_id, "client_cancelled"),
        }

    def open(self) -> Reply:
        return Reply([self.events.session_created(settings_event(self.settings, self.id))])

    def feed_json(self, text: str | bytes) -> Reply:
        try:
            event = json.loads(text)
        except (ValueError, RecursionError) as error:
            refused = RealtimeError(f"the message is no JSON: {error}; send one event as one object", code=INVALID_JSON)
            return Reply([self.events.error(refused)])
        return self.feed(event)

    def feed(self, event: object) -> Reply:
        try:
            return self._handle(read_client_event(event))
        except RealtimeError as error:
            return Reply([self.events.error(error, client_event_id(event))])
        except Exception:
            _log.exception("a client event could not be handled; the session goes on without it")
            ours = RealtimeError(
                "the event could not be handled; this is our fault", code=INTERNAL, kind="server_error"
            )
            return Reply([self.events.error(ours, client_event_id(event))])

    # --- what the pipeline finds -----------------------------------------------------------------------------------

    def speech_started(self, at_ms: int) -> Reply:
        """The user began to speak, at the first sound; interrupts the answer if the client wants that."""
        detection = self.settings.audio.input.turn_detection
        if detection is None:
            return Reply()
        reply = Reply(self.turns.speech_started(at_ms))
        if reply.events and detection.interrupt_response:
            reply += self.interrupt()
        return reply

    def interrupt(self) -> Reply:
        """Ends the answer in the conversation because a turn was detected, if there is one."""
        return self.responses.cancel(None, "turn_detected") if self.responses.active else Reply()

    def next_plan(self) -> ResponsePlan:
        """What a response would be that begins now without parameters of its own: for a start before the turn is over,
        with `plan.messages(protocol.conversation, heard)`."""
        return plan_response(self.settings, voices=self._voices)

    def respond(self) -> Reply:
        """Begins an answer to the turn. Nothing where one is active already, or the session only listens."""
        if self.settings.type != "realtime" or self.responses.active is not None:
            return Reply()
        return self.responses.start(self.next_plan())

    def failed(self, code: str, message: str) -> list[ServerEvent]:
        """Something of ours went wrong that belongs to no item and no response."""
        return [self.events.error(RealtimeError(message, code=code, kind="server_error"))]

    # --- client events ---------------------------------------------------------------------------------------------

    def _handle(self, event: ClientEvent) -> Reply:
        return self._handlers[type(event)](event)

    def _update(self, event: SessionUpdateEvent) -> Reply:
        self._progress.has_items = self._progress.has_items or len(self.conversation) > 0
        self._progress.responding = bool(self.responses.all_active)
        self.settings = updated(self.settings, event.session, self._progress, self._voices)
        self.turns.change(self.settings.audio.input)
        told = self.events.session_updated(settings_event(self.settings, self.id))
        return Reply([told], [SessionChanged(self.settings)])

    def _create_item(self, event: ItemCreateEvent) -> Reply:
        if event.item.id is not None:
            self.conversation.check_new(event.item.id)
        item_id = event.item.id or self.conversation.promise_id(self._new_id)
        item = item_from_client(event.item, item_id, self._new_id("call"))
        clips = self._clips(event.item, item)
        previous = self.conversation.insert(item, event.previous_item_id)
        told = [self.events.item_added(item.as_event(), previous), self.events.item_done(item.as_event(), previous)]
        return Reply(told, clips)

    def _clips(self, given: object, item: Item) -> list[Action]:
        """Audio that a created item brings, to be recognised unless its words came with it."""
        if not isinstance(given, UserMessage) or not isinstance(item, Message):
            return []
        clips: list[Action] = []
        for index, part in enumerate(given.content):
            if isinstance(part, InputAudio) and part.audio is not None:
                path = f"item.content.{index}.audio"
                samples = heard(part.audio, self.settings.audio.input.format, path)
                item.parts[index].audio_ms = len(samples) // 16
                if part.transcript is None:
                    clips.append(AudioGiven(item.id, index, samples))
        return clips

    def _delete_item(self, event: ItemDeleteEvent) -> Reply:
        self.conversation.delete(event.item_id)
        return Reply([self.events.item_deleted(event.item_id)], [ItemDeleted(event.item_id)])

    def _retrieve_item(self, event: ItemRetrieveEvent) -> Reply:
        return Reply([self.events.item_retrieved(self.conversation.retrieve(event.item_id).as_event())])

    def _truncate_item(self, event: ItemTruncateEvent) -> Reply:
        self.conversation.truncate(event.item_id, event.content_index, event.audio_end_ms)
        told = self.events.item_truncated(event.item_id, event.content_index, event.audio_end_ms)
        return Reply([told], [ItemTruncated(event.item_id, event.audio_end_ms)])

    def _create_response(self, event: ResponseCreateEvent) -> Reply:
        if self.settings.type != "realtime":
            raise RealtimeError("a transcription session gives no responses", code=WRONG_SESSION, param="type")
        given = event.response.input if event.response else None
        context = None if given is None else self._context(given)
        return self.responses.start(plan_response(self.settings, event.response, context=context, voices=self._voices))

    def _context(self, given: Sequence[InputItem]) -> tuple[Item, ...]:
        return tuple(self._context_item(item, f"response.input.{index}") for index, item in enumerate(given))

    def _context_item(self, given: InputItem, path: str) -> Item:
        if isinstance(given, ItemReference):
            found = self.conversation.find(given.id)
            if found is None:
                raise RealtimeError(
                    f"{path}.id is {shown(given.id)}; it must be an item of the conversation", param=path
                )
            return found
        if isinstance(given, UserMessage) and any(
            isinstance(p, InputAudio) and p.transcript is None for p in given.content
        ):
            raise RealtimeError(
                f"{path} has audio without a transcript; create it as an item, and refer to it", param=path
            )
        return item_from_client(given, given.id or self._new_id("item"), self._new_id("call"))
