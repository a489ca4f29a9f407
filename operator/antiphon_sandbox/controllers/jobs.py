"""Jobs: pods of a template until enough of them have succeeded, or too many have failed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from antiphon_sandbox.controllers import job_progress, pod_health
from antiphon_sandbox.controllers.claims import claim, claimants
from antiphon_sandbox.controllers.controller import Controller, Key, key_of
from antiphon_sandbox.controllers.job_progress import Tally
from antiphon_sandbox.controllers.pod_control import BURST, PODS, RETRY_SECONDS, create_pods, delete_pods, pod_from
from antiphon_sandbox.objects import (
    Obj,
    condition,
    is_deleting,
    is_true,
    name_of,
    namespace_of,
    parse_time,
    timestamp,
    uid_of,
    walk,
    with_condition,
)

JOBS = "jobs.batch"


class JobController(Controller):
    name: ClassVar[str] = "job-controller"
    watched: ClassVar[tuple[str, ...]] = (JOBS, PODS)

    def affected(self, resource: str, obj: Obj) -> Iterable[Key]:
        return [key_of(obj)] if resource == JOBS else claimants(self.kube, JOBS, "Job", obj)

    def reconcile(self, key: Key) -> None:
        job = self.kube.get(JOBS, *key)
        if job is None or is_deleting(job):
            return
        if end := end_of(job):
            self._expire(job, end)
            return
        pods = claim(self.kube, PODS, job)
        job = self._start(job)
        ending = ending_of(job, pods, self.kube.now())
        if ending is None:
            self._manage(job, pods)
        else:
            delete_pods(self.kube, job, [pod for pod in pods if pod_health.is_active(pod)], self.name)
        self._write_status(job, ending, pods)

    def _expire(self, job: Obj, end: Obj) -> None:
        """A finished Job with ttlSecondsAfterFinished goes, with its pods."""
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None:
            return
        expiry = parse_time(end["lastTransitionTime"]) + timedelta(seconds=int(seconds))
        left = (expiry - self.kube.now()).total_seconds()
        if left > 0:
            self.due.mark_after(key_of(job), left)
        else:
            self.kube.delete(JOBS, namespace_of(job), name_of(job), uid=uid_of(job), propagation="Foreground")

    def _start(self, job: Obj) -> Obj:
        """The clock runs from the first visit, or from when the Job is resumed."""
        status, suspended = job.get("status") or {}, bool(job["spec"].get("suspend"))
        started: Obj = {**status, **({} if suspended or "startTime" in status else {"startTime": self._timestamp()})}
        if suspended and not is_true(job, "Suspended"):
            started.pop("startTime", None)
            started["conditions"] = self._told(job, started, "Suspended", "True", "JobSuspended", "Job suspended")
        elif not suspended and is_true(job, "Suspended"):
            started["startTime"] = self._timestamp()
            started["conditions"] = self._told(job, started, "Suspended", "False", "JobResumed", "Job resumed")
        return {**job, "status": started}

    def _told(
        self, job: Obj, status: Obj, kind: str, value: Literal["True", "False"], reason: str, message: str
    ) -> list[Obj]:
        """The conditions with that one, and an Event of the same words."""
        self.kube.record(job, "Normal", reason.removeprefix("Job"), message, self.name)
        return _conditioned(status.get("conditions") or [], kind, value, reason, message, self.kube.now())

    def _timestamp(self) -> str:
        return timestamp(self.kube.now())

    def _manage(self, job: Obj, pods: list[Obj]) -> None:
        active = [pod for pod in pods if pod_health.is_active(pod)]
        missing = job_progress.wanted(job["spec"], job_progress.tally(pods)) - len(active)
        if missing < 0:
            going = pod_health.first_to_go(active, active)
            delete_pods(self.kube, job, going[: min(-missing, BURST)], self.name)
        pause = job_progress.backoff_left(pods, self.kube.now()) if missing > 0 else 0.0
        if missing > 0 and pause == 0:
            pod = pod_from(job["spec"]["template"], job, labels_for(job))
            pause = RETRY_SECONDS if create_pods(self.kube, job, pod, min(missing, BURST), self.name) else 0.0
        self._come_back(job, pause)

    def _come_back(self, job: Obj, pause: float) -> None:
        left = job_progress.seconds_left(job, self.kube.now())
        waits = [seconds for seconds in (pause, left) if seconds]
        if waits:
            self.due.mark_after(key_of(job), min(waits))

    def _write_status(self, job: Obj, ending: Obj | None, pods: list[Obj]) -> None:
        """Ends the Job when the last of its pods has; until then it is only said that it will end."""
        count = job_progress.tally(self.kube.owned(PODS, uid_of(job)))
        status = {**job["status"], **counts_of(count, job, ending, pods)}
        if ending is not None:
            status = self._ended(job, status, ending, count)
        told = {field: value for field, value in status.items() if value not in (0, [])}
        told |= {"ready": count.ready, "terminating": count.terminating}
        self.kube.update_status(JOBS, {**job, "status": told})

    def _ended(self, job: Obj, status: Obj, ending: Obj, count: Tally) -> Obj:
        present = status.get("conditions") or []
        conditions = present if ending in present else [*present, ending]
        if count.active or count.terminating:
            return {**status, "conditions": conditions}
        now, reason, message = self.kube.now(), ending["reason"], ending["message"]
        if ending["type"] == "FailureTarget":
            self.kube.record(job, "Warning", reason, message, self.name)
            return {**status, "conditions": _conditioned(conditions, "Failed", "True", reason, message, now)}
        self.kube.record(job, "Normal", "Completed", "Job completed", self.name)
        complete = _conditioned(conditions, "Complete", "True", reason, message, now)
        return {**status, "conditions": complete, "completionTime": timestamp(now)}


def end_of(job: Obj) -> Obj | None:
    """The condition with which the Job ended."""
    ends = (condition(job, kind) for kind in ("Complete", "Failed"))
    return next((end for end in ends if end and end["status"] == "True"), None)


def ending_of(job: Obj, pods: list[Obj], now: datetime) -> Obj | None:
    """The condition that announces the end; once there, it stays."""
    for kind in ("SuccessCriteriaMet", "FailureTarget"):
        if (present := condition(job, kind)) and present["status"] == "True":
            return present
    if verdict := job_progress.failure(job, pods, now):
        return _conditioned([], "FailureTarget", "True", verdict.reason, verdict.message, now)[0]
    if not job["spec"].get("suspend") and job_progress.is_reached(job["spec"], job_progress.tally(pods)):
        verdict = job_progress.REACHED
        return _conditioned([], "SuccessCriteriaMet", "True", verdict.reason, verdict.message, now)[0]
    return None


def counts_of(count: Tally, job: Obj, ending: Obj | None, pods: list[Obj]) -> Obj:
    """Pods that a failing Job takes down with it count as failed, also when they are gone."""
    failed = count.failed
    if ending is not None and ending["type"] == "FailureTarget":
        before = job_progress.tally(pods)
        failed = max(int(walk(job, "status", "failed") or 0), before.failed + before.active)
    return {"active": count.active, "succeeded": count.succeeded, "failed": failed}


def labels_for(job: Obj) -> dict[str, str]:
    """What marks a Job's pods, in the old and the present spelling."""
    named = {"batch.kubernetes.io/job-name": name_of(job), "job-name": name_of(job)}
    return {**named, "batch.kubernetes.io/controller-uid": uid_of(job), "controller-uid": uid_of(job)}


def _conditioned(
    conditions: list[Obj], kind: str, value: Literal["True", "False"], reason: str, message: str, now: datetime
) -> list[Obj]:
    new = {"type": kind, "status": value, "lastProbeTime": timestamp(now), "reason": reason, "message": message}
    return with_condition(conditions, new, now)
