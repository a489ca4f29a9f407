"""What `kubectl get pods` shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from antiphon_sandbox.api.ages import Since
from antiphon_sandbox.api.table_columns import AGE, NAME, NONE, Field, Shown, at, wide
from antiphon_sandbox.objects import Obj, Objects, condition, is_deleting, is_true, walk


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far the init containers are."""

    seen: Objects
    """Statuses up to the first that is not done."""
    stuck: str | None
    """What the first says that is not done."""


def _init_progress(pod: Obj) -> _Progress:
    statuses: Objects = walk(pod, "status", "initContainerStatuses") or []
    sidecars = _sidecars(pod)
    for index, status in enumerate(statuses):
        if not _is_initialized(status, sidecars):
            total = len(walk(pod, "spec", "initContainers") or ())
            return _Progress(statuses[: index + 1], _init_reason(status) or f"Init:{index}/{total}")
    return _Progress(statuses, None)


def _sidecars(pod: Obj) -> set[str]:
    """Init containers that go on running."""
    containers = walk(pod, "spec", "initContainers") or ()
    return {container["name"] for container in containers if container.get("restartPolicy") == "Always"}


def _is_initialized(status: Obj, sidecars: set[str]) -> bool:
    return walk(status, "state", "terminated", "exitCode") == 0 or bool(
        status["name"] in sidecars and status.get("started")
    )


def _init_reason(status: Obj) -> str | None:
    if ended := walk(status, "state", "terminated"):
        return "Init:" + _ending(ended)
    waiting = walk(status, "state", "waiting", "reason")
    return f"Init:{waiting}" if waiting and waiting != "PodInitializing" else None


def _ending(terminated: Obj) -> str:
    if reason := terminated.get("reason"):
        return str(reason)
    if signal := terminated.get("signal"):
        return f"Signal:{signal}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _reason(status: Obj) -> str | None:
    """What a container has to say that is not simply running."""
    if waiting := walk(status, "state", "waiting", "reason"):
        return str(waiting)
    ended = walk(status, "state", "terminated")
    return None if ended is None else _ending(ended)


def _is_running(status: Obj) -> bool:
    return _reason(status) is None and bool(status.get("ready")) and walk(status, "state", "running") is not None


def _own_statuses(pod: Obj) -> Objects:
    """Of the containers, once they count: nothing is told of them while the pod initializes."""
    if _init_progress(pod).stuck and not is_true(pod, "Initialized"):
        return []
    return walk(pod, "status", "containerStatuses") or []


def _ready(pod: Obj) -> str:
    sidecars = _sidecars(pod)
    helping = [
        status
        for status in _init_progress(pod).seen
        if status["name"] in sidecars
        and status.get("started")
        and status.get("ready")
        and walk(status, "state", "terminated", "exitCode") != 0
    ]
    ready = len(helping) + sum(map(_is_running, _own_statuses(pod)))
    return f"{ready}/{len(walk(pod, 'spec', 'containers') or ()) + len(sidecars)}"


def _status(pod: Obj) -> str:
    phase = walk(pod, "status", "phase") or ""
    if is_deleting(pod):
        if walk(pod, "status", "reason") == "NodeLost":
            return "Unknown"
        if phase not in ("Succeeded", "Failed"):
            return "Terminating"
    return _progress_word(pod, phase)


def _progress_word(pod: Obj, phase: str) -> str:
    own = _own_statuses(pod)
    reasons = (_reason(status) for status in own)
    word = next((reason for reason in reasons if reason), None)
    word = word or _init_progress(pod).stuck or _pod_reason(pod, phase)
    if word == "Completed" and any(map(_is_running, own)):
        return "Running" if is_true(pod, "Ready") else "NotReady"
    return word


def _pod_reason(pod: Obj, phase: str) -> str:
    scheduled = condition(pod, "PodScheduled")
    if scheduled and scheduled.get("reason") == "SchedulingGated":
        return "SchedulingGated"
    return walk(pod, "status", "reason") or phase


def _restarts(pod: Obj) -> Since | str:
    counted = _counted(pod)
    total = sum(status.get("restartCount", 0) for status in counted)
    last = _last_restart(counted)
    return Since(last, f"{total} ({{}} ago)") if total and last else str(total)


def _counted(pod: Obj) -> Objects:
    progress = _init_progress(pod)
    if progress.stuck and not is_true(pod, "Initialized"):
        return progress.seen
    sidecars = _sidecars(pod)
    return [*(status for status in progress.seen if status["name"] in sidecars), *_own_statuses(pod)]


def _last_restart(statuses: Iterable[Obj]) -> str | None:
    endings = (walk(status, "lastState", "terminated", "finishedAt") for status in statuses)
    return max((ending for ending in endings if ending), default=None)


def _address(pod: Obj) -> str:
    addresses = walk(pod, "status", "podIPs") or ()
    return addresses[0].get("ip", NONE) if addresses else NONE


def _gates(pod: Obj) -> str:
    gates = walk(pod, "spec", "readinessGates") or ()
    if not gates:
        return NONE
    return f"{sum(is_true(pod, gate['conditionType']) for gate in gates)}/{len(gates)}"


_PASSED = "The pod has completed successfully."
_FAILED = "The pod failed."


def row_conditions(pod: Obj) -> Objects:
    """What makes kubectl treat a row as done."""
    phase = walk(pod, "status", "phase")
    if phase not in ("Succeeded", "Failed"):
        return []
    message = _PASSED if phase == "Succeeded" else _FAILED
    return [{"type": "Completed", "status": "True", "reason": phase, "message": message}]


POD = (
    NAME,
    Shown("Ready", "The aggregate readiness state of this pod for accepting traffic.", _ready),
    Shown("Status", "The aggregate status of the containers in this pod.", _status),
    Shown(
        "Restarts",
        "The number of times the containers in this pod have been restarted and when the last container in this pod "
        "has restarted.",
        _restarts,
    ),
    AGE,
    wide("IP", Field("core.v1.PodStatus", "podIP"), _address),
    wide("Node", Field("core.v1.PodSpec", "nodeName"), at("spec", "nodeName", default=NONE)),
    wide(
        "Nominated Node",
        Field("core.v1.PodStatus", "nominatedNodeName"),
        at("status", "nominatedNodeName", default=NONE),
    ),
    wide("Readiness Gates", Field("core.v1.PodSpec", "readinessGates"), _gates),
)
