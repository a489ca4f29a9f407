"""What the guards remember: small records, each with its form in an agent's status. Times are Unix seconds.

In `status.control` of an agent stands what must survive: the actions of the last hour, what is still settling, the
errors in a row, the decisions whose effect is awaited, and what is not tried again. It is written before anything is carried
out. What does not survive begins anew in its strictest form: nothing is given back before wishes are known for
`stabilization.down` again. So a restart never permits what an undisturbed run would not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from antiphon_crds.agent_status import ActionsCounted, BreakerStatus, PendingEffect, RetryLock
from antiphon_crds.stages import Actuator
from antiphon_policies.guarding.changes import Change, Direction
from antiphon_policies.predicting.prediction import Load

HOUR_SECONDS = 3600.0
MOST_ERRORS = 5
"""Errors in a row that hold everything."""
HOLD_SECONDS = 60.0
"""How long they hold it at first; twice as long after each trial that fails."""
MOST_HOLD_SECONDS = 1800.0
LOCK_SECONDS = 600.0
"""How long a change that was rolled back is not tried again at first; twice as long each time."""
MOST_LOCK_SECONDS = 6 * HOUR_SECONDS
MOST_ENTRIES = 12
"""Times of actions in a status; where there are more, neighbours are joined."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """Counts errors in a row. Open, it holds everything; then it is half open, and one change is tried at a time."""

    errors: int = 0
    until: float = 0.0
    """Until when it is open."""
    times: int = 0
    """How often it has opened since something worked."""

    @property
    def tripped(self) -> bool:
        return self.errors >= MOST_ERRORS

    def failed(self, now: float) -> Breaker:
        errors = min(MOST_ERRORS, self.errors + 1)
        if errors < MOST_ERRORS or now < self.until:
            return Breaker(errors, self.until, self.times)
        return Breaker(errors, now + hold_seconds(self.times), self.times + 1)

    def trying(self, now: float) -> Breaker:
        """One change is tried: no other until it is known how it went, or as long again has passed."""
        return Breaker(self.errors, now + hold_seconds(self.times - 1), self.times) if self.tripped else self

    def to_status(self) -> BreakerStatus:
        return BreakerStatus(errors=self.errors, until=math.ceil(self.until), times=self.times)

    @classmethod
    def from_status(cls, status: BreakerStatus) -> Breaker:
        return cls(status.errors, float(status.until), status.times)


def hold_seconds(times: int) -> float:
    return float(min(MOST_HOLD_SECONDS, HOLD_SECONDS * 2 ** min(max(times, 0), 10)))


@dataclass(frozen=True, slots=True)
class Pending:
    """A decision whose effect is awaited."""

    at: float
    due: float
    """When the effect can be judged."""
    change: Change
    load: Load
    """When it was made."""
    was_ms: float | None = None
    """The indicator when it was made. None: unknown."""
    was_most_ms: float | None = None
    """The most that it can have been, given its samples."""

    @property
    def id(self) -> str:
        return decision_id(self.change, self.at)

    def to_status(self) -> PendingEffect:
        return PendingEffect(
            at=self.at,
            due=math.ceil(self.due),
            actuator=self.change.actuator,
            target=self.change.target,
            before=str(self.change.before),
            after=str(self.change.after),
            direction=self.change.direction,
            was=None if self.was_ms is None else round(self.was_ms, 1),
            was_most=None if self.was_most_ms is None else round(self.was_most_ms, 1),
            sessions=round(self.load.sessions, 2),
            turns_per_second=round(self.load.turns_per_second, 5),
        )

    @classmethod
    def from_status(cls, status: PendingEffect) -> Pending:
        before, after = _value(status.actuator, status.before), _value(status.actuator, status.after)
        change = Change(status.actuator, status.target, before, after, status.direction)
        load = Load(status.sessions, status.turns_per_second)
        return cls(status.at, float(status.due), change, load, status.was, status.was_most)


@dataclass(frozen=True, slots=True)
class Lock:
    """A change that was rolled back, and is not tried again for a while."""

    actuator: Actuator
    target: str
    after: str | int
    direction: Direction
    until: float
    times: int = 1

    def holds(self, change: Change) -> bool:
        """Whether the change is the locked one, or goes as far in the same direction."""
        if (change.actuator, change.target) != (self.actuator, self.target) or change.direction != self.direction:
            return False
        if isinstance(change.after, int) and isinstance(self.after, int):
            return change.after >= self.after if self.direction == "up" else change.after <= self.after
        return change.after == self.after

    def remembered_until(self) -> float:
        """A second failure within as long again makes the next lock longer."""
        return self.until + lock_seconds(self.times)

    def to_status(self) -> RetryLock:
        return RetryLock(
            actuator=self.actuator,
            target=self.target,
            after=str(self.after),
            direction=self.direction,
            until=math.ceil(self.until),
            times=self.times,
        )

    @classmethod
    def from_status(cls, status: RetryLock) -> Lock:
        after = _value(status.actuator, status.after)
        return cls(status.actuator, status.target, after, status.direction, float(status.until), status.times)


def lock_seconds(times: int) -> float:
    return float(min(MOST_LOCK_SECONDS, LOCK_SECONDS * 2 ** min(times - 1, 10)))


def decision_id(change: Change, at: float) -> str:
    """The same for the same change at the same time, to the millisecond."""
    when = datetime.fromtimestamp(round(at, 3), UTC)
    return f"{when:%Y%m%dT%H%M%S}.{when.microsecond // 1000:03d}-{change.actuator}-{change.target}"[:63]


def counted(actions: Iterable[float]) -> list[ActionsCounted]:
    """When actions stop counting. At most MOST_ENTRIES, each rounded up: a restart never forgets one too early.
    Those are joined of which the fewest count the least longer."""
    counts: dict[int, int] = {}
    for at in actions:
        until = math.ceil(at + HOUR_SECONDS)
        counts[until] = counts.get(until, 0) + 1
    entries = sorted(counts.items())
    while len(entries) > MOST_ENTRIES:
        longer = [count * (later - until) for (until, count), (later, _) in pairwise(entries)]
        nearest = longer.index(min(longer))
        joined = (entries[nearest + 1][0], entries[nearest][1] + entries[nearest + 1][1])
        entries[nearest : nearest + 2] = [joined]
    return [ActionsCounted(until=until, count=count) for until, count in entries]


def times_of(entries: Iterable[ActionsCounted]) -> tuple[float, ...]:
    return tuple(entry.until - HOUR_SECONDS for entry in entries for _ in range(entry.count))


def _value(actuator: Actuator, text: str) -> str | int:
    return int(text) if actuator in ("batch", "replicas") else text
