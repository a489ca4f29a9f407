"""No autoscaler at all: as many replicas as were asked for, all the time."""

from __future__ import annotations

from antiphon_policies.baselines.fixed import Fixed
from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.seeing.observation import Observation
from antiphon_policies.simulating.controlling import Note


class StaticController:
    """Keeps one setting. The same number of replicas in every group, within the group's bounds."""

    def __init__(self, running: Fixed, replicas: int, interval_seconds: float = 60.0) -> None:
        self.name = "static"
        self.interval_seconds = interval_seconds
        self._running, self._replicas = running, replicas

    def control(self, facts: AgentFacts, seen: Observation, current: Setting) -> Setting:  # noqa: ARG002 (looks at nothing)
        wanted = {
            group.name: max(group.min_replicas, min(self._replicas, group.max_replicas)) for group in facts.groups
        }
        return self._running.with_replicas(wanted)

    def notes(self) -> tuple[Note, ...]:
        return ()
