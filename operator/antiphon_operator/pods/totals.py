"""What the pods of a group amount to, for the agent's status: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from antiphon_crds.agent_status import StageStatus
from antiphon_crds.control import StageState, State
from antiphon_crds.stages import Stage
from antiphon_operator.pods.known import PodAddress, PodKey
from antiphon_operator.pods.reports import PodReport, sessions_in


@dataclass(frozen=True)
class GroupTotals:
    """Of one placement group."""

    ready: int = 0
    """Pods that Kubernetes calls ready and that are not being deleted."""
    sessions: int = 0
    """Live sessions of all pods that tell, those that are going included."""
    capacity: int = 0
    """Sessions that the ready ones hold."""
    unknown: int = 0
    """Ready pods of which nothing is known: sessions and capacity are without theirs."""
    stages: tuple[StageStatus, ...] = ()
    """Variant and batch that most of the ready pods run with; of equally many the first's. As the pods name them."""


def group_totals(pods: Mapping[PodKey, PodAddress], reports: Mapping[PodKey, PodReport]) -> GroupTotals:
    states = {key: report.state for key in sorted(pods) if (report := reports.get(key)) and report.state is not None}
    serving = [key for key in sorted(pods) if pods[key].is_serving]
    telling = [states[key] for key in serving if key in states]
    return GroupTotals(
        ready=len(serving),
        sessions=sum(sessions_in(state.sessions) for state in states.values()),
        capacity=sum(state.capacity or 0 for state in telling if state.phase == "Ready"),
        unknown=len(serving) - len(telling),
        stages=_in_force(telling or list(states.values())),
    )


def _in_force(states: Iterable[State]) -> tuple[StageStatus, ...]:
    by_stage: dict[Stage, list[StageState]] = {}
    for state in states:
        for stage in state.stages:
            by_stage.setdefault(stage.stage, []).append(stage)
    return tuple(_most_common(stages) for stages in by_stage.values())


def _most_common(stages: list[StageState]) -> StageStatus:
    """The batch is that of the pods with the variant. Counter keeps to the first of equally many."""
    ((variant, _),) = Counter(stage.variant for stage in stages).most_common(1)
    ((batch, _),) = Counter(stage.max_batch for stage in stages if stage.variant == variant).most_common(1)
    return StageStatus(stage=stages[0].stage, variant=variant, batch=batch)
