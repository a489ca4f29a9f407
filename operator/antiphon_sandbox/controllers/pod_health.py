"""How a pod is doing, and which pods go first when some must."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from antiphon_sandbox.objects import Obj, annotations_of, condition, is_deleting, is_true, name_of, parse_time, walk

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
PHASES_BY_PROGRESS = ("Pending", "Unknown", "Running")


def phase_of(pod: Obj) -> str:
    return str(walk(pod, "status", "phase") or "Pending")


def node_of(pod: Obj) -> str:
    """Empty until the pod has one."""
    return str(pod["spec"].get("nodeName") or "")


def is_finished(pod: Obj) -> bool:
    return phase_of(pod) in ("Succeeded", "Failed")


def is_active(pod: Obj) -> bool:
    """Neither finished nor on its way out."""
    return not is_finished(pod) and not is_deleting(pod)


def is_ready(pod: Obj) -> bool:
    return is_true(pod, "Ready")


def available_at(pod: Obj, min_ready_seconds: int) -> datetime | None:
    """When the pod has been, or will have been, ready for so long; None while it is not ready."""
    ready = condition(pod, "Ready")
    if ready is None or ready["status"] != "True":
        return None
    since = parse_time(ready.get("lastTransitionTime") or pod["metadata"]["creationTimestamp"])
    return since + timedelta(seconds=min_ready_seconds)


def is_available(pod: Obj, min_ready_seconds: int, now: datetime) -> bool:
    if not min_ready_seconds:
        return is_ready(pod)
    moment = available_at(pod, min_ready_seconds)
    return moment is not None and moment <= now


def seconds_to_next_available(pods: Iterable[Obj], min_ready_seconds: int, now: datetime) -> float | None:
    """Until the next of the ready pods becomes available; None when none is waiting for it."""
    moments = (available_at(pod, min_ready_seconds) for pod in pods)
    return min(((moment - now).total_seconds() for moment in moments if moment and moment > now), default=None)


def deletion_cost(pod: Obj) -> int:
    """What the annotation says; 0 without one and when it is no number."""
    try:
        return int(annotations_of(pod).get(DELETION_COST, "0"))
    except ValueError:
        return 0


def first_to_go(pods: Iterable[Obj], related: Iterable[Obj]) -> list[Obj]:
    """The pods, least missed first. `related` are those that share their purpose, for spreading over nodes.

    Not yet on a node, not running, not ready, cheap to delete, on a crowded node, ready for the shortest time,
    restarted most, youngest. Where ReplicaSets upstream choose at random among pods of about one age, the youngest goes.
    """
    crowd = Counter(node_of(pod) for pod in related if is_active(pod))
    return sorted(pods, key=lambda pod: _worth(pod, crowd[node_of(pod)]))


def _worth(pod: Obj, on_same_node: int) -> tuple[Any, ...]:
    phase = phase_of(pod)
    return (
        bool(node_of(pod)),
        PHASES_BY_PROGRESS.index(phase) if phase in PHASES_BY_PROGRESS else len(PHASES_BY_PROGRESS),
        is_ready(pod),
        deletion_cost(pod),
        -on_same_node,
        -_ready_since(pod),
        -restarts_of(pod),
        -parse_time(pod["metadata"]["creationTimestamp"]).timestamp(),
        name_of(pod),
    )


def _ready_since(pod: Obj) -> float:
    moment = available_at(pod, 0)
    return moment.timestamp() if moment else 0.0


def restarts_of(pod: Obj) -> int:
    """The count of the container that restarted most."""
    statuses = walk(pod, "status", "containerStatuses") or ()
    return max((int(status.get("restartCount", 0)) for status in statuses), default=0)
