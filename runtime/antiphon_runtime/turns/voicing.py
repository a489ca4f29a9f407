"""Where speech starts and pauses, from the probability of speech in each frame."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Voicing(Enum):
    """What a frame changed."""

    NOTHING = auto()
    STARTED = auto()
    """Speech has gone on for long enough to count."""
    PAUSED = auto()
    """The first silent frame after speech."""
    RESUMED = auto()
    """Speech goes on after a pause."""


@dataclass(frozen=True, slots=True)
class VoicingSettings:
    threshold: float = 0.5
    """Probability from which a frame is speech, if the one before was silence."""
    hysteresis: float = 0.15
    """How much further it must fall for a frame to be silence, if the one before was speech."""
    min_speech_ms: float = 100.0
    """Shortest speech that counts."""
    hangover_ms: float = 64.0
    """Silence that does not break off speech that is not yet long enough to count."""

    @property
    def release(self) -> float:
        """Below it, speech has stopped."""
        return max(self.threshold - self.hysteresis, self.threshold / 2)


class VoicingDetector:
    """Times are milliseconds of audio since the session's first frame."""

    def __init__(self, settings: VoicingSettings, *, frame_ms: float = 32.0) -> None:
        self.settings = settings
        self.frame_ms = frame_ms
        self.now_ms = 0.0
        """End of the last frame."""
        self.onset_ms = 0.0
        """Start of the speech that goes on, or was last."""
        self.last_voiced_ms = 0.0
        """End of the last frame of speech."""
        self.is_speech = False
        """Within an utterance, pauses included."""
        self.is_voiced = False
        """In the last frame."""
        self._voiced_ms = 0.0

    @property
    def silence_ms(self) -> float:
        """Since the last frame of speech."""
        return self.now_ms - self.last_voiced_ms

    def hear(self, probability: float) -> Voicing:
        was_voiced = self.is_voiced
        limit = self.settings.release if was_voiced else self.settings.threshold
        self.is_voiced = probability >= limit
        started_ms = self.now_ms
        self.now_ms += self.frame_ms
        if not self.is_speech:
            return self._before_speech(started_ms)
        if self.is_voiced:
            self.last_voiced_ms = self.now_ms
        if self.is_voiced == was_voiced:
            return Voicing.NOTHING
        return Voicing.RESUMED if self.is_voiced else Voicing.PAUSED

    def end(self) -> None:
        """The utterance is over; speech must start anew."""
        self.is_speech = False
        self.is_voiced = False
        self._voiced_ms = 0.0

    def _before_speech(self, started_ms: float) -> Voicing:
        if not self.is_voiced:
            if self.silence_ms > self.settings.hangover_ms:
                self._voiced_ms = 0.0
            return Voicing.NOTHING
        if not self._voiced_ms:
            self.onset_ms = started_ms
        self._voiced_ms += self.frame_ms
        self.last_voiced_ms = self.now_ms
        if self._voiced_ms < self.settings.min_speech_ms:
            return Voicing.NOTHING
        self.is_speech = True
        self._voiced_ms = 0.0
        return Voicing.STARTED
