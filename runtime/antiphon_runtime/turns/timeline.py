"""When what happened in a turn, and the metrics that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import TypeAlias


class Anchor(StrEnum):
    """A moment of a turn."""

    USER_STOPPED = "t_ue"
    """The user's last speech: the detected stop less the silence that was waited for."""
    HEARING_ASKED = "hearing_asked"
    """The whole turn was given to be recognised, or what was recognised ahead was taken for it."""
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
    SOUND_MADE = "sound_made"
    """The voice's first piece that can be heard came."""
    FIRST_AUDIBLE = "t_a"
    """The first audio that can be heard was sent."""
    BARGE_IN = "barge_in"
    """The user began to speak over the agent."""
    LAST_SENT = "last_sent"
    """The last audio of the answer that was broken off was sent."""
    SPEAKERS_ASKED = "speakers_asked"
    """Of who only listens: it is asked who spoke, where speakers are told apart."""
    SPEAKERS_KNOWN = "speakers_known"
    RESULT_SENT = "t_r"
    """Who only listens has told what was said, and who said it."""


_SPANS: dict[str, tuple[Anchor, Anchor]] = {
    "turn_e2e": (Anchor.USER_STOPPED, Anchor.FIRST_AUDIBLE),
    "turn_response": (Anchor.DECIDED, Anchor.FIRST_AUDIBLE),
    "turn_transcription_delay": (Anchor.USER_STOPPED, Anchor.FINAL_TRANSCRIPT),
    "turn_eou_delay": (Anchor.USER_STOPPED, Anchor.DECIDED),
    "llm_ttft": (Anchor.ANSWER_ASKED, Anchor.ANSWER_BEGAN),
    "llm_first_sentence": (Anchor.ANSWER_ASKED, Anchor.FIRST_SENTENCE),
    "tts_ttfb": (Anchor.SPEECH_ASKED, Anchor.FIRST_SOUND),
    "barge_in_stop": (Anchor.BARGE_IN, Anchor.LAST_SENT),
    "result": (Anchor.DECIDED, Anchor.RESULT_SENT),
}
_NEVER_NEGATIVE = frozenset({"turn_response"})
"""Spans that are 0 where the second anchor came first: an answer begun ahead may be heard as soon as the turn is over."""
_Models: TypeAlias = tuple[tuple[Anchor, Anchor], ...]
_HEARING: _Models = ((Anchor.HEARING_ASKED, Anchor.FINAL_TRANSCRIPT),)
_OVERHEADS: dict[str, tuple[Anchor, _Models]] = {
    "turn_overhead": (
        Anchor.FIRST_AUDIBLE,
        (*_HEARING, (Anchor.ANSWER_ASKED, Anchor.FIRST_SENTENCE), (Anchor.SPEECH_ASKED, Anchor.SOUND_MADE)),
    ),
    "result_overhead": (Anchor.RESULT_SENT, (*_HEARING, (Anchor.SPEAKERS_ASKED, Anchor.SPEAKERS_KNOWN))),
}
"""Times since the decision in which no model was waited for: until when, and when models were."""


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
        found |= {name: self._outside(end, models) for name, (end, models) in _OVERHEADS.items()}
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

    def _outside(self, end: Anchor, models: _Models) -> float | None:
        """Models may work at the same time; what they did before the decision does not count."""
        if any(anchor not in self._at for anchor in (Anchor.DECIDED, end, *chain(*models))):
            return None
        waits = sorted((self._at[asked], self._at[came]) for asked, came in models)
        if any(came < asked for asked, came in waits):
            return None
        until, ends_at, outside = self._at[Anchor.DECIDED], self._at[end], 0.0
        for asked, came in waits:
            outside += max(0.0, min(asked, ends_at) - until)
            until = max(until, came)
        return outside + max(0.0, ends_at - until)
