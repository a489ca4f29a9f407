"""What the sessions of one agent are like: how often they take a turn, and how much of the time the agent works."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from antiphon_policies.seeing.observation import StageWork

MEMORY_SECONDS = 600.0
"""What was seen weighs less by a factor of e after so long."""
SEED_SESSION_SECONDS = 900.0
"""What the spec weighs: as much as ten sessions seen for a minute and a half."""
LONGEST_STEP_SECONDS = 60.0
"""A look stands for no more than this, even after a pause."""
BOUND = 5.0
"""Turns may be more or less often than the spec says by this factor."""
DUTY_BOUNDS = (0.01, 1.0)


@dataclass(frozen=True, slots=True)
class Habits:
    """As the spec says, and as was seen, added up with slow forgetting."""

    spec_turns_per_second: float
    """Of one session."""
    spec_duty_cycle: float
    at: float | None = None
    turns: float = 0.0
    session_seconds: float = 0.0
    """In which the turns were taken."""
    active_seconds: float = 0.0
    watched_seconds: float = 0.0
    """Seconds of sessions of which it is known how many were active."""

    @property
    def turns_per_second(self) -> float:
        """Of one session: the mean of what was seen and what the spec says, each by its weight."""
        seen = self.turns + self.spec_turns_per_second * SEED_SESSION_SECONDS
        rate = seen / (self.session_seconds + SEED_SESSION_SECONDS)
        return min(self.spec_turns_per_second * BOUND, max(self.spec_turns_per_second / BOUND, rate))

    @property
    def duty_cycle(self) -> float:
        seen = self.active_seconds + self.spec_duty_cycle * SEED_SESSION_SECONDS
        low, high = DUTY_BOUNDS
        return min(high, max(low, seen / (self.watched_seconds + SEED_SESSION_SECONDS)))


def watch(
    habits: Habits,
    at: float,
    sessions: float | None,
    turns_per_second: float | None = None,
    active_sessions: float | None = None,
) -> Habits:
    """After one look; `turns_per_second` is of all sessions. What is None was not seen and changes nothing."""
    step = 0.0 if habits.at is None else min(LONGEST_STEP_SECONDS, max(0.0, at - habits.at))
    known = _figure(sessions)
    if known is None or known <= 0:
        return replace(habits, at=at)
    kept = math.exp(-step / MEMORY_SECONDS)
    turns, active = _figure(turns_per_second), _figure(active_sessions)
    taken, taken_in = habits.turns, habits.session_seconds
    worked, worked_in = habits.active_seconds, habits.watched_seconds
    if turns is not None:
        taken, taken_in = taken * kept + turns * step, taken_in * kept + known * step
    if active is not None:
        worked, worked_in = worked * kept + min(active, known) * step, worked_in * kept + known * step
    return Habits(habits.spec_turns_per_second, habits.spec_duty_cycle, at, taken, taken_in, worked, worked_in)


def active_sessions(work: StageWork, period_ms: float) -> float | None:
    """Sessions at work on average, told by a stage in lockstep: each of them makes a step in every period."""
    items = _figure(work.items)
    if items is None or not work.seconds > 0 or not period_ms > 0:
        return None
    return items / work.seconds * period_ms / 1000.0


def _figure(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value >= 0 else None
