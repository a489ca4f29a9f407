"""A controller that changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.seeing.observation import Observation
from antiphon_policies.simulating.controlling import Note


@dataclass(slots=True)
class Fixed:
    """One setting for ever."""

    setting: Setting
    name: str = "fixed"
    interval_seconds: float = 5.0

    def control(self, facts: AgentFacts, seen: Observation, current: Setting) -> Setting:  # noqa: ARG002 (sees nothing)
        return self.setting

    def notes(self) -> tuple[Note, ...]:
        return ()
