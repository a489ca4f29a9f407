"""What `kubectl get` shows of what keeps pods: Deployments, Jobs and their like."""

from __future__ import annotations

from antiphon_sandbox.api.ages import Since, human_duration
from antiphon_sandbox.api.table_columns import (
    AGE,
    NAME,
    NONE,
    UNSET,
    Field,
    Shown,
    at,
    count,
    labels_at,
    length,
    number,
    selector_at,
    selector_text,
    template_columns,
    wide,
)
from antiphon_sandbox.objects import Obj, controller_of, is_deleting, is_true, parse_time, walk


def _ready_of_wanted(obj: Obj) -> str:
    return f"{walk(obj, 'status', 'readyReplicas') or 0}/{walk(obj, 'spec', 'replicas') or 0}"


_READY = Shown("Ready", "Number of the pod with ready state", _ready_of_wanted)

DEPLOYMENT = (
    NAME,
    _READY,
    Shown("Up-to-date", Field("apps.v1.DeploymentStatus", "updatedReplicas"), count("status", "updatedReplicas")),
    Shown("Available", Field("apps.v1.DeploymentStatus", "availableReplicas"), count("status", "availableReplicas")),
    AGE,
    *template_columns("spec", "template"),
    wide(
        "Selector",
        Field("apps.v1.DeploymentSpec", "selector"),
        lambda deployment: selector_text(walk(deployment, "spec", "selector")),
    ),
)

REPLICA_SET = (
    NAME,
    number("Desired", Field("apps.v1.ReplicaSetSpec", "replicas"), count("spec", "replicas")),
    number("Current", Field("apps.v1.ReplicaSetStatus", "replicas"), count("status", "replicas")),
    number("Ready", Field("apps.v1.ReplicaSetStatus", "readyReplicas"), count("status", "readyReplicas")),
    AGE,
    *template_columns("spec", "template"),
    wide("Selector", Field("apps.v1.ReplicaSetSpec", "selector"), selector_at("spec", "selector")),
)

_RC_STATUS = "core.v1.ReplicationControllerStatus"
REPLICATION_CONTROLLER = (
    NAME,
    number("Desired", Field("core.v1.ReplicationControllerSpec", "replicas"), count("spec", "replicas")),
    number("Current", Field(_RC_STATUS, "replicas"), count("status", "replicas")),
    number("Ready", Field(_RC_STATUS, "readyReplicas"), count("status", "readyReplicas")),
    AGE,
    *template_columns("spec", "template"),
    wide("Selector", Field("core.v1.ReplicationControllerSpec", "selector"), labels_at("spec", "selector")),
)

STATEFUL_SET = (NAME, _READY, AGE, *template_columns("spec", "template"))


def _daemons(title: str, field: str) -> Shown:
    return number(title, Field("apps.v1.DaemonSetStatus", field), count("status", field))


DAEMON_SET = (
    NAME,
    _daemons("Desired", "desiredNumberScheduled"),
    _daemons("Current", "currentNumberScheduled"),
    _daemons("Ready", "numberReady"),
    _daemons("Up-to-date", "updatedNumberScheduled"),
    _daemons("Available", "numberAvailable"),
    Shown(
        "Node Selector",
        Field("core.v1.PodSpec", "nodeSelector"),
        labels_at("spec", "template", "spec", "nodeSelector"),
    ),
    AGE,
    *template_columns("spec", "template"),
    wide("Selector", Field("apps.v1.DaemonSetSpec", "selector"), selector_at("spec", "selector")),
)


def _job_status(job: Obj) -> str:
    ended = next((kind for kind in ("Complete", "Failed") if is_true(job, kind)), None)
    if ended or is_deleting(job):
        return ended or "Terminating"
    going = ("Suspended", "FailureTarget", "SuccessCriteriaMet")
    return next((kind for kind in going if is_true(job, kind)), "Running")


def _completions(job: Obj) -> str:
    succeeded = walk(job, "status", "succeeded") or 0
    wanted = walk(job, "spec", "completions")
    if wanted is not None:
        return f"{succeeded}/{wanted}"
    parallelism = walk(job, "spec", "parallelism") or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _job_duration(job: Obj) -> Since | str:
    start, end = walk(job, "status", "startTime"), walk(job, "status", "completionTime")
    if not start:
        return ""
    return human_duration(parse_time(end) - parse_time(start)) if end else Since(start)


_JOB_SELECTOR = Field("batch.v1.JobSpec", "selector")
JOB = (
    NAME,
    Shown("Status", "Status of the job.", _job_status),
    Shown("Completions", Field("batch.v1.JobStatus", "succeeded"), _completions),
    Shown("Duration", "Time required to complete the job.", _job_duration),
    AGE,
    *template_columns("spec", "template"),
    wide("Selector", _JOB_SELECTOR, selector_at("spec", "selector")),
)


def _suspended(cron_job: Obj) -> str:
    suspended = walk(cron_job, "spec", "suspend")
    return UNSET if suspended is None else str(suspended)


