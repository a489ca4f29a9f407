"""What the two sides of a session share."""

from __future__ import annotations

from typing import Protocol as Typed

from antiphon_crds.control import Features
from antiphon_runtime.realtime.actions import Reply
from antiphon_runtime.realtime.items import Message
from antiphon_runtime.realtime.protocol import Protocol
from antiphon_runtime.turns.timeline import Timeline
from antiphon_runtime.voice.answers import Answers
from antiphon_runtime.voice.draft import Draft
from antiphon_runtime.voice.listener import Listener
from antiphon_runtime.voice.tasks import Tasks


class Room(Typed):
    protocol: Protocol
    answers: Answers
    listener: Listener
    tasks: Tasks

    @property
    def features(self) -> Features: ...

    def take(self, reply: Reply, draft: Draft | None = None, timeline: Timeline | None = None) -> None:
        """Sends the events, then does what the actions ask for."""
        ...


def last_said(protocol: Protocol) -> str:
    """By the agent."""
    for item in reversed(list(protocol.conversation)):
        if isinstance(item, Message) and item.role == "assistant":
            return item.text
    return ""
