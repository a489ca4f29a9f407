"""The scheduler: gives every pod that waits for a node the best one, or says why there is none."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping

from antiphon_sandbox.kube import ApiError, Event, Kube
from antiphon_sandbox.nodes.amounts import requested
from antiphon_sandbox.nodes.filters import why_not
from antiphon_sandbox.nodes.neighbours import Neighbourhood
from antiphon_sandbox.nodes.node_room import Room, key_of
from antiphon_sandbox.nodes.scores import score
from antiphon_sandbox.objects import Obj, condition, is_deleting, labels_of, name_of, uid_of, walk, with_condition
from antiphon_sandbox.reconciler import Reconciler

log = logging.getLogger(__name__)

NAME = "default-scheduler"
_OVER = ("Succeeded", "Failed")
_ROUND = "round"


class Scheduler:
    """Goes round when a pod waits, or when room may have come free."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._rooms: dict[str, Room] = {}
        self._places: dict[str, str] = {}
        """Node by uid of the pod on it."""
        self._waiting: dict[tuple[str, str], None] = {}
        self._due = Reconciler[str]("scheduler", self._go_round)

    async def run(self) -> None:
        """Until cancelled."""
        unsubscribe = self._kube.subscribe(["nodes", "pods"], self._notice)
        try:
            for node in self._kube.list("nodes"):
                self._keep_node(node)
            for pod in self._kube.list("pods"):
                self._keep_pod(pod)
            self._due.mark(_ROUND)
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
            if event.old is not None and event.old["spec"] != event.object["spec"] and self._waiting:
                self._due.mark(_ROUND)

    def _notice_node(self, event: Event) -> None:
        if event.type == "DELETED":
            self._rooms.pop(name_of(event.object), None)
            return
        self._keep_node(event.object)
        if event.old is None or _matters(event.old, event.object):
            self._due.mark(_ROUND)

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
            self._waiting.pop(key_of(pod), None)
            self._places[uid_of(pod)] = node
            if room := self._rooms.get(node):
                room.add(pod)
        elif _is_ours(pod) and not is_deleting(pod) and key_of(pod) not in self._waiting:
            self._waiting[key_of(pod)] = None
            self._due.mark(_ROUND)
        elif not _is_ours(pod):
            self._waiting.pop(key_of(pod), None)

    def _forget(self, pod: Obj) -> None:
        self._waiting.pop(key_of(pod), None)
        node = self._places.pop(uid_of(pod), None)
        if node and (room := self._rooms.get(node)):
            room.remove(uid_of(pod))
            if self._waiting:
                self._due.mark(_ROUND)

    # --- placing ---------------------------------------------------------------------------------------------------

    def _go_round(self, _: str) -> None:
        """All that wait: those of higher priority first, then those that wait longest."""
        pods = [pod for key in list(self._waiting) if (pod := self._kube.get("pods", *key))]
        for pod in sorted(pods, key=lambda pod: -(pod["spec"].get("priority") or 0)):
            try:
                self._place(pod)
            except ApiError as error:
                if error.code not in (404, 409):
                    raise
                self._due.mark_after(_ROUND, 0.05)

    def _place(self, pod: Obj) -> None:
        if pod["spec"].get("schedulingGates"):
            message = "Scheduling is blocked due to non-empty scheduling gates"
            self._say_waiting(pod, "SchedulingGated", message)
            return
        rooms = list(self._rooms.values())
        wanted = requested(pod)
        fits = [room for room in rooms if not why_not(pod, wanted, room)]
        neighbourhood = Neighbourhood(pod, rooms, self._namespace_labels) if fits else None
        welcome = [room for room in fits if neighbourhood and not neighbourhood.why_not(room)]
        if welcome:
            best = max(welcome, key=lambda room: score(pod, wanted, room))
            self._bind(pod, best)
        else:
            reasons = Counter(
                reason
                for room in rooms
                for reason in why_not(pod, wanted, room) or (neighbourhood.why_not(room) if neighbourhood else ())
            )
            self._say_unschedulable(pod, len(rooms), reasons)

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
