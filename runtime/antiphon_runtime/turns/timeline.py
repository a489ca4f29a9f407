"""When what happened in a turn, and the metrics that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Anchor(StrEnum):
    """A moment of a turn."""

    USER_STOPPED = "t_ue"
    """The user's last speech: the detected stop less the silence that was waited for."""
    FINAL_TRANSCRIPT = "t_final"
    DECIDED = "t_dec"
    """The turn was judged to be over."""
    ANSWER_ASKED = "answer_asked"
    """The model was asked for the answer that was given."""
    ANSWER_BEGAN = "answer_began"
    """The first token of the answer came."""
    FIRST_SENTENCE = "first_sentence"
    """The first clause that can be spoken is complete."""
    SPEECH_ASKED = "speech_asked"
    """The voice was asked for the first clause."""
    FIRST_SOUND = "first_sound"
    """Its first piece came, silence or not."""
    FIRST_AUDIBLE = "t_a"
    """The first audio that can be heard was sent."""
    BARGE_IN = "barge_in"
    """The user began to speak over the agent."""
    LAST_SENT = "last_sent"
    """The last audio of the answer that was broken off was sent."""


_SPANS: dict[str, tuple[Anchor, Anchor]] = {
    "turn_e2e": (Anchor.USER_STOPPED, Anchor.FIRST_AUDIBLE),
    "turn_response": (Anchor.DECIDED, Anchor.FIRST_AUDIBLE),
    "turn_transcription_delay": (Anchor.USER_STOPPED, Anchor.FINAL_TRANSCRIPT),
    "turn_eou_delay": (Anchor.USER_STOPPED, Anchor.DECIDED),
    "llm_ttft": (Anchor.ANSWER_ASKED, Anchor.ANSWER_BEGAN),
    "llm_first_sentence": (Anchor.ANSWER_ASKED, Anchor.FIRST_SENTENCE),
    "tts_ttfb": (Anchor.SPEECH_ASKED, Anchor.FIRST_SOUND),
    "barge_in_stop": (Anchor.BARGE_IN, Anchor.LAST_SENT),
}
_NEVER_NEGATIVE = frozenset({"turn_response"})
"""Spans that are 0 where the second anchor came first: an answer begun ahead may be heard as soon as the turn is over."""


@dataclass(slots=True)
class Timeline:
    """The anchors of one turn, in seconds of one clock."""

    leading_silence_seconds: float | None = None
    """Silence before the first sound of the answer. None: unknown."""
    _at: dict[Anchor, float] = field(default_factory=dict)

    def mark(self, anchor: Anchor, at_seconds: float) -> None:
        """The first mark holds, so that every token may mark the first one."""
        self._at.setdefault(anchor, at_seconds)

    def move(self, anchor: Anchor, at_seconds: float) -> None:
        """The last mark holds: for what may happen again, such as the last audio sent."""
        self._at[anchor] = at_seconds

    def __contains__(self, anchor: Anchor) -> bool:
        return anchor in self._at

    def at(self, anchor: Anchor) -> float | None:
        return self._at.get(anchor)

    def reopen(self) -> None:
        """The user goes on: what was marked so far belongs to an answer that nobody will hear."""
        self._at.clear()
        self.leading_silence_seconds = None

    def metrics(self) -> dict[str, float]:
        """Seconds by the metric's name without prefix. A missing anchor, or an order that cannot be, gives nothing."""
        found = {name: self._span(name) for name in _SPANS}
        first_sound = found["tts_ttfb"]
        if first_sound is not None and self.leading_silence_seconds is not None:
            found["tts_ttfa"] = first_sound + self.leading_silence_seconds
        return {name: seconds for name, seconds in found.items() if seconds is not None}

    def _span(self, name: str) -> float | None:
        start, end = _SPANS[name]
        if start not in self._at or end not in self._at:
            return None
        seconds = self._at[end] - self._at[start]
        if seconds < 0:
            return 0.0 if name in _NEVER_NEGATIVE else None
        return seconds
