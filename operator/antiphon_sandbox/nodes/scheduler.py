"""The scheduler: gives every pod that waits for a node the best one, or says why there is none."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from itertools import chain

from antiphon_sandbox.kube import ApiError, Event, Kube
from antiphon_sandbox.nodes.amounts import requested
from antiphon_sandbox.nodes.filters import why_not
from antiphon_sandbox.nodes.neighbours import Neighbourhood, minds_neighbours
from antiphon_sandbox.nodes.node_room import Room, key_of
from antiphon_sandbox.nodes.scores import score
from antiphon_sandbox.nodes.waiting_pods import WaitingPods
from antiphon_sandbox.objects import Obj, condition, is_deleting, labels_of, name_of, uid_of, walk, with_condition
from antiphon_sandbox.reconciler import Reconciler

log = logging.getLogger(__name__)

NAME = "default-scheduler"
_OVER = ("Succeeded", "Failed")
_NEXT, _NEIGHBOURS, _AGAIN = "next", "neighbours", "again"
_NEIGHBOURS_SECONDS = 0.05
"""Pods come in crowds; those that wait for a neighbour look once the crowd has found its places."""
_CONFLICT_SECONDS = 0.05
_FAILURE_SECONDS = 10.0


class Scheduler:
    """Looks for places, one pod a visit, so that requests are served in between."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._rooms: dict[str, Room] = {}
        self._places: dict[str, str] = {}
        """Node by uid of the pod on it."""
        self._waiting = WaitingPods()
        self._due = Reconciler[str]("scheduler", self._visit)

    async def run(self) -> None:
        """Until cancelled."""
        unsubscribe = self._kube.subscribe(["nodes", "pods"], self._notice)
        try:
            for node in self._kube.list("nodes"):
                self._rooms[name_of(node)] = Room(node)
            for pod in self._kube.list("pods"):
                self._keep_pod(pod)
            await self._due.run()
        finally:
            unsubscribe()

    # --- what there is ---------------------------------------------------------------------------------------------

    def _notice(self, event: Event) -> None:
        if event.resource == "nodes":
            self._notice_node(event)
        elif event.type == "DELETED":
            self._forget(event.object)
        else:
            self._keep_pod(event.object)
            self._notice_change(event.object, event.old)

    def _notice_node(self, event: Event) -> None:
        if event.type == "DELETED":
            self._rooms.pop(name_of(event.object), None)
            return
        self._keep_node(event.object)
        if event.old is None or _matters(event.old, event.object):
            self._call()

    def _keep_node(self, node: Obj) -> None:
        room = self._rooms.get(name_of(node))
        if room is not None:
            room.see(node)
            return
        room = self._rooms[name_of(node)] = Room(node)
        for pod in self._kube.list("pods"):
            if pod["spec"].get("nodeName") == room.name and not _is_over(pod):
                room.add(pod)

    def _keep_pod(self, pod: Obj) -> None:
        node = pod["spec"].get("nodeName")
        if _is_over(pod):
            self._forget(pod)
        elif node:
            self._waiting.leave(key_of(pod))
            self._places[uid_of(pod)] = node
            if room := self._rooms.get(node):
                room.add(pod)
        elif is_deleting(pod) or not _is_ours(pod):
            self._waiting.leave(key_of(pod))
        elif not self._waiting.knows(key_of(pod)):
            self._join(pod)

    def _notice_change(self, pod: Obj, old: Obj | None) -> None:
        """Another spec may fit where the old one did not; a new neighbour may be one that somebody waits for."""
        was, now = (old or {}).get("spec"), pod["spec"]
        if was == now and labels_of(old or pod) == labels_of(pod):
            return
        if not now.get("nodeName"):
            if self._waiting.knows(key_of(pod)):
                self._join(pod)
        elif was is not None and was != now and was.get("nodeName"):
            self._call()
        else:
            self._due.mark_after(_NEIGHBOURS, _NEIGHBOURS_SECONDS)

    def _forget(self, pod: Obj) -> None:
        self._waiting.leave(key_of(pod))
        node = self._places.pop(uid_of(pod), None)
        if node and (room := self._rooms.get(node)):
            room.remove(uid_of(pod))
            self._call()

    def _join(self, pod: Obj) -> None:
        self._waiting.join(pod)
        self._due.mark(_NEXT)

    def _call(self) -> None:
        """There may be room now."""
        if self._waiting.call():
            self._due.mark(_NEXT)

    # --- placing ---------------------------------------------------------------------------------------------------

    def _visit(self, what: str) -> None:
        match what:
            case "neighbours":
                if self._waiting.call(minds_neighbours):
                    self._due.mark(_NEXT)
            case "again":
                self._call()
            case _:
                self._place_next()

    def _place_next(self) -> None:
        """A pod that cannot be dealt with is tried again later, and holds up nobody."""
        key = self._waiting.next()
        if key is None:
            return
        self._due.mark(_NEXT)
        pod = self._kube.get("pods", *key)
        if pod is None:
            self._waiting.leave(key)
            return
        self._waiting.set_aside(pod)
        try:
            self._place(pod)
        except ApiError as error:
            log.debug("pod %s/%s: %s", *key, error)
            self._due.mark_after(_AGAIN, _CONFLICT_SECONDS)
        except Exception:
            log.exception("pod %s/%s cannot be scheduled", *key)
            self._due.mark_after(_AGAIN, _FAILURE_SECONDS)

    def _place(self, pod: Obj) -> None:
        if pod["spec"].get("schedulingGates"):
            message = "Scheduling is blocked due to non-empty scheduling gates"
            self._say_waiting(pod, "SchedulingGated", message)
            return
        rooms, wanted = list(self._rooms.values()), requested(pod)
        refusals = {room.name: why_not(pod, wanted, room) for room in rooms}
        fits = [room for room in rooms if not refusals[room.name]]
        if fits:
            neighbourhood = Neighbourhood(pod, rooms, self._namespace_labels)
            refusals |= {room.name: neighbourhood.why_not(room) for room in fits}
            welcome = [room for room in fits if not refusals[room.name]]
            if welcome:
                self._bind(pod, max(welcome, key=lambda room: score(pod, wanted, room, neighbourhood)))
                return
        self._say_unschedulable(pod, len(rooms), Counter(chain.from_iterable(refusals.values())))

    def _bind(self, pod: Obj, room: Room) -> None:
        self._kube.bind(pod, room.name)
        namespace, name = key_of(pod)
        self._kube.record(pod, "Normal", "Scheduled", f"Successfully assigned {namespace}/{name} to {room.name}", NAME)

    def _namespace_labels(self, name: str) -> Mapping[str, str]:
        found = self._kube.get("namespaces", "", name)
        return labels_of(found) if found else {}

    # --- saying why not --------------------------------------------------------------------------------------------

    def _say_unschedulable(self, pod: Obj, nodes: int, reasons: Counter[str]) -> None:
        """`0/10 nodes are available: 3 Insufficient cpu, 7 node(s) were unschedulable.`"""
        if not nodes:
            message = "no nodes available to schedule pods"
        else:
            counted = sorted(f"{count} {reason}" for reason, count in reasons.items())
            message = f"0/{nodes} nodes are available: {', '.join(counted)}."
        if self._say_waiting(pod, "Unschedulable", message):
            self._kube.record(pod, "Warning", "FailedScheduling", message, NAME)

    def _say_waiting(self, pod: Obj, reason: str, message: str) -> bool:
        """Whether that is news."""
        told = condition(pod, "PodScheduled") or {}
        if (told.get("reason"), told.get("message")) == (reason, message):
            return False
        new = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        status = pod.get("status") or {}
        conditions = with_condition(status.get("conditions") or [], new, self._kube.now())
        self._kube.update_status("pods", {**pod, "status": {**status, "conditions": conditions}})
        return True


def _is_over(pod: Obj) -> bool:
    phase: str | None = walk(pod, "status", "phase")
    return phase in _OVER


def _is_ours(pod: Obj) -> bool:
    name: str = pod["spec"].get("schedulerName", NAME)
    return name == NAME


def _matters(old: Obj, new: Obj) -> bool:
    """A heartbeat makes no room."""
    return any(
        walk(old, *path) != walk(new, *path)
        for path in (("spec",), ("metadata", "labels"), ("status", "allocatable"), ("status", "conditions"))
    )
