"""Who acts in a simulated world: the brain, or one that it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.seeing.observation import Observation


@dataclass(frozen=True, slots=True)
class Note:
    """What a controller did and why, for people."""

    at: float
    text: str


class Controller(Protocol):
    """Of one agent. It sees what an operator would see of the real one, and no more."""

    name: str
    interval_seconds: float

    def control(self, facts: AgentFacts, seen: Observation, current: Setting) -> Setting:
        """What is wanted from now on. `current` is what was wanted last, within what the world allowed."""
        ...

    def notes(self) -> tuple[Note, ...]:
        """Since the start."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What one controller of several is asked at a moment."""

    controller: Any
    """Of the kind that is asked."""
    facts: AgentFacts
    seen: Observation
    current: Setting


class Gathering(Protocol):
    """A controller that does better when it is asked along with others of its kind: each decides for itself as by `control`,
    but what they have to compute, they compute together."""

    @staticmethod
    def control_all(asked: Sequence[Asked]) -> list[Setting]:
        """In the order of those that are asked."""
        ...


def wanted_of_all(asked: Sequence[Asked]) -> list[Setting]:
    """In the order of those that are asked at a moment."""
    found: dict[int, Setting] = {}
    kinds: dict[type, list[int]] = {}
    for place, one in enumerate(asked):
        kinds.setdefault(type(one.controller), []).append(place)
    for places in kinds.values():
        some = [asked[place] for place in places]
        first = some[0].controller
        together = len(some) > 1 and getattr(first, "control_all", None) is not None
        wanted = first.control_all(some) if together else [_alone(one) for one in some]
        found.update(zip(places, wanted, strict=True))
    return [found[place] for place in range(len(asked))]


def _alone(one: Asked) -> Setting:
    wanted: Setting = one.controller.control(one.facts, one.seen, one.current)
    return wanted
