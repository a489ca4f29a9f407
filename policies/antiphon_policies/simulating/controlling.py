"""Who acts in a simulated world: the brain, or one that it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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
