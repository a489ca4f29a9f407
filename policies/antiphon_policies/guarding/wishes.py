"""What was wished for over a while, kept so that the highest and the lowest wish of any later window are exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from antiphon_crds.stages import Actuator
from antiphon_policies.facts import AgentFacts, Setting

_MOST = 32
"""Entries kept on each side. What is left out is treated as lasting longer, so that it only holds back more."""

Wish = tuple[float, int]
"""When it was last made, and its level."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """For one target. A wish that a later, higher one outdoes can never again be the highest of a window, so it is dropped."""

    falling: tuple[Wish, ...] = ()
    """Candidates for the highest: later ones are lower."""
    rising: tuple[Wish, ...] = ()
    """Candidates for the lowest: later ones are higher."""

    def wished(self, now: float, level: int, *, keep_seconds: float) -> Wishes:
        old = now - keep_seconds
        if len(self.falling) == 1 and len(self.rising) == 1 and self.falling[0][1] == self.rising[0][1] == level:
            only = ((now, level),)
            return Wishes(only, only)
        falling = [wish for wish in self.falling if wish[0] >= old and wish[1] > level]
        rising = [wish for wish in self.rising if wish[0] >= old and wish[1] < level]
        return Wishes(_bounded([*falling, (now, level)]), _bounded([*rising, (now, level)]))

    def highest(self, since: float) -> int | None:
        return next((level for at, level in self.falling if at >= since), None)

    def lowest(self, since: float) -> int | None:
        return next((level for at, level in self.rising if at >= since), None)


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Levels:
    """The level of all that runs, and what it follows from: while that is the same, the levels are."""

    facts: AgentFacts
    current: Setting
    by_target: Mapping[tuple[Actuator, str], int]

    def of(self, facts: AgentFacts, current: Setting) -> bool:
        """Quick to say yes, and never wrongly: facts that only look the same count as others."""
        mine = self.facts
        same = mine.stages is facts.stages and mine.groups is facts.groups and mine.modes == facts.modes
        return same and (self.current is current or self.current == current)


def _bounded(wishes: list[Wish]) -> tuple[Wish, ...]:
    """Joins neighbours from the oldest on: the extreme level of both, at the later time of both."""
    while len(wishes) > _MOST:
        (_, extreme), (later, _), *rest = wishes
        wishes = [(later, extreme), *rest]
    return tuple(wishes)
