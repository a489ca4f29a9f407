"""What a pod on a hollow node is said to be, as a kubelet would say it."""

from __future__ import annotations

from datetime import datetime
from itertools import zip_longest

from antiphon_sandbox.objects import Obj, Objects, condition, timestamp, walk, with_condition

BACK_OFF = "CrashLoopBackOff"
_GATES = ("Initialized", "PodReadyToStartContainers", "ContainersReady", "Ready")
_OVER = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}


def running(containers: Objects, now: datetime, ready: bool, old: Objects | None = None) -> Objects:
    """Started just now; `old` is what they were before, of which the restarts are counted."""
    return [
        {
            **_container(one, {"running": {"startedAt": timestamp(now)}}, ready, started=True),
            **({"lastState": walk(was, "lastState") or {}, "restartCount": was["restartCount"] + 1} if was else {}),
        }
        for one, was in zip_longest(containers, old or [])
    ]


def ended(containers: Objects, old: Objects, code: int, now: datetime) -> Objects:
    """For good."""
    return [
        {**_container(one, _terminated(was, code, now)), "restartCount": was["restartCount"]}
        for one, was in zip(containers, old, strict=True)
    ]


def resting(old: Objects, code: int, now: datetime, seconds: float) -> Objects:
    """Ended, and to be started anew after a while."""
    waiting = {"reason": BACK_OFF, "message": f"back-off {seconds:g}s restarting failed container"}
    return [
        {
            **was,
            "ready": False,
            "started": False,
            "lastState": _terminated(was, code, now),
            "state": {"waiting": waiting},
        }
        for was in old
    ]


def init_statuses(pod: Obj, now: datetime) -> Obj:
    """Init containers have done their work; sidecars run."""
    inits = pod["spec"].get("initContainers") or []
    done = {
        "terminated": {"exitCode": 0, "reason": "Completed", "startedAt": timestamp(now), "finishedAt": timestamp(now)}
    }
    statuses = [
        running([one], now, ready=True)[0]
        if one.get("restartPolicy") == "Always"
        else _container(one, done, ready=True)
        for one in inits
    ]
    return {"initContainerStatuses": statuses} if statuses else {}


def inits_ended(pod: Obj, now: datetime) -> Obj:
    """Sidecars end with the pod."""
    old: Objects = walk(pod, "status", "initContainerStatuses") or []
    statuses = [
        {**was, "ready": False, "started": False, "state": _terminated(was, 0, now)}
        if "running" in was["state"]
        else was
        for was in old
    ]
    return {"initContainerStatuses": statuses} if statuses else {}


def conditions(pod: Obj, phase: str, containers: Objects, now: datetime) -> Objects:
    """The four that a kubelet keeps, and those of others as they are."""
    found: Objects = walk(pod, "status", "conditions") or []
    for kind in _GATES:
        found = with_condition(found, {"type": kind, **_verdict(kind, pod, phase, containers)}, now)
    return found


def _verdict(kind: str, pod: Obj, phase: str, containers: Objects) -> Obj:
    if kind == "Initialized":
        return {"status": "True"}
    if kind == "PodReadyToStartContainers":
        return {"status": "False" if phase in _OVER else "True"}
    if reason := _OVER.get(phase):
        return {"status": "False", "reason": reason}
    if unready := [one["name"] for one in containers if not one["ready"]]:
        message = f"containers with unready status: [{' '.join(unready)}]"
        return {"status": "False", "reason": "ContainersNotReady", "message": message}
    if kind == "Ready" and (missing := _gates_not_met(pod)):
        return {"status": "False", "reason": "ReadinessGatesNotReady", "message": ", ".join(missing)}
    return {"status": "True"}


def _gates_not_met(pod: Obj) -> list[str]:
    kinds = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    return [
        f'corresponding condition of pod readiness gate "{kind}" does not exist.'
        if (found := condition(pod, kind)) is None
        else f'the status of pod readiness gate "{kind}" is not "True", but {found["status"]}'
        for kind in kinds
        if walk(condition(pod, kind), "status") != "True"
    ]


def _terminated(was: Obj, code: int, now: datetime) -> Obj:
    began = walk(was, "state", "running", "startedAt") or timestamp(now)
    reason = "Error" if code else "Completed"
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": timestamp(now)}}


def _container(container: Obj, state: Obj, ready: bool = False, started: bool = False) -> Obj:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": f"hollow://{container.get('image', '')}",
        "containerID": f"hollow://{container['name']}",
        "ready": ready,
        "started": started,
        "restartCount": 0,
        "state": state,
    }
