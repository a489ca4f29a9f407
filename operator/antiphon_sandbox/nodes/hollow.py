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
from antiphon_sandbox.nodes import hollow_status
from antiphon_sandbox.nodes.restarts import BackOff, Timing, restarts
from antiphon_sandbox.objects import (
    Obj,
    Objects,
    annotations_of,
    controller_of,
    is_deleting,
    name_of,
    namespace_of,
    parse_time,
    timestamp,
    uid_of,
    walk,
)
from antiphon_sandbox.reconciler import Reconciler

log = logging.getLogger(__name__)

_PREFIX = "sandbox.antiphon.dev/"
START_SECONDS = STOP_SECONDS = 0.05
JOB_SECONDS = 1.0
"""A pod of a Job has done its work after this."""
_NETWORK = ipaddress.ip_network("10.128.0.0/9")
Key = tuple[str, str]


class HollowNodes:
    """All hollow nodes. Implements `Kubelet`."""

    def __init__(self, kube: Kube, node_names: Iterable[str]) -> None:
        self._kube = kube
        self._nodes = frozenset(node_names)
        self._due: Reconciler[Key] = Reconciler("hollow nodes", self._visit)
        self._since: dict[str, dict[str, datetime]] = {}
        """When a pod began to wait for a step of its life, by its uid."""
        self._back_offs: dict[str, BackOff] = {}
        self._last_address = 0
        self._addresses: dict[str, str] = {}
        """In use, with the uid of the pod."""

    async def run(self) -> None:
        """Until cancelled."""
        unsubscribe = self._kube.subscribe(["pods"], self._notice)
        try:
            for pod in self._kube.list("pods"):
                if address := walk(pod, "status", "podIP"):
                    self._addresses[address] = uid_of(pod)
                self._mark(pod)
            await self._due.run()
        finally:
            unsubscribe()

    def _notice(self, event: Event) -> None:
        if event.type == "DELETED":
            self._since.pop(uid_of(event.object), None)
            self._back_offs.pop(uid_of(event.object), None)
            self._addresses.pop(walk(event.object, "status", "podIP") or "", None)
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
        since = self._since.setdefault(uid_of(pod), {}).setdefault(step, now)
        left = seconds - (now - since).total_seconds()
        if left > 0:
            self._due.mark_after(key, left)
        return left > 0

    def _start(self, pod: Obj) -> None:
        now = self._kube.now()
        address = self._address(pod)
        changes = {
            "phase": "Running",
            "startTime": timestamp(now),
            "hostIP": "127.0.0.1",
            "hostIPs": [{"ip": "127.0.0.1"}],
            "podIP": address,
            "podIPs": [{"ip": address}],
            **hollow_status.init_statuses(pod, now),
        }
        self._began(pod, now)
        self._tell(pod, changes, hollow_status.running(_own(pod), now, _is_ready(pod)))

    def _go_on(self, key: Key, pod: Obj) -> None:
        """It is as ready as its annotation says now; one that is to end by itself does so in time, and may come again."""
        statuses = _statuses(pod)
        if any(walk(one, "state", "waiting") for one in statuses):
            self._rest(key, pod, statuses)
            return
        self._tell(pod, {}, [{**one, "ready": _is_ready(pod)} for one in statuses])
        ends_after = _ends_after(pod)
        if ends_after is None:
            return
        began = self._since.get(uid_of(pod), {}).get("run") or _started(statuses) or self._kube.now()
        left = (began + timedelta(seconds=ends_after) - self._kube.now()).total_seconds()
        if left > 0:
            self._due.mark_after(key, left)
        else:
            self._end(pod, int(_number(pod, "exit-code", 0)), ends_after)

    def _end(self, pod: Obj, code: int, ran_seconds: float) -> None:
        now, statuses = self._kube.now(), _statuses(pod)
        if restarts(pod["spec"].get("restartPolicy", "Always"), code):
            back_off = self._back_offs.setdefault(uid_of(pod), BackOff(Timing()))
            wait = back_off.after(ran_seconds)
            self._since.setdefault(uid_of(pod), {})["rest"] = now + timedelta(seconds=wait)
            self._tell(pod, {}, hollow_status.resting(statuses, code, now, wait))
            return
        changes = {"phase": "Failed" if code else "Succeeded", **hollow_status.inits_ended(pod, now)}
        self._tell(pod, changes, hollow_status.ended(_own(pod), statuses, code, now))

    def _rest(self, key: Key, pod: Obj, statuses: Objects) -> None:
        """Until its back-off is over; nobody remembers one from before a restart of the sandbox."""
        now = self._kube.now()
        left = (self._since.get(uid_of(pod), {}).get("rest", now) - now).total_seconds()
        if left > 0:
            self._due.mark_after(key, left)
            return
        self._began(pod, now)
        self._tell(pod, {}, hollow_status.running(_own(pod), now, _is_ready(pod), statuses))

    def _began(self, pod: Obj, now: datetime) -> None:
        """A status says it in whole seconds only."""
        self._since.setdefault(uid_of(pod), {})["run"] = now

    def _stop(self, key: Key, pod: Obj) -> None:
        grace = float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        if not grace and pod["metadata"].get("finalizers"):
            return  # it has ended; somebody else holds the object
        if self._waits(key, pod, "stop", min(_number(pod, "stop-delay", STOP_SECONDS), grace)):
            return
        if walk(pod, "status", "phase") == "Running":
            now = self._kube.now()
            statuses = hollow_status.ended(_own(pod), _statuses(pod), 0, now)
            self._tell(pod, hollow_status.inits_ended(pod, now), statuses)
        self._kube.delete("pods", *key, uid=uid_of(pod), grace_seconds=0)

    def _tell(self, pod: Obj, changes: Obj, containers: Objects) -> None:
        """Writes nothing when all is as it was."""
        status = {**(pod.get("status") or {}), **changes, "containerStatuses": containers}
        status["conditions"] = hollow_status.conditions(pod, status["phase"], containers, self._kube.now())
        self._kube.update_status("pods", {**pod, "status": status})

    def _address(self, pod: Obj) -> str:
        """One that no pod has."""
        while True:
            self._last_address = self._last_address % (_NETWORK.num_addresses - 2) + 1
            address = str(_NETWORK[self._last_address])
            if self._addresses.setdefault(address, uid_of(pod)) == uid_of(pod):
                return address

    # --- logs ------------------------------------------------------------------------------------------------------

    async def logs(self, pod: Obj, options: LogOptions) -> AsyncIterator[bytes]:
        node, container = pod["spec"]["nodeName"], options.container
        yield f"node {node} is hollow: container {container} of pod {name_of(pod)} is not run, and says nothing\n".encode()


def _own(pod: Obj) -> list[Obj]:
    own: list[Obj] = pod["spec"]["containers"]
    return own


def _statuses(pod: Obj) -> Objects:
    """As they are; as if just made for a pod that somebody else says is running."""
    told: Objects | None = walk(pod, "status", "containerStatuses")
    if told and len(told) == len(_own(pod)):
        return told
    return hollow_status.running(_own(pod), parse_time(pod["metadata"]["creationTimestamp"]), _is_ready(pod))


def _started(statuses: Objects) -> datetime | None:
    text = walk(statuses[0], "state", "running", "startedAt")
    return parse_time(text) if text else None


def _is_ready(pod: Obj) -> bool:
    return annotations_of(pod).get(f"{_PREFIX}ready") != "false"


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
