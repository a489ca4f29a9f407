"""What the guards of one agent remember from tick to tick, and what of it survives a restart of the operator."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from antiphon_crds.agent_status import ControlStatus
from antiphon_crds.stages import Actuator
from antiphon_policies.guarding.records import (
    HOUR_SECONDS,
    MOST_ERRORS,
    Breaker,
    Lock,
    Pending,
    counted,
    times_of,
)
from antiphon_policies.guarding.sanity import Sighting
from antiphon_policies.guarding.wishes import Levels, Wishes

MOST_PENDING = 6
MOST_LOCKS = 6
"""Of each: what is in a status is kept small. The newest are kept."""
BREAK_SECONDS = 120.0
"""A longer time without a tick is a break: what was wished for and seen before it counts for nothing."""


@dataclass(frozen=True, slots=True)
class GuardMemory:
    """Of one agent. It must be written to the agent's status before what it remembers is carried out: then a crash between
    the two makes the guards stricter, never laxer."""

    since: float
    """Since when the agent is watched without a break. What was wished for and seen before that is not known."""
    actions: tuple[float, ...] = ()
    """When each action of the last hour was let through."""
    settling: Mapping[str, float] = field(default_factory=dict)
    """Until when what was changed is left alone; see `settling_key`."""
    wishes: Mapping[tuple[Actuator, str], Wishes] = field(default_factory=dict)
    levels: Levels | None = None
    """Of what ran at the last tick."""
    seeing: Breaker = field(default_factory=Breaker)
    acting: Breaker = field(default_factory=Breaker)
    pending: tuple[Pending, ...] = ()
    """At most one for each actuator and target."""
    locks: tuple[Lock, ...] = ()
    sightings: Mapping[str, Sighting] = field(default_factory=dict)
    """By the objective's name."""
    ticked: float | None = None
    """When it was last brought up to date."""

    def actions_in_hour(self, now: float) -> int:
        return sum(now - at < HOUR_SECONDS for at in self.actions)

    def failed(self, now: float) -> GuardMemory:
        """A change could not be carried out."""
        return replace(self, acting=self.acting.failed(now))

    def worked(self) -> GuardMemory:
        """A change was carried out."""
        return replace(self, acting=Breaker())

    def without_pending(self, ids: Collection[str]) -> GuardMemory:
        return replace(self, pending=tuple(one for one in self.pending if one.id not in ids)) if ids else self

    def to_status(self) -> ControlStatus:
        """Changes only when something happens: an action, an error, an outcome, or the end of one of these."""
        return ControlStatus(
            actions=counted(self.actions),
            settling={key: math.ceil(until) for key, until in sorted(self.settling.items())},
            seeing=self.seeing.to_status() if self.seeing.tripped else None,
            acting=self.acting.to_status() if self.acting.errors else None,
            pending=[one.to_status() for one in self.pending],
            locks=[lock.to_status() for lock in self.locks],
        )


def from_status(status: ControlStatus | None, now: float) -> GuardMemory:
    """After a restart. What a status does not hold is taken at its strictest: stabilization begins anew, and the first look
    that fails opens the breaker."""
    if status is None:
        return GuardMemory(since=now)
    return GuardMemory(
        since=now,
        actions=times_of(status.actions),
        settling={key: float(until) for key, until in status.settling.items()},
        seeing=Breaker.from_status(status.seeing) if status.seeing else Breaker(errors=MOST_ERRORS - 1),
        acting=Breaker.from_status(status.acting) if status.acting else Breaker(),
        pending=tuple(Pending.from_status(one) for one in status.pending),
        locks=tuple(Lock.from_status(lock) for lock in status.locks),
    )


def settling_key(actuator: Actuator, target: str) -> str:
    """What is left alone together: a stage's cap and variant, a group's replicas and partition, the agent's mode."""
    if actuator == "features":
        return target
    return f"stage/{target}" if actuator in ("batch", "variant") else f"group/{target}"
