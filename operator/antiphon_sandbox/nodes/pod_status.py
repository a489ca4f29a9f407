"""A pod's status from its containers', as a kubelet computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from antiphon_sandbox.nodes.downward import HOST_IP
from antiphon_sandbox.objects import Obj, condition, timestamp, with_condition

ALWAYS_RESTARTED = "Always"


@dataclass(frozen=True, slots=True)
class Observed:
    """What the node knows of a pod. `init` and `main` are container statuses in the order of the spec."""

    init: Sequence[Obj]
    main: Sequence[Obj]
    address: str | None
    """None until the pod's volumes are there."""
    finished: bool
    """No container will run again."""
    reason: str = ""
    message: str = ""
    """Why the node ended the pod, if it did."""


def pod_status(pod: Obj, seen: Observed, now: datetime) -> Obj:
    """Keeps what others wrote (PodScheduled, readiness gates)."""
    old = pod.get("status") or {}
    phase = _phase(pod["spec"], seen)
    status = {name: value for name, value in old.items() if name not in ("reason", "message")}
    status |= {"phase": phase, "hostIP": HOST_IP, "hostIPs": [{"ip": HOST_IP}]}
    status |= {
        "startTime": old.get("startTime") or timestamp(now),
        "qosClass": old.get("qosClass") or _qos(pod["spec"]),
    }
    if seen.address:
        status |= {"podIP": seen.address, "podIPs": [{"ip": seen.address}]}
    if seen.reason:
        status |= {"reason": seen.reason, "message": seen.message}
    if generation := pod["metadata"].get("generation"):
        status["observedGeneration"] = generation
    if seen.init:
        status["initContainerStatuses"] = list(seen.init)
    status["containerStatuses"] = list(seen.main)
    status["conditions"] = _conditions(pod, seen, phase, now)
    return status


# --- phase ---------------------------------------------------------------------------------------------------------


def _phase(spec: Obj, seen: Observed) -> str:
    ended = [_exit_code(status) for status in seen.main]
    failed_init = any(_exit_code(status) for status in _ordinary_init(spec, seen))
    if seen.finished:
        whole = all(code == 0 for code in ended) and not failed_init and not seen.reason
        return "Succeeded" if whole else "Failed"
    if failed_init and spec.get("restartPolicy") == "Never":
        return "Failed"
    if unfinished_init(spec, seen) or any(_never_ran(status) for status in seen.main):
        return "Pending"
    return "Running"


def _exit_code(status: Obj) -> int | None:
    """Of a container that does not run; None when it runs, or never did."""
    for state in (status["state"], status["lastState"]):
        if "running" in state:
            return None
        if "terminated" in state:
            return int(state["terminated"]["exitCode"])
    return None


def _never_ran(status: Obj) -> bool:
    return "waiting" in status["state"] and "terminated" not in status["lastState"]


def _ordinary_init(spec: Obj, seen: Observed) -> list[Obj]:
    sidecars = {c["name"] for c in spec.get("initContainers") or () if c.get("restartPolicy") == ALWAYS_RESTARTED}
    return [status for status in seen.init if status["name"] not in sidecars]


def unfinished_init(spec: Obj, seen: Observed) -> list[str]:
    """Names of the init containers that main containers wait for."""
    ordinary = _ordinary_init(spec, seen)
    undone = {s["name"] for s in ordinary if s["state"].get("terminated", {}).get("exitCode") != 0}
    undone |= {s["name"] for s in seen.init if s not in ordinary and not s["started"]}
    if not all(_never_ran(status) for status in seen.main):
        return []  # they were through when the first main container began
    return [status["name"] for status in seen.init if status["name"] in undone]


# --- conditions ----------------------------------------------------------------------------------------------------


def _conditions(pod: Obj, seen: Observed, phase: str, now: datetime) -> list[Obj]:
    containers = _containers_ready(seen, phase)
    ours = {
        "PodReadyToStartContainers": _verdict(seen.address is not None and not seen.finished),
        "Initialized": _initialized(pod["spec"], seen, phase),
        "Ready": _ready(pod, containers),
        "ContainersReady": containers,
    }
    conditions: list[Obj] = (pod.get("status") or {}).get("conditions") or []
    for kind, verdict in ours.items():
        generation = pod["metadata"].get("generation")
        observed = {"observedGeneration": generation} if generation else {}
        new = {"type": kind, **observed, **verdict}
        conditions = with_condition(conditions, new, now)
    return conditions


def _verdict(true: bool, reason: str = "", message: str = "") -> Obj:
    said = {"reason": reason, "message": message}
    return {"status": "True" if true else "False", **{name: text for name, text in said.items() if text}}


def _initialized(spec: Obj, seen: Observed, phase: str) -> Obj:
    if phase == "Succeeded":
        return _verdict(True, "PodCompleted")
    if undone := unfinished_init(spec, seen):
        names = " ".join(undone)
        return _verdict(False, "ContainersNotInitialized", f"containers with incomplete status: [{names}]")
    return _verdict(True)


def _containers_ready(seen: Observed, phase: str) -> Obj:
    if phase == "Succeeded":
        return _verdict(False, "PodCompleted")
    if phase == "Failed":
        return _verdict(False, "PodFailed")
    if unready := [status["name"] for status in seen.main if not status["ready"]]:
        return _verdict(False, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    return _verdict(True)


def _ready(pod: Obj, containers: Obj) -> Obj:
    if containers["status"] != "True":
        return containers
    problems = [_gate_problem(pod, gate["conditionType"]) for gate in pod["spec"].get("readinessGates") or ()]
    if said := ", ".join(filter(None, problems)):
        return _verdict(False, "ReadinessGatesNotReady", said)
    return _verdict(True)


def _gate_problem(pod: Obj, kind: str) -> str:
    found = condition(pod, kind)
    if found is None:
        return f'corresponding condition of pod readiness gate "{kind}" does not exist.'
    if found["status"] != "True":
        return f'the status of pod readiness gate "{kind}" is not "True", but {found["status"]}'
    return ""


# --- quality of service --------------------------------------------------------------------------------------------


def _qos(spec: Obj) -> str:
    resources = [container.get("resources") or {} for container in spec["containers"]]
    if not any(part.get("requests") or part.get("limits") for part in resources):
        return "BestEffort"
    guaranteed = all(
        {"cpu", "memory"} <= set(part.get("limits") or ())
        and {**part["limits"], **(part.get("requests") or {})} == part["limits"]
        for part in resources
    )
    return "Guaranteed" if guaranteed else "Burstable"
