"""Defaults of what makes pods: Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs and controllers."""

from __future__ import annotations

from antiphon_sandbox.api.defaults_pods import set_template_defaults
from antiphon_sandbox.api.defaults_volumes import set_claim_defaults
from antiphon_sandbox.objects import Obj, name_of

_INT32_MOST = 2**31 - 1


def set_deployment_defaults(deployment: Obj) -> None:
    spec = deployment["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec["strategy"]
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    set_template_defaults(spec["template"])


def set_replica_set_defaults(replica_set: Obj) -> None:
    replica_set["spec"].setdefault("replicas", 1)
    set_template_defaults(replica_set["spec"]["template"])


def set_replication_controller_defaults(controller: Obj) -> None:
    spec = controller["spec"]
    spec.setdefault("replicas", 1)
    template = spec.get("template")
    if template is None:
        return
    set_template_defaults(template)
    if labels := template["metadata"].get("labels"):
        spec.setdefault("selector", dict(labels))
        controller["metadata"].setdefault("labels", dict(labels))


def set_stateful_set_defaults(stateful_set: Obj) -> None:
    spec = stateful_set["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    kept = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    kept.setdefault("whenDeleted", "Retain")
    kept.setdefault("whenScaled", "Retain")
    strategy = spec["updateStrategy"]
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        set_claim_defaults(claim)
        claim["status"].setdefault("phase", "Pending")
    set_template_defaults(spec["template"])


def set_daemon_set_defaults(daemon_set: Obj) -> None:
    spec = daemon_set["spec"]
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec["updateStrategy"]
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    set_template_defaults(spec["template"])


def prepare_daemon_set(daemon_set: Obj) -> None:
    """The generation of its template, in the annotation of old."""
    annotations = daemon_set["metadata"].setdefault("annotations", {})
    annotations.setdefault("deprecated.daemonset.template.generation", "1")


def set_job_defaults(job: Obj) -> None:
    spec = job["spec"]
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", _INT32_MOST if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    spec.setdefault("podReplacementPolicy", "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    _set_failure_policy_defaults(spec)
    template = spec["template"]
    set_template_defaults(template)
    if labels := template["metadata"].get("labels"):
        job["metadata"].setdefault("labels", dict(labels))


def _set_failure_policy_defaults(spec: Obj) -> None:
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            pattern["status"] = pattern.get("status") or "True"


def prepare_job(job: Obj) -> None:
    """Its pods are told from all others by its uid, unless it says how itself."""
    spec, uid = job["spec"], job["metadata"].get("uid")
    if spec.get("manualSelector") or not uid:
        return
    given = spec["template"]["metadata"].get("labels") or {}
    own = {"batch.kubernetes.io/controller-uid": uid, "controller-uid": uid}
    names = {"batch.kubernetes.io/job-name": name_of(job), "job-name": name_of(job)}
    labels = {**own, **names, **given}
    if job["metadata"].get("labels", given) == given:
        job["metadata"]["labels"] = dict(labels)
    spec["template"]["metadata"]["labels"] = labels
    selector = spec.setdefault("selector", {})
    selector.setdefault("matchLabels", {}).setdefault("batch.kubernetes.io/controller-uid", uid)


def set_cron_job_defaults(cron_job: Obj) -> None:
    """The Jobs get their own defaults when they are made."""
    spec = cron_job["spec"]
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)
    job_spec = spec["jobTemplate"]["spec"]
    _set_failure_policy_defaults(job_spec)
    set_template_defaults(job_spec["template"])


def set_pod_template_defaults(template: Obj) -> None:
    set_template_defaults(template["template"])
