"""Manifests that the cluster suite makes, and what it asks of the objects that come of them.

The containers' command works on nodes that run it and on hollow ones, and ends at once on SIGTERM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watching import Obj

IMAGE = "busybox"
STAYS = ["sh", "-c", "exec sleep 3600"]
ENDS = ["sh", "-c", "exit 0"]
FAILS = ["sh", "-c", "exit 1"]
HOLLOW_FAILURE = {"fake.kubelet/exit-after": "0.1", "fake.kubelet/exit-code": "1"}
"""Annotations that make hollow nodes play what FAILS does on others."""
GRACE_SECONDS = 1
"""What ignores SIGTERM holds no test up for longer."""


def agent(name: str, **spec: Any) -> Obj:
    """A VoiceAgent with no more than it must have."""
    pipeline = {"diarization": {"model": "ear"}}
    return {
        "apiVersion": "antiphon.dev/v1alpha1",
        "kind": "VoiceAgent",
        "metadata": {"name": name},
        "spec": {"pipeline": pipeline, "slaPolicy": "p", **spec},
    }


def config_map(name: str, labels: Mapping[str, str] | None = None, **data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(name, labels), "data": data}


def container(name: str = "main", command: list[str] | None = None, **more: Any) -> Obj:
    return {"name": name, "image": IMAGE, "command": command or STAYS, **more}


def pod(name: str, labels: Mapping[str, str] | None = None, **spec: Any) -> Obj:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _metadata(name, labels), "spec": pod_spec(**spec)}


def pod_spec(command: list[str] | None = None, **spec: Any) -> Obj:
    return {"containers": [container(command=command)], "terminationGracePeriodSeconds": GRACE_SECONDS, **spec}


def deployment(name: str, replicas: int = 2, pod: Mapping[str, Any] | None = None, **spec: Any) -> Obj:
    """A Deployment of pods labelled app=NAME; `pod` adds to their spec."""
    template = {"metadata": {"labels": {"app": name}}, "spec": pod_spec(**(pod or {}))}
    selector = {"matchLabels": {"app": name}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(name, {"app": name}),
        "spec": {"replicas": replicas, "selector": selector, "template": template, **spec},
    }


def job(name: str, command: list[str] | None = None, **spec: Any) -> Obj:
    """A Job whose pods end well, or fail at once on any kind of node when `command` is FAILS."""
    annotations = HOLLOW_FAILURE if command == FAILS else {}
    template = {"metadata": {"annotations": annotations}, "spec": pod_spec(command or ENDS, restartPolicy="Never")}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": template, **spec},
    }


def service(name: str, selector: Mapping[str, str] | None, **spec: Any) -> Obj:
    wanted: Obj = {"ports": [{"name": "http", "port": 80, "targetPort": 8080}], **spec}
    if selector is not None:
        wanted["selector"] = dict(selector)
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": wanted}


def disruption_budget(name: str, app: str, **spec: Any) -> Obj:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": app}}, **spec},
    }


def lease(name: str, holder: str) -> Obj:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}


def condition(one: Obj, kind: str) -> Obj:
    """The condition of that type; one of status Unknown and no reason while there is none."""
    found = (each for each in one.get("status", {}).get("conditions", []) if each["type"] == kind)
    return next(found, {"type": kind, "status": "Unknown", "reason": "", "message": ""})


def is_true(one: Obj, kind: str) -> bool:
    return bool(condition(one, kind)["status"] == "True")


def is_ready(pod: Obj) -> bool:
    return not is_leaving(pod) and is_true(pod, "Ready")


def is_leaving(one: Obj) -> bool:
    return "deletionTimestamp" in one["metadata"]


def names(objects: list[Obj]) -> list[str]:
    return sorted(one["metadata"]["name"] for one in objects)


def is_rolled_out(deployment: Obj) -> bool:
    """As `kubectl rollout status` has it."""
    status, replicas = deployment.get("status", {}), deployment["spec"]["replicas"]
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    counts = [status.get(key, 0) for key in ("updatedReplicas", "replicas", "availableReplicas", "readyReplicas")]
    return bool(seen and counts == [replicas] * 4)


def is_of_old_controllers(one: Obj) -> bool:
    """Whether controllers of Kubernetes 1.20 look after it, which lack some of what is tested."""
    return "kube-controller-manager-1.20" in {entry["manager"] for entry in one["metadata"]["managedFields"]}


def _metadata(name: str, labels: Mapping[str, str] | None) -> Obj:
    return {"name": name, **({"labels": dict(labels)} if labels else {})}
