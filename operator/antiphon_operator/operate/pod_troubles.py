"""Why a pod does not become ready, in words, from its status alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from antiphon_operator.objects import Obj, is_going, name_of
from antiphon_operator.operate import reasons
from antiphon_operator.operate.reasons import Reason

_STILL_STARTING = {"ContainerCreating", "PodInitializing", ""}
_MANY_RESTARTS = 3


@dataclass(frozen=True)
class Trouble:
    """One pod's trouble."""

    reason: Reason
    message: str


def troubles(pods: Iterable[Obj]) -> list[Trouble]:
    """The worst first."""
    found = [trouble for pod in pods if not is_going(pod) for trouble in _of_pod(pod)]
    return sorted(found, key=lambda trouble: (trouble.reason is not reasons.POD_FAILING, trouble.message))


def _of_pod(pod: Obj) -> Iterator[Trouble]:
    status, name = pod.get("status") or {}, name_of(pod)
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield Trouble(reasons.UNSCHEDULABLE, f"pod {name}: {condition.get('message') or condition.get('reason')}")
    if status.get("phase") == "Failed":
        yield Trouble(reasons.POD_FAILING, f"pod {name} failed: {status.get('reason') or 'its container ended'}")
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        yield from _of_container(name, container)


def _of_container(pod: str, container: Obj) -> Iterator[Trouble]:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason = waiting.get("reason") or ""
    if waiting and reason not in _STILL_STARTING:
        told = waiting.get("message") or _last_end(container)
        yield Trouble(reasons.POD_FAILING, f"pod {pod}: {reason}{f': {told}' if told else ''}")
    elif not container.get("ready") and container.get("restartCount", 0) >= _MANY_RESTARTS:
        yield Trouble(
            reasons.POD_FAILING, f"pod {pod} was restarted {container['restartCount']} times: {_last_end(container)}"
        )


def _last_end(container: Obj) -> str:
    ended = (container.get("lastState") or {}).get("terminated") or {}
    if not ended:
        return ""
    told = (ended.get("message") or "").strip().splitlines()
    return f"ended with code {ended.get('exitCode')}{f', {told[-1]}' if told else ''}"


def is_ready(pod: Obj) -> bool:
    """Serves, and is not on its way out."""
    found = (pod.get("status") or {}).get("conditions") or ()
    return not is_going(pod) and any(one["type"] == "Ready" and one["status"] == "True" for one in found)
