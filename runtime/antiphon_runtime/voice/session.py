"""One session: the protocol joined with the user's and the agent's side. It knows no socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from antiphon_crds.control import Features
from antiphon_runtime.engines.protocols import Samples
from antiphon_runtime.realtime.actions import (
    Action,
    AudioCleared,
    AudioCommitted,
    AudioGiven,
    AudioHeard,
    ItemDeleted,
    ItemTruncated,
    Reply,
    SessionChanged,
    StartResponse,
    StopResponse,
)
from antiphon_runtime.realtime.protocol import Protocol
from antiphon_runtime.realtime.server_events import NewId, ServerEvent
from antiphon_runtime.stages.cast import Cast
from antiphon_runtime.turns.endpointing import EndpointingSettings, Event
from antiphon_runtime.turns.timeline import Timeline
from antiphon_runtime.voice.answers import Answers
from antiphon_runtime.voice.defaults import AgentOptions, endpointing, session_defaults
from antiphon_runtime.voice.draft import Draft
from antiphon_runtime.voice.failures import code_and_message
from antiphon_runtime.voice.hearing import FRAME_MS, Hearing
from antiphon_runtime.voice.listener import Listener, Nobody
from antiphon_runtime.voice.phrases import Phrases
from antiphon_runtime.voice.recognising import Recognition
from antiphon_runtime.voice.silence import SilenceWatch
from antiphon_runtime.voice.speakers import SpeakerWatch
from antiphon_runtime.voice.tasks import Tasks
from antiphon_runtime.voice.turn_taking import TurnTaking

Send = Callable[[Sequence[ServerEvent]], None]


@dataclass(frozen=True, slots=True)
class Agent:
    """What all sessions of a pod share."""

    options: AgentOptions
    phrases: Phrases
    features: Callable[[], Features]
    """Those in force now."""
    listener: Listener = field(default_factory=Nobody)


class Session:
    """Made on the event loop. `send` takes events in their order and does not block. `close` must be awaited."""

    def __init__(self, agent: Agent, cast: Cast, *, new_id: NewId, send: Send, model: str = "") -> None:
        self.protocol = Protocol(
            session_defaults(agent.options, model), new_id=new_id, voices=_voices(cast, agent.options)
        )
        self.listener = agent.listener
        self.tasks = Tasks()
        self._agent = agent
        self._send = send
        self.answers = Answers(cast, agent.options, agent.phrases, self.protocol.id, send, agent.listener)
        self._recognition = Recognition(cast.asr, agent.options, self.protocol.id) if cast.asr else None
        self._speakers = self._tell_apart(cast)
        self._turns = TurnTaking(self, self._recognition, self._speakers)
        self._hearing = self._turns.hearing = self._listen(cast)
        self._silence = SilenceWatch(self)
        self.answers.on_idle = self._answered
        self._apply_settings()

    @property
    def id(self) -> str:
        return self.protocol.id

    @property
    def features(self) -> Features:
        return self._agent.features()

    @property
    def is_speaking(self) -> bool:
        """The agent works or speaks."""
        return self.answers.is_working or self.answers.is_heard

    @property
    def is_listening(self) -> bool:
        """The user speaks."""
        return self.protocol.turns.is_speaking

    @property
    def is_busy(self) -> bool:
        """In a turn, of either side: it would hurt to end the session now."""
        return self.is_speaking or self.is_listening or len(self.tasks) > 0

    def feed(self, message: str | bytes) -> None:
        """A client's event."""
        self.take(self.protocol.feed_json(message))

    def feed_event(self, event: object) -> None:
        """As `feed`, where the JSON has been read already."""
        self.take(self.protocol.feed(event))

    def apply_features(self) -> None:
        """Features have been switched: in force from the next frame or turn on."""
        self._apply_settings()

    async def close(self) -> None:
        """Ends all work of it; nothing is sent any more."""
        self._send = lambda _: None
        self._silence.stop()
        self.answers.tell = self._send
        if self._hearing is not None:
            self._hearing.close()
        await self.answers.close()
        await self.tasks.close()

    # --- what both sides share -------------------------------------------------------------------------------------

    def take(self, reply: Reply, draft: Draft | None = None, timeline: Timeline | None = None) -> None:
        if reply.events:
            self._send(reply.events)
        for action in reply.actions:
            self._do(action, draft, timeline)

    def _do(self, action: Action, draft: Draft | None, timeline: Timeline | None) -> None:
        match action:
            case AudioHeard(samples):
                self._hear(samples)
            case StartResponse():
                self._start(action, draft, timeline)
            case StopResponse():
                self._stop(action)
            case SessionChanged():
                self._apply_settings()
            case ItemTruncated() | ItemDeleted():
                pass  # the conversation has done it
            case _:
                self._do_with_audio(action)

    def _do_with_audio(self, action: Action) -> None:
        match action:
            case AudioCleared():
                self._turns.clear()
            case AudioCommitted():
                self._turns.commit(action)
            case AudioGiven():
                self._turns.hear_clip(action)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _tell_apart(self, cast: Cast) -> SpeakerWatch | None:
        if cast.diarization is None or cast.vad is None:
            return None
        return SpeakerWatch(cast.diarization, self._agent.options.diarization, self.tasks, self.id)

    def _listen(self, cast: Cast) -> Hearing | None:
        if cast.vad is None:
            return None
        hearing = Hearing(
            cast.vad,
            self._endpointing(),
            session_id=self.id,
            on_event=self._on_turn_event,
            on_failure=self._tell_failure,
        )
        hearing.on_judged = self._judged
        self.answers.on_audible = hearing.endpointer.seal
        return hearing

    def _hear(self, samples: Samples) -> None:
        if self._speakers is not None and self.features.diarization:
            self._speakers.hear(samples)
        if self._hearing is not None:
            self._hearing.hear(samples)

    def _judged(self, until_ms: float, is_voiced: bool) -> None:
        self.protocol.turns.judged(int(until_ms))
        if self._speakers is not None and self.features.diarization:
            self._speakers.judged(until_ms, FRAME_MS, is_voiced)

    def _on_turn_event(self, event: Event) -> None:
        self._turns.on_event(event)
        if self.is_listening:
            self._silence.stop()

    def _endpointing(self) -> EndpointingSettings:
        detection = self.protocol.settings.audio.input.turn_detection
        return endpointing(self._agent.options, detection, self.features)

    def _apply_settings(self) -> None:
        if self._hearing is not None:
            self._hearing.endpointer.tune(self._endpointing())
        if self._recognition is not None:
            self._recognition.asked = self.protocol.settings.audio.input.transcription
            self._recognition.features = self.features

    def _answered(self) -> None:
        if not self.is_listening:
            self._silence.answered()

    def _start(self, start: StartResponse, draft: Draft | None, timeline: Timeline | None) -> None:
        self._silence.stop()
        known = timeline or self._turns.take_timeline()
        self.answers.start(start.response, draft, known, self._turns.all_heard)

    def _stop(self, stop: StopResponse) -> None:
        self.answers.stop(stop.response_id)
        if stop.reason == "client_cancelled":
            self.listener.interrupted("client")

    def _tell_failure(self, error: Exception) -> None:
        self.take(Reply(self.protocol.failed(*code_and_message(error))))


def _voices(cast: Cast, options: AgentOptions) -> list[str]:
    """The model's, and the agent's own name for one."""
    known = cast.tts.current.engine.voices if cast.tts and cast.tts.current else ()
    return [*known, *([options.tts.voice] if options.tts.voice else [])]
