"""What the autoscalers share that change replicas only: one Deployment for each group, scaled as a HPA scales it."""

from __future__ import annotations

from abc import ABC, abstractmethod

from antiphon_policies.baselines.behaviour import Behaviour, Scale
from antiphon_policies.baselines.fixed import Fixed
from antiphon_policies.facts import AgentFacts, GroupFacts, Setting
from antiphon_policies.seeing.observation import Observation
from antiphon_policies.simulating.controlling import Note

SYNC_SECONDS = 15.0
"""`--horizontal-pod-autoscaler-sync-period`."""


class ReplicasController(ABC):
    """A Controller that recommends replicas of each group and follows its recommendations as a HPA does."""

    interval_seconds: float = SYNC_SECONDS

    def __init__(self, name: str, running: Fixed, behaviour: Behaviour, min_replicas: int) -> None:
        self.name = name
        self._running, self._behaviour, self._min_replicas = running, behaviour, min_replicas
        self._scales: dict[str, Scale] = {}
        self._notes: list[Note] = []

    @abstractmethod
    def recommend(self, facts: AgentFacts, group: GroupFacts, seen: Observation, current: int) -> int | None:
        """Replicas that the group should have, whatever its bounds. None: not known, so nothing is changed."""

    def control(self, facts: AgentFacts, seen: Observation, current: Setting) -> Setting:
        wanted = {group.name: self.follow(facts, group, seen, _current(group, current)) for group in facts.groups}
        return self._running.with_replicas(wanted)

    def notes(self) -> tuple[Note, ...]:
        return tuple(self._notes)

    def follow(self, facts: AgentFacts, group: GroupFacts, seen: Observation, current: int) -> int:
        """Replicas from now on."""
        recommended = self.recommend(facts, group, seen, current)
        if recommended is None:
            return current
        least, most = self.bounds(group)
        scale = self._scales.setdefault(group.name, Scale(self._behaviour))
        wanted = scale.follow(seen.at, current, recommended, least, most)
        if wanted != current:
            self.tell(seen.at, f"{group.name}: {current} -> {wanted} replicas; {recommended} recommended")
        return wanted

    def bounds(self, group: GroupFacts) -> tuple[int, int]:
        """`minReplicas` and `maxReplicas`."""
        return min(max(group.min_replicas, self._min_replicas), group.max_replicas), group.max_replicas

    def tell(self, at: float, text: str) -> None:
        self._notes.append(Note(at, text))


def _current(group: GroupFacts, current: Setting) -> int:
    return current.replicas.get(group.name, group.min_replicas)
