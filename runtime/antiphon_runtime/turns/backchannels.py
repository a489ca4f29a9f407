"""Whether a user who speaks while the agent speaks wants the floor, or only shows to be listening."""

from __future__ import annotations

import re
from enum import Enum, auto

from antiphon_runtime.turns.wordlists import phrases, words

MOST_UNHEARD_MS = 700
"""Speech this long without a word of transcript takes the floor: backchannels are shorter."""
_WORDS = re.compile(r"[\w']+")
_LISTENING = words(
    "absolutely ah aha alright cool correct definitely exactly fine good great gotcha ha haha hm hmm huh indeed interesting"
    " mm mmm mhm mmhm mhmm nice oh ok okay ooh really right sure totally true uh uhhuh wow yah yay yeah yep yes yup"
)
_LISTENING_PHRASES = phrases(
    "i see, got it, go on, go ahead, of course, makes sense, that makes sense, sounds good, i know, i understand, no way,"
    " for sure, very good, very nice, how nice, uh huh, all right, i agree, you're right, that's right, that's true,"
    " that's good, thank you, thanks, mm hmm, mm hm, keep going, is that so, not bad, fair enough"
)
_MOST_WORDS = 4


class Floor(Enum):
    """What to do with an agent that is spoken over."""

    WAIT = auto()
    """Not known yet; it may be lowered, or held, but not broken off."""
    KEEP = auto()
    """It goes on as if nothing had been said."""
    YIELD = auto()
    """It stops: the user has the floor."""


def is_backchannel(text: str) -> bool:
    """Short words of one who listens: yes, uh-huh, I see."""
    said = _WORDS.findall(text.lower().replace("-", " ").replace("\u2019", "'"))
    if not said or len(said) > _MOST_WORDS or text.rstrip().endswith("?"):
        return False
    return _is_listening(said)


def _is_listening(said: list[str]) -> bool:
    """Whether the words are a row of backchannels."""
    if not said:
        return True
    heads = range(len(said), 0, -1)
    return any(
        (" ".join(said[:head]) in _LISTENING_PHRASES or (head == 1 and said[0] in _LISTENING))
        and _is_listening(said[head:])
        for head in heads
    )


def floor(text: str | None, spoken_ms: float, *, is_answer_expected: bool = False) -> Floor:
    """`text`: what was understood so far, None if nothing was transcribed yet.

    `is_answer_expected`: the agent has just asked something, so that a yes is an answer.
    """
    if text is None or not text.strip():
        return Floor.YIELD if text is None and spoken_ms >= MOST_UNHEARD_MS else Floor.WAIT
    if is_backchannel(text) and not is_answer_expected:
        return Floor.KEEP
    return Floor.YIELD
