"""What a Job's pods amount to: how many more are wanted, and whether it is done or has failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from antiphon_sandbox.controllers import pod_health
from antiphon_sandbox.objects import Obj, is_deleting, parse_time, walk

BACKOFF_FIRST_SECONDS = 10.0
BACKOFF_MOST_SECONDS = 600.0
DEFAULT_BACKOFF_LIMIT = 6


@dataclass(frozen=True, slots=True)
class Tally:
    """A Job's pods by their state. A pod counts for as long as it is there: one that is deleted is run again."""

    active: int
    ready: int
    terminating: int
    succeeded: int
    failed: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a Job ends: the reason and message of its Complete or Failed condition."""

    reason: str
    message: str


REACHED = Verdict("CompletionsReached", "Reached expected number of succeeded pods")
TOO_MANY_FAILURES = Verdict("BackoffLimitExceeded", "Job has reached the specified backoff limit")
TOO_LONG = Verdict("DeadlineExceeded", "Job was active longer than specified deadline")


def tally(pods: Sequence[Obj]) -> Tally:
    active = [pod for pod in pods if pod_health.is_active(pod)]
    phases = [pod_health.phase_of(pod) for pod in pods]
    return Tally(
        active=len(active),
        ready=sum(map(pod_health.is_ready, active)),
        terminating=sum(is_deleting(pod) and not pod_health.is_finished(pod) for pod in pods),
        succeeded=phases.count("Succeeded"),
        failed=phases.count("Failed"),
    )


def wanted(spec: Obj, count: Tally) -> int:
    """Pods that should be active. Without `completions` the first success ends the creation of new ones."""
    if spec.get("suspend"):
        return 0
    parallelism = 1 if spec.get("parallelism") is None else int(spec["parallelism"])
    completions = spec.get("completions")
    if completions is None:
        return min(count.active, parallelism) if count.succeeded else parallelism
    return max(min(int(completions) - count.succeeded, parallelism), 0)


def is_reached(spec: Obj, count: Tally) -> bool:
    completions = spec.get("completions")
    if completions is None:
        return count.succeeded > 0 and count.active == 0
    return count.succeeded >= int(completions)


def failure(job: Obj, pods: Sequence[Obj], now: datetime) -> Verdict | None:
    """Why the Job cannot go on."""
    limit = job["spec"].get("backoffLimit")
    limit = DEFAULT_BACKOFF_LIMIT if limit is None else int(limit)
    if tally(pods).failed > limit or _restarts_exceed(limit, job, pods):
        return TOO_MANY_FAILURES
    left = seconds_left(job, now)
    return TOO_LONG if left is not None and left <= 0 else None


def _restarts_exceed(limit: int, job: Obj, pods: Sequence[Obj]) -> bool:
    """A container that is restarted in its pod counts as well; with a limit of 0 the first restart is one too many."""
    if walk(job, "spec", "template", "spec", "restartPolicy") != "OnFailure":
        return False
    running = [pod for pod in pods if pod_health.phase_of(pod) in ("Running", "Pending")]
    statuses = [status for pod in running for status in walk(pod, "status", "containerStatuses") or ()]
    return sum(int(status.get("restartCount", 0)) for status in statuses) >= max(limit, 1)


def seconds_left(job: Obj, now: datetime) -> float | None:
    """Until activeDeadlineSeconds have passed since the start; None when nothing is counted."""
    deadline, start = job["spec"].get("activeDeadlineSeconds"), walk(job, "status", "startTime")
    if deadline is None or start is None or job["spec"].get("suspend"):
        return None
    return (parse_time(start) + timedelta(seconds=int(deadline)) - now).total_seconds()


def backoff_left(pods: Sequence[Obj], now: datetime) -> float:
    """Seconds until a pod may follow the failures since the last success: 10 s, doubled with each, at most 10 min."""
    success = max((finished_at(pod) for pod in pods if pod_health.phase_of(pod) == "Succeeded"), default=None)
    failed = [finished_at(pod) for pod in pods if pod_health.phase_of(pod) == "Failed"]
    failures = [moment for moment in failed if success is None or moment > success]
    if not failures:
        return 0.0
    pause = min(BACKOFF_FIRST_SECONDS * 2 ** min(len(failures) - 1, 16), BACKOFF_MOST_SECONDS)
    return max((max(failures) + timedelta(seconds=pause) - now).total_seconds(), 0.0)


def finished_at(pod: Obj) -> datetime:
    """When the last container ended; when the pod was made if no container tells."""
    statuses = walk(pod, "status", "containerStatuses") or ()
    ends = [end for status in statuses if (end := walk(status, "state", "terminated", "finishedAt"))]
    return parse_time(max(ends, default=pod["metadata"]["creationTimestamp"]))
