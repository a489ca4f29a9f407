"""When a user's turn begins, when it may be over, and when it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from antiphon_runtime.turns.completeness import Completeness
from antiphon_runtime.turns.pauses import PauseHabits
from antiphon_runtime.turns.voicing import Voicing, VoicingDetector, VoicingSettings

Eagerness: TypeAlias = Literal["low", "medium", "high", "auto"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Silence in milliseconds that ends a turn, by what was said last."""

    complete: float
    unsure: float
    unfinished: float

    def after(self, completeness: Completeness) -> float:
        return {
            Completeness.COMPLETE: self.complete,
            Completeness.UNSURE: self.unsure,
            Completeness.UNFINISHED: self.unfinished,
        }[completeness]


PATIENCE: dict[Eagerness, Patience] = {
    "low": Patience(600, 1500, 8000),
    "medium": Patience(320, 800, 4000),
    "high": Patience(200, 500, 2000),
    "auto": Patience(320, 800, 4000),
}
"""The longest are those of OpenAI's semantic_vad: 8, 4 and 2 seconds."""
_SHORTEST_PAUSE_MS = 100.0
"""Shorter silence is part of speaking, and no habit."""
_LEAST_SHARE = 0.6
"""Of the usual silence, which a user who hardly pauses needs."""


@dataclass(frozen=True, slots=True)
class EndpointingSettings:
    voicing: VoicingSettings = field(default_factory=VoicingSettings)
    silence_ms: float = 320.0
    """Ends a turn, where what was said does not matter."""
    prefix_padding_ms: float = 300.0
    """Audio kept from before the speech."""
    pause_point_ms: float = 128.0
    """Silence at which speculation may start. 0: it never does."""
    reopen_grace_ms: float = 800.0
    """Time after the decision in which the user who goes on continues the same turn."""
    eagerness: Eagerness | None = None
    """How soon the agent answers, by what was said and the user's own pauses. None: `silence_ms` alone decides."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    audio_start_ms: float
    """Where the turn's audio begins, padding included."""
    onset_ms: float


@dataclass(frozen=True, slots=True)
class PausePoint:
    """The turn may be over: speculation may start on the audio so far."""

    pause: int
    """Number of the pause, for what is then found out about it."""
    spoken_until_ms: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The user goes on after a pause point: speculation on that pause is void."""

    pause: int
    pause_ms: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    spoken_until_ms: float
    """End of the user's last speech."""
    audio_end_ms: float
    """When it was decided: end of the turn's audio."""
    pause: int
    after: Completeness | None
    """What was said, as far as it was asked for."""


@dataclass(frozen=True, slots=True)
class TurnReopened:
    """The user goes on with the turn that had been taken to be over."""

    onset_ms: float
    pause_ms: float


Event: TypeAlias = SpeechStarted | PausePoint | Resumed | TurnEnded | TurnReopened


class Endpointer:
    """Fed with the frames of a session's audio, without gaps. Times are milliseconds of that audio, which is its clock.

    SpeechStarted or TurnReopened, then PausePoint and Resumed in turn, then TurnEnded.
    """

    def __init__(
        self, settings: EndpointingSettings, habits: PauseHabits | None = None, *, frame_ms: float = 32.0
    ) -> None:
        self._settings = settings
        self._voicing = VoicingDetector(settings.voicing, frame_ms=frame_ms)
        self._habits = habits or PauseHabits()
        self._pause = 0
        self._pause_started_ms = 0.0
        self._has_pointed = False
        self._read: Completeness | None = None
        self._last_end: TurnEnded | None = None
        self._may_reopen = False
        self._heard_from_ms = 0.0

    @property
    def now_ms(self) -> float:
        return self._voicing.now_ms

    @property
    def is_speech(self) -> bool:
        """Within a turn of the user, pauses included."""
        return self._voicing.is_speech

    @property
    def is_voiced(self) -> bool:
        """Somebody spoke in the last frame."""
        return self._voicing.is_voiced

    @property
    def patience_ms(self) -> float:
        """Silence that ends the turn, by what is known now."""
        eagerness = self._settings.eagerness
        if eagerness is None:
            return self._settings.silence_ms
        patience = PATIENCE[eagerness]
        after = self._read or Completeness.UNSURE
        usual = patience.after(after)
        return self._habits.patience_ms(after, usual, _LEAST_SHARE * usual, patience.unfinished)

    def tune(self, settings: EndpointingSettings) -> None:
        """In force from the next frame on, also within a turn."""
        self._settings = settings
        self._voicing.settings = settings.voicing

    def hear(self, probability: float) -> list[Event]:
        """What the next frame, with this probability of speech, changed."""
        match self._voicing.hear(probability):
            case Voicing.STARTED:
                return [self._start()]
            case Voicing.RESUMED:
                return self._resume()
            case Voicing.PAUSED:
                self._begin_pause()
        return self._in_silence() if self._voicing.is_speech and not self._voicing.is_voiced else []

    def read(self, pause: int, said: Completeness) -> list[Event]:
        """What had been said up to a pause, once it is known; of an older pause it is of no use any more."""
        if pause != self._pause or not self._voicing.is_speech or self._voicing.is_voiced:
            return []
        self._read = said
        return self._in_silence()

    def seal(self) -> None:
        """The last turn is answered: what the user says now is a turn of its own."""
        self._may_reopen = False

    def commit(self) -> TurnEnded | None:
        """Ends the turn now, whatever the silence: the client decides. None: the user has not spoken."""
        if not self._voicing.is_speech:
            return None
        if self._voicing.is_voiced:
            self._begin_pause()
        return self._end()

    def clear(self) -> None:
        """Forgets the turn that goes on, and the one that could be reopened."""
        self._voicing.end()
        self._may_reopen = False
        self._heard_from_ms = self.now_ms

    def _begin_pause(self) -> None:
        self._pause += 1
        self._pause_started_ms = self._voicing.last_voiced_ms
        self._has_pointed = False
        self._read = None

    def _start(self) -> Event:
        onset_ms = self._voicing.onset_ms
        last = self._last_end
        reopens = self._may_reopen and last is not None
        self._may_reopen = False
        if reopens and last is not None and onset_ms - last.audio_end_ms <= self._settings.reopen_grace_ms:
            pause_ms = onset_ms - last.spoken_until_ms
            self._habits.learn(last.after or Completeness.UNSURE, pause_ms)
            return TurnReopened(onset_ms, pause_ms)
        start_ms = max(onset_ms - self._settings.prefix_padding_ms, self._heard_from_ms, 0.0)
        return SpeechStarted(start_ms, onset_ms)

    def _resume(self) -> list[Event]:
        pause_ms = self.now_ms - self._voicing.frame_ms - self._pause_started_ms
        if pause_ms >= _SHORTEST_PAUSE_MS:
            self._habits.learn(self._read or Completeness.UNSURE, pause_ms)
        return [Resumed(self._pause, pause_ms)] if self._has_pointed else []

    def _in_silence(self) -> list[Event]:
        silence_ms = self._voicing.silence_ms
        events: list[Event] = []
        point_ms = self._settings.pause_point_ms
        if point_ms and silence_ms >= point_ms and not self._has_pointed:
            self._has_pointed = True
            events.append(PausePoint(self._pause, self._voicing.last_voiced_ms))
        if silence_ms >= self.patience_ms:
            events.append(self._end())
        return events

    def _end(self) -> TurnEnded:
        ended = TurnEnded(self._voicing.last_voiced_ms, self.now_ms, self._pause, self._read)
        self._voicing.end()
        self._last_end = ended
        self._may_reopen = True
        self._heard_from_ms = self.now_ms
        return ended
