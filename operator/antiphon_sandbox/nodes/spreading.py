"""Topology spread constraints: as many pods in one domain as in another, give or take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from antiphon_sandbox.nodes.filters import selected, untolerated
from antiphon_sandbox.nodes.node_room import Room
from antiphon_sandbox.objects import Obj, is_deleting, labels_of, namespace_of, selector_matches

Constraint = Mapping[str, Any]
Counts = list[tuple[Constraint, Counter[str]]]


class Spreading:
    """The constraints of one pod that looks for a place, and how many pods each counts in which domain."""

    def __init__(self, pod: Obj, rooms: Sequence[Room]) -> None:
        self._pod = pod
        self._rooms = rooms
        self._required = self._counted("DoNotSchedule")
        self._wished = self._counted("ScheduleAnyway")

    def why_not(self, room: Room) -> Iterator[str]:
        for constraint, counts in self._required:
            domain = room.labels.get(constraint["topologyKey"])
            if domain is None:
                yield "node(s) didn't match pod topology spread constraints (missing required label)"
                return
            itself = self._speaks_of(constraint, self._pod)
            if counts[domain] + itself - _least(constraint, counts) > constraint.get("maxSkew", 1):
                yield "node(s) didn't match pod topology spread constraints"
                return

    def crowding(self, room: Room) -> int:
        """Pods in the domains of this node that had better be elsewhere."""
        return sum(
            counts[room.labels[key]] if (key := constraint["topologyKey"]) in room.labels else counts.total() + 1
            for constraint, counts in self._wished
        )

    def _counted(self, when: str) -> Counts:
        constraints = [
            constraint
            for constraint in self._pod["spec"].get("topologySpreadConstraints") or ()
            if constraint.get("whenUnsatisfiable", "DoNotSchedule") == when
        ]
        keys = {constraint["topologyKey"] for constraint in constraints}
        return [(constraint, self._counts(constraint, keys)) for constraint in constraints]

    def _counts(self, constraint: Constraint, keys: set[str]) -> Counter[str]:
        """Pods that the constraint speaks of, by domain; domains without one are there with zero."""
        found: Counter[str] = Counter()
        for room in self._rooms:
            if room.labels.keys() >= keys and self._is_eligible(constraint, room):
                here = sum(self._speaks_of(constraint, pod) and not is_deleting(pod) for pod in room.pods.values())
                found[room.labels[constraint["topologyKey"]]] += here
        return found

    def _is_eligible(self, constraint: Constraint, room: Room) -> bool:
        """A node that the pod's own node selector rules out does not count, a tainted one does, unless told otherwise."""
        if constraint.get("nodeAffinityPolicy", "Honor") == "Honor" and not selected(self._pod, room):
            return False
        return constraint.get("nodeTaintsPolicy", "Ignore") == "Ignore" or untolerated(self._pod, room) is None

    def _speaks_of(self, constraint: Constraint, other: Obj) -> bool:
        same = namespace_of(other) == namespace_of(self._pod)
        return same and selector_matches(selector_of(constraint, self._pod), labels_of(other))


def _least(constraint: Constraint, counts: Counter[str]) -> int:
    """In the emptiest domain; fewer domains than `minDomains` count as one more, with nothing in it."""
    return 0 if len(counts) < constraint.get("minDomains", 1) else min(counts.values(), default=0)


def selector_of(term: Mapping[str, Any], whose: Obj) -> Mapping[str, Any] | None:
    """A term's label selector, with what `matchLabelKeys` and `mismatchLabelKeys` take from the pod it stands in."""
    labels = labels_of(whose)
    of_keys = [
        {"key": key, "operator": operator, "values": [labels[key]]}
        for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
        for key in term.get(field) or ()
        if key in labels
    ]
    selector: Mapping[str, Any] | None = term.get("labelSelector")
    if not of_keys or selector is None:
        return selector
    return {**selector, "matchExpressions": [*(selector.get("matchExpressions") or ()), *of_keys]}
