"""Checks of Jobs and CronJobs."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from functools import cache

from antiphon_sandbox.api.builtin_checks import label_selector, not_negative, one_of, required, unchanged
from antiphon_sandbox.api.builtin_pods import template
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.cron import ScheduleError, check_schedule
from antiphon_sandbox.api.schema_checks import invalid
from antiphon_sandbox.objects import Obj, name_of, selector_matches

_COUNTS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)
_FIXED = ("selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy")
_PLACEMENT = ("nodeSelector", "affinity", "tolerations", "schedulingGates")
_CRON_NAME_MOST = 52
_CONCURRENCY = ("Allow", "Forbid", "Replace")


def job(found: Obj, old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    yield from job_spec(spec, "spec")
    yield from _selector(spec)
    if old is not None:
        yield from _changes(spec, old)


def job_spec(spec: Obj, path: str) -> Iterator[Cause]:
    """Its pods come to an end."""
    yield from not_negative(spec, _COUNTS, path)
    mode = spec.get("completionMode", "NonIndexed")
    yield from one_of(mode, ("NonIndexed", "Indexed"), f"{path}.completionMode")
    if mode == "Indexed" and "completions" not in spec:
        yield required(f"{path}.completions", "when completion mode is Indexed")
    pods = spec["template"]
    if pods["spec"]["restartPolicy"] == "Always":
        yield required(f"{path}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    yield from template(pods, f"{path}.template")


def _selector(spec: Obj) -> Iterator[Cause]:
    selector, labels = spec.get("selector"), spec["template"]["metadata"].get("labels") or {}
    if selector is None:
        yield required("spec.selector")
        return
    causes = list(label_selector(selector, "spec.selector"))
    yield from causes
    if not causes and not selector_matches(selector, labels):
        yield invalid(labels, "`selector` does not match template `labels`", "spec.template.metadata.labels")


def _changes(spec: Obj, old: Obj) -> Iterator[Cause]:
    before = old["spec"]
    resized = spec.get("completions") == spec.get("parallelism") and spec.get("completionMode") == "Indexed"
    yield from unchanged(spec, before, (*_FIXED, *(() if resized else ("completions",))), "spec")
    if _template_to_keep(spec, old) != _template_to_keep(before, old):
        yield invalid(spec["template"], "field is immutable", "spec.template")


def _template_to_keep(spec: Obj, old: Obj) -> Obj:
    """While a Job is suspended and never ran, somebody may still say where its pods go."""
    pods: Obj = spec["template"]
    if not old["spec"].get("suspend") or "startTime" in (old.get("status") or {}):
        return pods
    return {"spec": {name: value for name, value in pods["spec"].items() if name not in _PLACEMENT}}


def cron_job(found: Obj, old: Obj | None) -> Iterator[Cause]:
    spec = found["spec"]
    if old is None and len(name_of(found)) > _CRON_NAME_MOST:
        yield invalid(name_of(found), f"must be no more than {_CRON_NAME_MOST} characters", "metadata.name")
    yield from _schedule(spec)
    yield from not_negative(
        spec, ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"), "spec"
    )
    yield from one_of(spec["concurrencyPolicy"], _CONCURRENCY, "spec.concurrencyPolicy")
    yield from job_spec(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec")


def _schedule(spec: Obj) -> Iterator[Cause]:
    schedule = spec["schedule"]
    if not schedule:
        yield required("spec.schedule")
    else:
        try:
            check_schedule(schedule)
        except ScheduleError as error:
            yield invalid(schedule, str(error), "spec.schedule")
    zone = spec.get("timeZone")
    if zone is not None and (not zone or zone not in _time_zones()):
        yield invalid(zone, f"unknown time zone {zone}", "spec.timeZone")


@cache
def _time_zones() -> frozenset[str]:
    return frozenset({*zoneinfo.available_timezones(), "UTC"})
