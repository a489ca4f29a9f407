"""What a pod is doing, in one word and one sentence."""

from __future__ import annotations

from antiphon_operator.objects import Obj, is_going

_SAYS_NO_MORE = {"ContainersNotReady", "ReadinessGatesNotReady"}


def state_of(pod: Obj) -> str:
    """The word that `kubectl get pods` has for it."""
    status = pod.get("status") or {}
    if is_going(pod):
        return "Terminating"
    for container in _containers(pod):
        state = container.get("state") or {}
        if reason := (state.get("waiting") or {}).get("reason"):
            return str(reason)
        if ended := state.get("terminated"):
            return str(ended.get("reason") or f"ExitCode:{ended.get('exitCode', '?')}")
    return str(status.get("reason") or status.get("phase") or "Pending")


def why(pod: Obj) -> str:
    """Why it is not ready, in the node's or the scheduler's words; empty where nothing is known or it is ready."""
    if is_ready(pod):
        return ""
    for container in _containers(pod):
        state = container.get("state") or {}
        for kind in ("waiting", "terminated"):
            if message := (state.get(kind) or {}).get("message"):
                return str(message)
        if ended := (container.get("lastState") or {}).get("terminated"):
            return f"it ended with exit code {ended.get('exitCode', '?')} ({ended.get('reason', 'unknown')})"
    return _by_conditions(pod)


def _by_conditions(pod: Obj) -> str:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        told = condition.get("reason") not in _SAYS_NO_MORE and condition.get("message")
        if condition.get("status") == "False" and told:
            return str(condition["message"])
    return ""


def is_ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def restarts_of(pod: Obj) -> int:
    return sum(int(container.get("restartCount") or 0) for container in _containers(pod))


def _containers(pod: Obj) -> list[Obj]:
    """Those whose state matters: of the init containers, only what has not ended well."""
    status = pod.get("status") or {}
    first = [each for each in status.get("initContainerStatuses") or () if not _ended_well(each)]
    return [*first, *(status.get("containerStatuses") or ())]


def _ended_well(container: Obj) -> bool:
    ended = (container.get("state") or {}).get("terminated")
    return ended is not None and ended.get("exitCode") == 0
