"""Hollow nodes: they say that pods run, and run nothing. For scale, placement and controllers, not for what a pod does.

Annotations on a pod play what its program would do:

- `sandbox.antiphon.dev/start-delay`: seconds until it runs (0.05)
- `sandbox.antiphon.dev/ready: "false"`: it runs, and is not ready
- `sandbox.antiphon.dev/exit-after`, `.../exit-code`: it ends by itself after so many seconds, with that code (0)
- `sandbox.antiphon.dev/stop-delay`: seconds that it takes to end when told to, at most its grace (0.05)
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from typing import Any

from antiphon_sandbox.kube import Event, Kube, LogOptions
from antiphon_sandbox.objects import (
    Obj,
    annotations_of,
    condition,
    containers_of,
    controller_of,
    is_deleting,
    name_of,
    namespace_of,
    parse_time,
    timestamp,
    uid_of,
    walk,
    with_condition,
)
from antiphon_sandbox.reconciler import Reconciler

log = logging.getLogger(__name__)

_PREFIX = "sandbox.antiphon.dev/"
START_SECONDS = STOP_SECONDS = 0.05
JOB_SECONDS = 1.0
"""A pod of a Job has done its work after this."""
_NETWORK = ipaddress.ip_network("10.128.0.0/9")
_GATES = ("Initialized", "PodReadyToStartContainers", "ContainersReady", "Ready")
Key = tuple[str, str]


class HollowNodes:
    """All hollow nodes. Implements `Kubelet`."""

    def __init__(self, kube: Kube, node_names: Iterable[str]) -> None:
        self._kube = kube
        self._nodes = frozenset(node_names)
        self._due: Reconciler[Key] = Reconciler("hollow nodes", self._visit)
        self._seen: dict[str, datetime] = {}
        """When a pod was first seen here, or first seen to be told to end."""
        self._last_address = 0

    async def run(self) -> None:
        """Until cancelled."""
        unsubscribe = self._kube.subscribe(["pods"], self._notice)
        try:
            for pod in self._kube.list("pods"):
                self._mark(pod)
            await self._due.run()
        finally:
            unsubscribe()

    def _notice(self, event: Event) -> None:
        if event.type == "DELETED":
            for step in ("start", "stop"):
                self._seen.pop(uid_of(event.object) + step, None)
        else:
            self._mark(event.object)

    def _mark(self, pod: Obj) -> None:
        if pod["spec"].get("nodeName") in self._nodes:
            self._due.mark((namespace_of(pod), name_of(pod)))

    # --- a pod's life ----------------------------------------------------------------------------------------------

    def _visit(self, key: Key) -> None:
        pod = self._kube.get("pods", *key)
        if pod is None or pod["spec"].get("nodeName") not in self._nodes:
            return
        if is_deleting(pod):
            self._stop(key, pod)
            return
        match walk(pod, "status", "phase"):
            case "Running":
                self._go_on(key, pod)
            case None | "Pending":
                if not self._waits(key, pod, "start", _number(pod, "start-delay", START_SECONDS)):
                    self._start(pod)

    def _waits(self, key: Key, pod: Obj, step: str, seconds: float) -> bool:
        """Not yet; it is looked at again in time."""
        now = self._kube.now()
        since = self._seen.setdefault(uid_of(pod) + step, now)
        left = seconds - (now - since).total_seconds()
        if left > 0:
            self._due.mark_after(key, left)
        return left > 0

    def _start(self, pod: Obj) -> None:
        now = timestamp(self._kube.now())
        ready = annotations_of(pod).get(f"{_PREFIX}ready") != "false"
        address = self._address()
        self._tell(
            pod,
            {
                "phase": "Running",
                "startTime": now,
                "hostIP": "127.0.0.1",
                "hostIPs": [{"ip": "127.0.0.1"}],
                "podIP": address,
                "podIPs": [{"ip": address}],
                "containerStatuses": [_container(one, {"running": {"startedAt": now}}, ready, 0) for one in _own(pod)],
                **_init_statuses(pod, now),
            },
            ready,
        )

    def _go_on(self, key: Key, pod: Obj) -> None:
        """One that is to end by itself does so in time; by its restart policy it comes again, or not."""
        ends_after = _ends_after(pod)
        if ends_after is None:
            return
        [first, *_] = walk(pod, "status", "containerStatuses") or [{}]
        began = walk(first, "state", "running", "startedAt")
        if began is None:
            return
        left = (parse_time(began) + timedelta(seconds=ends_after) - self._kube.now()).total_seconds()
        if left > 0:
            self._due.mark_after(key, left)
        else:
            self._end(pod, int(_number(pod, "exit-code", 0)))

    def _end(self, pod: Obj, code: int) -> None:
        now = timestamp(self._kube.now())
        reason = "Error" if code else "Completed"
        over = {"terminated": {"exitCode": code, "reason": reason, "finishedAt": now, "startedAt": now}}
        policy = pod["spec"].get("restartPolicy", "Always")
        if policy == "Always" or (policy == "OnFailure" and code):
            statuses = [
                {
                    **old,
                    "state": {"running": {"startedAt": now}},
                    "lastState": over,
                    "restartCount": old["restartCount"] + 1,
                }
                for old in pod["status"]["containerStatuses"]
            ]
            self._tell(pod, {"containerStatuses": statuses}, walk(condition(pod, "Ready"), "status") == "True")
            return
        statuses = [_container(one, over, False, 0) for one in _own(pod)]
        self._tell(pod, {"phase": "Failed" if code else "Succeeded", "containerStatuses": statuses}, False)

    def _stop(self, key: Key, pod: Obj) -> None:
        grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        if not grace and pod["metadata"].get("finalizers"):
            return  # it has ended; somebody else holds the object
        if self._waits(key, pod, "stop", min(_number(pod, "stop-delay", STOP_SECONDS), grace)):
            return
        now = timestamp(self._kube.now())
        over = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": now}}
        if walk(pod, "status", "phase") == "Running":
            self._tell(pod, {"containerStatuses": [_container(one, over, False, 0) for one in _own(pod)]}, False)
        self._kube.delete("pods", *key, uid=uid_of(pod), grace_seconds=0)

    def _tell(self, pod: Obj, changes: Obj, ready: bool) -> None:
        old = pod.get("status") or {}
        conditions = old.get("conditions") or []
        for gate in _GATES:
            value = "True" if ready or gate in _GATES[:2] else "False"
            conditions = with_condition(conditions, {"type": gate, "status": value}, self._kube.now())
        self._kube.update_status("pods", {**pod, "status": {**old, **changes, "conditions": conditions}})

    def _address(self) -> str:
        self._last_address = self._last_address % (_NETWORK.num_addresses - 2) + 1
        return str(_NETWORK[self._last_address])

    # --- logs ------------------------------------------------------------------------------------------------------

    async def logs(self, pod: Obj, options: LogOptions) -> AsyncIterator[bytes]:
        node, container = pod["spec"]["nodeName"], options.container
        yield f"node {node} is hollow: container {container} of pod {name_of(pod)} is not run, and says nothing\n".encode()


def _own(pod: Obj) -> list[Obj]:
    own: list[Obj] = pod["spec"]["containers"]
    return own


def _container(container: Obj, state: Obj, ready: bool, restarts: int) -> Obj:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": f"hollow://{container.get('image', '')}",
        "containerID": f"hollow://{container['name']}",
        "ready": ready,
        "started": ready,
        "restartCount": restarts,
        "state": state,
    }


def _init_statuses(pod: Obj, now: str) -> Obj:
    over = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
    inits = [one for one in containers_of(pod["spec"]) if one not in pod["spec"]["containers"]]
    return {"initContainerStatuses": [_container(one, over, True, 0) for one in inits]} if inits else {}


def _ends_after(pod: Obj) -> float | None:
    text = annotations_of(pod).get(f"{_PREFIX}exit-after")
    if text is not None:
        return _number(pod, "exit-after", JOB_SECONDS)
    owner = controller_of(pod)
    return JOB_SECONDS if owner and owner["kind"] == "Job" else None


def _number(pod: Obj, name: str, default: float) -> float:
    text: Any = annotations_of(pod).get(_PREFIX + name)
    if text is None:
        return default
    try:
        return max(float(text), 0.0)
    except ValueError:
        log.warning("pod %s: annotation %s%s is %r; it must be a number", name_of(pod), _PREFIX, name, text)
        return default