def _last_schedule(cron_job: Obj) -> Since | str:
    last = walk(cron_job, "status", "lastScheduleTime")
    return Since(last) if last else NONE


CRON_JOB = (
    NAME,
    Shown("Schedule", Field("batch.v1.CronJobSpec", "schedule"), at("spec", "schedule")),
    Shown("Timezone", Field("batch.v1.CronJobSpec", "timeZone"), at("spec", "timeZone", default=NONE)),
    Shown("Suspend", Field("batch.v1.CronJobSpec", "suspend"), _suspended, "boolean"),
    number("Active", Field("batch.v1.CronJobStatus", "active"), length("status", "active")),
    Shown("Last Schedule", Field("batch.v1.CronJobStatus", "lastScheduleTime"), _last_schedule),
    AGE,
    *template_columns("spec", "jobTemplate", "spec", "template"),
    wide("Selector", _JOB_SELECTOR, selector_at("spec", "jobTemplate", "spec", "selector")),
)


def _controller(revision: Obj) -> str:
    owner = controller_of(revision)
    if owner is None:
        return NONE
    group = owner["apiVersion"].rpartition("/")[0]
    kind = f"{owner['kind']}.{group}" if group else owner["kind"]
    return f"{kind.lower()}/{owner['name']}"


CONTROLLER_REVISION = (
    NAME,
    Shown("Controller", "Controller of the object", _controller),
    Shown("Revision", Field("apps.v1.ControllerRevision", "revision"), count("revision")),
    AGE,
)

POD_TEMPLATE = (
    NAME,
    *template_columns("template", priority=0),
    Shown("Pod Labels", "The labels for the pod template.", labels_at("template", "metadata", "labels")),
)


def _target(autoscaler: Obj) -> str:
    target = walk(autoscaler, "spec", "scaleTargetRef") or {}
    return f"{target.get('kind', '')}/{target.get('name', '')}"


_MOST_METRICS = 2


def _metrics(autoscaler: Obj) -> str:
    specs = walk(autoscaler, "spec", "metrics") or []
    statuses = walk(autoscaler, "status", "currentMetrics") or []
    texts = [_metric(spec, statuses[i] if i < len(statuses) else {}) for i, spec in enumerate(specs)]
    text = ", ".join(texts[:_MOST_METRICS]) or NONE
    return f"{text} + {len(texts) - _MOST_METRICS} more..." if len(texts) > _MOST_METRICS else text


def _metric(spec: Obj, status: Obj) -> str:
    source = spec["type"][:1].lower() + spec["type"][1:]
    part = spec.get(source)
    if part is None:
        return "<unknown type>"
    current = walk(status, source, "current") or {}
    if source in ("resource", "containerResource"):
        return f"{part['name']}: {_resource_metric(part['target'], current)}"
    return _other_metric(source, part["target"], current)


def _resource_metric(target: Obj, current: Obj) -> str:
    if "averageValue" in target:
        return f"{current.get('averageValue', '<unknown>')}/{target['averageValue']}"
    now, wanted = current.get("averageUtilization"), target.get("averageUtilization")
    return f"{'<unknown>' if now is None else f'{now}%'}/{'<auto>' if wanted is None else f'{wanted}%'}"


def _other_metric(source: str, target: Obj, current: Obj) -> str:
    if "averageValue" not in target:
        return f"{current.get('value', '<unknown>')}/{target.get('value', 0)}"
    text = f"{current.get('averageValue', '<unknown>')}/{target['averageValue']}"
    return text if source == "pods" else f"{text} (avg)"


def _least_pods(autoscaler: Obj) -> str:
    return str(at("spec", "minReplicas", default=UNSET)(autoscaler))


_HPA_SPEC = "autoscaling.v2.HorizontalPodAutoscalerSpec"
HORIZONTAL_POD_AUTOSCALER = (
    NAME,
    Shown("Reference", Field(_HPA_SPEC, "scaleTargetRef"), _target),
    Shown("Targets", Field(_HPA_SPEC, "metrics"), _metrics),
    Shown("MinPods", Field(_HPA_SPEC, "minReplicas"), _least_pods),
    Shown("MaxPods", Field(_HPA_SPEC, "maxReplicas"), count("spec", "maxReplicas")),
    Shown(
        "Replicas",
        Field("autoscaling.v2.HorizontalPodAutoscalerStatus", "currentReplicas"),
        count("status", "currentReplicas"),
    ),
    AGE,
)


POD_DISRUPTION_BUDGET = (
    NAME,
    Shown(
        "Min Available",
        "The minimum number of pods that must be available.",
        lambda budget: str(at("spec", "minAvailable", default="N/A")(budget)),
    ),
    Shown(
        "Max Unavailable",
        "The maximum number of pods that may be unavailable.",
        lambda budget: str(at("spec", "maxUnavailable", default="N/A")(budget)),
    ),
    number(
        "Allowed Disruptions",
        "Calculated number of pods that may be disrupted at this time.",
        count("status", "disruptionsAllowed"),
    ),
    AGE,
)
