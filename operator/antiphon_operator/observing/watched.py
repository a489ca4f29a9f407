"""What the observer is given of an agent: what the operator knows of it already."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from antiphon_crds.durations import parse_duration_seconds
from antiphon_crds.policy import Objective
from antiphon_crds.stages import Stage
from antiphon_operator.observing.series import DURATIONS, Need, What, needed
from antiphon_operator.pods.known import PodAddress
from antiphon_operator.pods.reports import PodReport, sessions_in
from antiphon_policies.facts import AgentKey
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.seeing.observation import PodSeen, StageSeen


@dataclass(frozen=True, slots=True)
class WatchedPod:
    """A pod that lives, and what it was last heard to say."""

    address: PodAddress
    report: PodReport | None = None


@dataclass(frozen=True, slots=True)
class WatchedAgent:
    """One agent to be looked at."""

    key: AgentKey
    pods: tuple[WatchedPod, ...] = ()
    """All that live, those that are going among them."""
    replicas: Mapping[str, int] = field(default_factory=dict)
    """That each group is wanted to have now."""
    objectives: tuple[EffectiveObjective, ...] = ()
    stages: tuple[Stage, ...] = ()
    """Of its pipeline."""
    entries: frozenset[str] = frozenset()
    """Groups in whose pods sessions live. Empty: all."""

    def reachable(self) -> list[PodAddress]:
        """Pods that can be asked."""
        return [pod.address for pod in self.pods if pod.address.address]


@lru_cache(maxsize=4096)
def window_seconds(objective: Objective) -> float:
    return parse_duration_seconds(objective.window)


def wanted(agent: WatchedAgent) -> dict[float, frozenset[Need]]:
    """What its objectives need, by window in seconds."""
    found: dict[float, frozenset[Need]] = {}
    for each in agent.objectives:
        if whats := needed(each.objective.indicator, each.objective.stage):
            window = window_seconds(each.objective)
            found[window] = found.get(window, frozenset()) | whats
    return found


def turn_of(agent: WatchedAgent) -> What:
    """How a turn's time is counted: as the agent's first objective about it does; without one, from the last sound."""
    about = (each.objective.indicator for each in agent.objectives if each.objective.indicator in _OF_TURNS)
    return DURATIONS[next(about, "turn")]


_OF_TURNS = ("turn", "mouthToEar", "response", "result")


def pod_seen(pod: WatchedPod, clock_seconds: float, gpu_utilisation: float | None) -> PodSeen:
    """`clock_seconds`: now, on the clock of the reports."""
    address, report = pod.address, pod.report
    state = report.state if report is not None and report.uid in ("", address.uid) else None
    if report is None or state is None:
        return PodSeen(
            address.name, address.group, address.ready, address.going, math.inf, gpu_utilisation=gpu_utilisation
        )
    return PodSeen(
        name=address.name,
        group=address.group,
        ready=address.ready,
        going=address.going or state.phase == "Draining",
        age_seconds=max(0.0, clock_seconds - report.heard_at),
        sessions=sessions_in(state.sessions),
        capacity=state.capacity,
        stages={each.stage: StageSeen(each.variant, each.max_batch, each.queued) for each in state.stages},
        gpu_utilisation=gpu_utilisation,
        gpu_temperature_celsius=state.device.temperature_celsius if state.device is not None else None,
    )
