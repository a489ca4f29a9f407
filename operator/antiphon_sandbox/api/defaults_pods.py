"""Defaults of pods, and of the pods in templates."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon_sandbox.api.defaults_containers import request_what_is_limited, set_container_defaults
from antiphon_sandbox.api.defaults_volumes import set_volume_defaults
from antiphon_sandbox.objects import Obj
from antiphon_sandbox.quantities import amount_of

_QOS_RESOURCES = ("cpu", "memory")
_EVICTING_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
EVICTION_SECONDS = 300
SYSTEM_PRIORITIES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def set_template_defaults(template: Obj) -> None:
    set_pod_spec_defaults(template["spec"])


def set_pod_spec_defaults(spec: Obj) -> None:
    put = spec.setdefault
    put("dnsPolicy", "ClusterFirst")
    put("restartPolicy", "Always")
    put("securityContext", {})
    put("terminationGracePeriodSeconds", 30)
    put("schedulerName", "default-scheduler")
    if "serviceAccountName" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]
    elif "serviceAccount" in spec:
        spec["serviceAccountName"] = spec["serviceAccount"]
    for container in all_containers(spec):
        set_container_defaults(container)
    for volume in spec.get("volumes") or ():
        set_volume_defaults(volume)


def all_containers(spec: Obj) -> Iterator[Obj]:
    for group in ("containers", "initContainers", "ephemeralContainers"):
        yield from spec.get(group) or ()


def set_pod_defaults(pod: Obj) -> None:
    spec = pod["spec"]
    set_pod_spec_defaults(spec)
    spec.setdefault("enableServiceLinks", True)
    for container in all_containers(spec):
        request_what_is_limited(container.get("resources", {}))
        if spec.get("hostNetwork"):
            for port in container.get("ports") or ():
                port.setdefault("hostPort", port.get("containerPort"))
    if "resources" in spec:
        request_what_is_limited(spec["resources"])


def prepare_pod(pod: Obj) -> None:
    """What the API server adds when a pod is made: its account, tolerations, priority and first status."""
    spec = pod["spec"]
    account = spec.setdefault("serviceAccountName", "default")
    spec["serviceAccount"] = account
    _tolerate_failing_nodes(spec)
    _set_priority(spec)
    status = pod.setdefault("status", {})
    status.setdefault("phase", "Pending")
    status["qosClass"] = qos_class(spec)


def _tolerate_failing_nodes(spec: Obj) -> None:
    tolerations = spec.get("tolerations") or []
    for taint in _EVICTING_TAINTS:
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            added = {"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": EVICTION_SECONDS}
            tolerations = [*tolerations, added]
    spec["tolerations"] = tolerations


def _tolerates(toleration: Obj, taint: str) -> bool:
    return toleration.get("key", "") in ("", taint) and toleration.get("effect", "") in ("", "NoExecute")


def _set_priority(spec: Obj) -> None:
    """That of another class is looked up where classes are known."""
    name = spec.get("priorityClassName", "")
    if not name or name in SYSTEM_PRIORITIES:
        spec.setdefault("priority", SYSTEM_PRIORITIES.get(name, 0))
        spec.setdefault("preemptionPolicy", "PreemptLowerPriority")


def qos_class(spec: Obj) -> str:
    """Guaranteed: each container is limited to what it requests. BestEffort: none requests or limits anything."""
    asked = [_asked(container) for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]]
    if not any(requests or limits for requests, limits in asked):
        return "BestEffort"
    guaranteed = all(requests == limits and len(limits) == len(_QOS_RESOURCES) for requests, limits in asked)
    return "Guaranteed" if guaranteed else "Burstable"


def _asked(container: Obj) -> tuple[Obj, Obj]:
    """Requests and limits of what counts, as far as they are not zero."""
    resources = container.get("resources") or {}
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    return _counting(requests), _counting(limits)


def _counting(amounts: Obj) -> Obj:
    return {name: amounts[name] for name in _QOS_RESOURCES if name in amounts and _is_positive(amounts[name])}


def _is_positive(quantity: str) -> bool:
    try:
        return amount_of(quantity) > 0
    except ValueError:
        return False
