"""What a Deployment's status says: the counts of its ReplicaSets, and the conditions with upstream's reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from antiphon_sandbox.controllers.rollout import Limits
from antiphon_sandbox.objects import Obj, condition, name_of, parse_time, timestamp, walk, with_condition

NO_DEADLINE = 2**31 - 1
NEW_REPLICA_SET_AVAILABLE = "NewReplicaSetAvailable"
PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
DEPLOYMENT_PAUSED = "DeploymentPaused"
Conditions = list[Obj]


@dataclass(frozen=True, slots=True)
class Scene:
    """A Deployment and its ReplicaSets at one moment; `conditions` are those that this visit has come to so far."""

    deployment: Obj
    limits: Limits
    new: Obj | None
    old: Sequence[Obj]
    conditions: Conditions
    now: datetime

    @property
    def sets(self) -> list[Obj]:
        return [*self.old, *([self.new] if self.new else [])]


def total(sets: Iterable[Obj], field: str) -> int:
    """The sum of a count in their statuses."""
    return sum(int(walk(each, "status", field) or 0) for each in sets)


def wanted(sets: Iterable[Obj]) -> int:
    """The sum of what their specs ask for."""
    return sum(int(each["spec"].get("replicas") or 0) for each in sets)


def progress_deadline(deployment: Obj) -> int | None:
    """Seconds, or None when progress has no deadline."""
    seconds = deployment["spec"].get("progressDeadlineSeconds")
    return None if seconds in (None, NO_DEADLINE) else int(seconds)


def conditioned(conditions: Conditions, kind: str, status: str, reason: str, message: str, now: datetime) -> Conditions:
    """With that condition; one of the same status and reason stays as it is, times and message included."""
    present = next((each for each in conditions if each["type"] == kind), None)
    if present and (present["status"], present["reason"]) == (status, reason):
        return conditions
    return refreshed(conditions, kind, status, reason, message, now)


def refreshed(conditions: Conditions, kind: str, status: str, reason: str, message: str, now: datetime) -> Conditions:
    """With that condition, as of now; the latest comes last."""
    fresh = {"type": kind, "status": status, "lastUpdateTime": timestamp(now), "reason": reason, "message": message}
    placed = with_condition(conditions, fresh, now)
    return sorted(placed, key=lambda each: bool(each["type"] == kind))


def without(conditions: Conditions, kind: str) -> Conditions:
    return [each for each in conditions if each["type"] != kind]


def counted(scene: Scene) -> Obj:
    """The status without news of progress, as while paused or when the scale changes."""
    new = [scene.new] if scene.new else []
    available = total(scene.sets, "availableReplicas")
    counts = {
        "replicas": total(scene.sets, "replicas"),
        "updatedReplicas": total(new, "replicas"),
        "readyReplicas": total(scene.sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(wanted(scene.sets) - available, 0),
        "observedGeneration": scene.deployment["metadata"].get("generation", 0),
        "collisionCount": walk(scene.deployment, "status", "collisionCount") or 0,
    }
    return {**{field: count for field, count in counts.items() if count}, "conditions": _available(scene, available)}


def _available(scene: Scene, available: int) -> Conditions:
    if available >= scene.limits.least:
        status, reason, verb = "True", "MinimumReplicasAvailable", "has"
    else:
        status, reason, verb = "False", "MinimumReplicasUnavailable", "does not have"
    message = f"Deployment {verb} minimum availability."
    return conditioned(scene.conditions, "Available", status, reason, message, scene.now)


def progressed(scene: Scene) -> Obj:
    """The status in the midst or at the end of a rollout."""
    status = counted(scene)
    conditions = _progress(scene, status)
    return {**status, "conditions": _with_replica_failure(scene, conditions)}


def _progress(scene: Scene, status: Obj) -> Conditions:
    conditions: Conditions = status["conditions"]
    if progress_deadline(scene.deployment) is None:
        return without(conditions, "Progressing")
    current = condition({"status": status}, "Progressing")
    settled = current is not None and current["reason"] == NEW_REPLICA_SET_AVAILABLE
    if settled and status.get("replicas", 0) == status.get("updatedReplicas", 0):
        return conditions
    subject = f'ReplicaSet "{name_of(scene.new)}"' if scene.new else f'Deployment "{name_of(scene.deployment)}"'
    if is_complete(scene.deployment, scene.limits, status):
        message = f"{subject} has successfully progressed."
        return conditioned(conditions, "Progressing", "True", NEW_REPLICA_SET_AVAILABLE, message, scene.now)
    if _has_moved(scene.deployment.get("status") or {}, status):
        message = f"{subject} is progressing."
        return refreshed(conditions, "Progressing", "True", "ReplicaSetUpdated", message, scene.now)
    if is_overdue(scene.deployment, status, scene.now):
        message = f"{subject} has timed out progressing."
        return conditioned(conditions, "Progressing", "False", PROGRESS_DEADLINE_EXCEEDED, message, scene.now)
    return conditions


def is_complete(deployment: Obj, limits: Limits, status: Obj) -> bool:
    """All pods are of the newest template, and available."""
    counts = {status.get(field, 0) for field in ("replicas", "updatedReplicas", "availableReplicas")}
    seen = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return counts == {limits.desired} and seen


def _has_moved(before: Obj, after: Obj) -> bool:
    """More new pods, fewer old ones, more ready or available ones."""

    def old(status: Obj) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    more = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return old(after) < old(before) or any(after.get(field, 0) > before.get(field, 0) for field in more)


def is_overdue(deployment: Obj, status: Obj, now: datetime) -> bool:
    current = condition({"status": status}, "Progressing")
    if current is None or current["reason"] == NEW_REPLICA_SET_AVAILABLE:
        return False
    left = seconds_left(deployment, status, now)
    return current["reason"] == PROGRESS_DEADLINE_EXCEEDED or (left is not None and left < 0)


def seconds_left(deployment: Obj, status: Obj, now: datetime) -> float | None:
    """Until progress is overdue; None when it has no deadline or has come to an end already."""
    deadline, current = progress_deadline(deployment), condition({"status": status}, "Progressing")
    if deadline is None or current is None:
        return None
    if current["reason"] in (NEW_REPLICA_SET_AVAILABLE, PROGRESS_DEADLINE_EXCEEDED, DEPLOYMENT_PAUSED):
        return None
    due = parse_time(current["lastUpdateTime"]) + timedelta(seconds=deadline)
    return (due - now).total_seconds()


def _with_replica_failure(scene: Scene, conditions: Conditions) -> Conditions:
    """The newest ReplicaSet's trouble, else that of any other, is the Deployment's."""
    candidates = [scene.new] if scene.new else scene.old
    failures = [found for each in candidates if (found := condition(each, "ReplicaFailure"))]
    if not failures:
        return without(conditions, "ReplicaFailure")
    failure = failures[0]
    return conditioned(
        conditions, "ReplicaFailure", failure["status"], failure["reason"], failure["message"], scene.now
    )
