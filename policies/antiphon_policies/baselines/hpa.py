"""Kubernetes' HorizontalPodAutoscaler v2 on the utilisation of GPU or CPU."""

from __future__ import annotations

from dataclasses import dataclass, field

from antiphon_policies.baselines.behaviour import Behaviour
from antiphon_policies.baselines.fixed import Fixed
from antiphon_policies.baselines.ratios import TOLERANCE, PodMetric, replicas_for_pods
from antiphon_policies.baselines.replicating import ReplicasController
from antiphon_policies.facts import AgentFacts, GroupFacts
from antiphon_policies.seeing.observation import Observation


@dataclass(frozen=True, slots=True)
class HpaKnobs:
    target_utilisation: float = 0.5
    """Share of a replica's time, 0 to 1, that is to be used on average."""
    min_replicas: int = 1
    tolerance: float = TOLERANCE
    behaviour: Behaviour = field(default_factory=Behaviour)


class HpaController(ReplicasController):
    """A metric of the pods, looked at every 15 s."""

    def __init__(self, running: Fixed, knobs: HpaKnobs, name: str = "hpa") -> None:
        super().__init__(name, running, knobs.behaviour, knobs.min_replicas)
        self._knobs = knobs

    def recommend(
        self,
        facts: AgentFacts,  # noqa: ARG002 (knows no objective)
        group: GroupFacts,
        seen: Observation,
        current: int,
    ) -> int | None:
        pods = [
            PodMetric(pod.ready, pod.gpu_utilisation) for pod in seen.pods if pod.group == group.name and not pod.going
        ]
        return replicas_for_pods(pods, current, self._knobs.target_utilisation, self._knobs.tolerance)
