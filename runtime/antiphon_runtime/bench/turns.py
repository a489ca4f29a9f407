"""What is known of a turn once it is over."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

TurnOutcome: TypeAlias = Literal["answered", "failed", "dropped", "unfinished"]
"""answered: sound was heard. dropped: the connection was lost. unfinished: the bench was over before."""
SessionOutcome: TypeAlias = Literal["completed", "rejected", "failed", "dropped"]
"""rejected: refused with a reason. failed: it could not be opened. dropped: it was lost after it had begun."""


@dataclass(slots=True)
class Turn:
    """Times are seconds of the driver's clock, as a user at the client's side would take them."""

    clip: str
    text: str | None
    began: float
    last_sound: float | None = None
    """When the user's last sound was made."""
    decided: float | None = None
    """The server's decision that the turn is over has come."""
    audible: float | None = None
    """The first sound of the answer is heard; silence at the start of its audio is part of the delay."""
    outcome: TurnOutcome = "unfinished"
    failure: str = ""
    transcripts: list[str] = field(default_factory=list)
    gaps_ms: list[float] = field(default_factory=list)
    """Silence within the answer because audio came too late."""
    answer_seconds: float = 0.0
    cut_off_ms: float | None = None
    """The user spoke over the answer: from the onset to its silence."""
    is_barge_in: bool = False
    """It began while the agent spoke."""

    @property
    def from_decision_ms(self) -> float | None:
        return _between_ms(self.decided, self.audible)

    @property
    def from_last_sound_ms(self) -> float | None:
        return _between_ms(self.last_sound, self.audible)

    @property
    def decision_ms(self) -> float | None:
        return _between_ms(self.last_sound, self.decided)


@dataclass(slots=True)
class SessionRecord:
    """One session, from the wish for it to its end."""

    index: int
    outcome: SessionOutcome = "completed"
    reason: str = ""
    """Why it did not come about or was lost: a code of the server's, where it gave one."""
    retry_after_seconds: float | None = None
    opened_ms: float | None = None
    """From connecting to `session.created`."""
    seconds: float = 0.0
    agent_seconds: float = 0.0
    """Time in which the agent worked or spoke."""
    turns: list[Turn] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    """`error` events, by code."""
    answered_early: int = 0
    """Times the agent spoke before the user had ended."""
    cut_for_nothing: int = 0
    """Times the server took silence for speech while the agent spoke."""
    missed_barge_ins: int = 0
    """Times the user spoke over the agent, who did not notice before it had said all."""


def _between_ms(first: float | None, then: float | None) -> float | None:
    return (then - first) * 1e3 if first is not None and then is not None else None
