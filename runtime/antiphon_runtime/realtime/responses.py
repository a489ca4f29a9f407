"""The responses of a session: at most one speaks in the conversation, others may work beside it."""

from __future__ import annotations

from antiphon_runtime.realtime.actions import Reply, StartResponse, StopResponse
from antiphon_runtime.realtime.conversation import Conversation
from antiphon_runtime.realtime.errors import (
    ACTIVE_RESPONSE,
    CANCEL_NOT_ACTIVE,
    TOO_MANY_RESPONSES,
    RealtimeError,
    shown,
)
from antiphon_runtime.realtime.response_plan import ResponsePlan
from antiphon_runtime.realtime.response_writer import Reason, ResponseWriter
from antiphon_runtime.realtime.server_events import NewId, ServerEvents
from antiphon_runtime.realtime.session_settings import Progress

MOST_BESIDE = 8
"""Responses outside the conversation that work at once."""


class Responses:
    def __init__(self, events: ServerEvents, new_id: NewId, conversation: Conversation, progress: Progress) -> None:
        self._events = events
        self._new_id = new_id
        self._conversation = conversation
        self._progress = progress
        self._writers: list[ResponseWriter] = []

    @property
    def active(self) -> ResponseWriter | None:
        """The one that speaks in the conversation."""
        return next((writer for writer in self._live() if writer.plan.in_conversation), None)

    @property
    def all_active(self) -> list[ResponseWriter]:
        return list(self._live())

    def start(self, plan: ResponsePlan) -> Reply:
        self._check_room(plan)
        writer = ResponseWriter(
            plan,
            events=self._events,
            new_id=self._new_id,
            conversation=self._conversation,
            progress=self._progress,
        )
        self._writers = [*self._live(), writer]
        return Reply(writer.begin(), [StartResponse(writer)])

    def cancel(self, response_id: str | None, reason: Reason) -> Reply:
        """Without an id: the one in the conversation. LiveKit's client knows the error by how its text begins."""
        found = self.active if response_id is None else self._find(response_id)
        if found is None:
            which = (
                "no active response found" if response_id is None else f"response {shown(response_id)} is not active"
            )
            raise RealtimeError(f"Cancellation failed: {which}", code=CANCEL_NOT_ACTIVE, param="response_id")
        return Reply(found.finish("cancelled", reason=reason), [StopResponse(found.id, reason)])

    def _find(self, response_id: str) -> ResponseWriter | None:
        return next((writer for writer in self._live() if writer.id == response_id), None)

    def _live(self) -> list[ResponseWriter]:
        return [writer for writer in self._writers if not writer.is_done]

    def _check_room(self, plan: ResponsePlan) -> None:
        active = self.active
        if plan.in_conversation and active is not None:
            raise RealtimeError(
                f"the conversation already has an active response, {active.id}; wait for its response.done or cancel it",
                code=ACTIVE_RESPONSE,
            )
        beside = sum(not writer.plan.in_conversation for writer in self._live())
        if not plan.in_conversation and beside >= MOST_BESIDE:
            raise RealtimeError(
                f"{beside} responses work beside the conversation; wait until one of them is done",
                code=TOO_MANY_RESPONSES,
            )
