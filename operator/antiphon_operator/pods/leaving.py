"""Which pods may go first when there are to be fewer: pure. Kubernetes takes those of the lowest deletion cost."""

from __future__ import annotations

from collections.abc import Mapping

from antiphon_operator.names import DELETION_COST_ANNOTATION
from antiphon_operator.pods.known import PodAddress, PodKey
from antiphon_operator.pods.reports import PodReport, sessions_in

NOT_READY_COST = -1
"""No call is lost with a pod that takes none."""
UNKNOWN_COST = 1_000_000
"""A pod that does not tell may be full of calls: it goes last."""
_UNSET_COST = 0
"""Kubernetes' own, for a pod without the annotation."""


def deletion_costs(pods: Mapping[PodKey, PodAddress], reports: Mapping[PodKey, PodReport]) -> dict[PodKey, int]:
    """Live sessions of each pod. A ready one without any costs what it costs without annotation."""
    return {key: _cost(pod, reports.get(key)) for key, pod in pods.items()}


def cost_changes(
    annotations: Mapping[PodKey, Mapping[str, str]], wanted: Mapping[PodKey, int], leaving: int
) -> dict[PodKey, int]:
    """The annotations to write so that the right ones go when so many of these pods do; no more of them than needed.

    The pods are those of one ReplicaSet. Empty where those that would go now are right already.
    """
    current = {key: _annotated(annotations.get(key, {})) for key in wanted}
    changes = {key: cost for key, cost in sorted(wanted.items()) if current[key] != cost}
    for key in list(changes):
        without = {other: cost for other, cost in changes.items() if other != key}
        if _right_ones_go({**current, **without}, wanted, leaving):
            changes = without
    return changes


def _cost(pod: PodAddress, report: PodReport | None) -> int:
    if not pod.ready:
        return NOT_READY_COST
    if report is None or report.state is None or report.uid != pod.uid:
        return UNKNOWN_COST
    return min(sessions_in(report.state.sessions), UNKNOWN_COST - 1)


def _annotated(annotations: Mapping[str, str]) -> int:
    """What is no number counts as nothing, as it does for Kubernetes."""
    try:
        return int(annotations.get(DELETION_COST_ANNOTATION, _UNSET_COST))
    except ValueError:
        return _UNSET_COST


def _right_ones_go(costs: Mapping[PodKey, int], wanted: Mapping[PodKey, int], leaving: int) -> bool:
    """Whichever way Kubernetes decides between equal costs, nobody goes before somebody who is wanted less."""
    if not 0 < leaving < len(costs):
        return True
    border = sorted(costs.values())[leaving - 1]
    going = [wanted[key] for key, cost in costs.items() if cost < border]
    tied = [wanted[key] for key, cost in costs.items() if cost == border]
    staying = [wanted[key] for key, cost in costs.items() if cost > border]
    if len(going) + len(tied) == leaving:
        return max(going + tied) <= min(staying)
    return max([*going, *tied]) == min([*tied, *staying])
