"""What the protocol asks of the pipeline, and how both answers come back together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from antiphon_runtime.engines.protocols import Samples
from antiphon_runtime.realtime.response_writer import Reason, ResponseWriter
from antiphon_runtime.realtime.server_events import ServerEvent
from antiphon_runtime.realtime.session_settings import SessionSettings


@dataclass(frozen=True, slots=True)
class SessionChanged:
    settings: SessionSettings


@dataclass(frozen=True, slots=True, eq=False)
class AudioHeard:
    """New audio at HEARD_RATE, for whoever detects speech."""

    samples: Samples
    start_ms: int
    """Since the beginning of the session's audio."""


@dataclass(frozen=True, slots=True)
class AudioCleared:
    """What was heard and not committed is gone; a turn that had begun with it, too."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioCommitted:
    """A user's turn is over and wants to be recognised."""

    item_id: str
    samples: Samples
    start_ms: int
    end_ms: int
    by_client: bool
    """It ended the turn, not the detection of speech."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioGiven:
    """A client created an item with audio and without its words."""

    item_id: str
    content_index: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    item_id: str


@dataclass(frozen=True, slots=True, eq=False)
class StartResponse:
    """`response.created` is among the events; all else is written by the pipeline."""

    response: ResponseWriter


@dataclass(frozen=True, slots=True)
class StopResponse:
    """It is done already, as far as the client is told; its work is to be given up."""

    response_id: str
    reason: Reason


Action: TypeAlias = (
    SessionChanged
    | AudioHeard
    | AudioCleared
    | AudioCommitted
    | AudioGiven
    | ItemTruncated
    | ItemDeleted
    | StartResponse
    | StopResponse
)


@dataclass(slots=True)
class Reply:
    """Events to send in this order, then actions to take in this order."""

    events: list[ServerEvent] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)

    def __iadd__(self, other: Reply) -> Reply:
        self.events += other.events
        self.actions += other.actions
        return self
