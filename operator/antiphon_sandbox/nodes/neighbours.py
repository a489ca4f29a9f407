"""Pods that want to be near others, or far from them: affinity, anti-affinity and spreading over a topology."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from antiphon_sandbox.nodes.node_room import Room
from antiphon_sandbox.objects import Obj, labels_of, namespace_of, selector_matches, walk

Term = Mapping[str, Any]
Namespaces = Callable[[str], Mapping[str, str]]
"""Labels of a namespace, by its name."""
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


class Neighbourhood:
    """Where the pods are, as seen by one pod that looks for a place."""

    def __init__(self, pod: Obj, rooms: Sequence[Room], namespace_labels: Namespaces) -> None:
        self._pod = pod
        self._rooms = rooms
        self._namespace_labels = namespace_labels
        self._near = [(term, self._domains(term)) for term in _terms(pod, "podAffinity")]
        self._far = [(term, self._domains(term)) for term in _terms(pod, "podAntiAffinity")]
        self._unwelcome = self._domains_that_keep_away()
        self._spread = [
            (constraint, self._counts(constraint))
            for constraint in pod["spec"].get("topologySpreadConstraints") or ()
            if constraint.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule"
        ]

    def why_not(self, room: Room) -> list[str]:
        return next((found for found in map(list, self._rules(room)) if found), [])

    def _rules(self, room: Room) -> Iterator[Iterable[str]]:
        yield self._not_near(room)
        yield self._too_near(room)
        yield self._uneven(room)

    # --- affinity --------------------------------------------------------------------------------------------------

    def _not_near(self, room: Room) -> Iterator[str]:
        for term, domains in self._near:
            first_of_its_kind = not domains and self._wants(term, self._pod, self._pod)
            if not first_of_its_kind and room.labels.get(term["topologyKey"]) not in domains:
                yield "node(s) didn't match pod affinity rules"
                return
            if term["topologyKey"] not in room.labels:
                yield "node(s) didn't match pod affinity rules"
                return

    def _too_near(self, room: Room) -> Iterator[str]:
        for term, domains in self._far:
            if room.labels.get(term["topologyKey"]) in domains:
                yield "node(s) didn't match pod anti-affinity rules"
                return
        if any(room.labels.get(key) == value for key, value in self._unwelcome):
            yield "node(s) didn't satisfy existing pods anti-affinity rules"

    def _domains(self, term: Term) -> set[str]:
        """Values of the term's topology key where a pod is that it speaks of."""
        key = term["topologyKey"]
        return {
            room.labels[key]
            for room in self._rooms
            if key in room.labels and any(self._wants(term, self._pod, other) for other in room.pods.values())
        }

    def _domains_that_keep_away(self) -> set[tuple[str, str]]:
        """Where pods are that do not want this one."""
        return {
            (term["topologyKey"], room.labels[term["topologyKey"]])
            for room in self._rooms
            for other in room.pods.values()
            for term in _terms(other, "podAntiAffinity")
            if term["topologyKey"] in room.labels and self._wants(term, other, self._pod)
        }

    def _wants(self, term: Term, whose: Obj, other: Obj) -> bool:
        """The term, which stands in the pod `whose`, speaks of the other pod."""
        return self._in_namespaces(term, namespace_of(whose), namespace_of(other)) and selector_matches(
            term.get("labelSelector"), labels_of(other)
        )

    def _in_namespaces(self, term: Term, own: str, other: str) -> bool:
        names, selector = term.get("namespaces") or (), term.get("namespaceSelector")
        if not names and selector is None:
            return own == other
        return other in names or (selector is not None and selector_matches(selector, self._namespace_labels(other)))

    # --- spreading -------------------------------------------------------------------------------------------------

    def _counts(self, constraint: Term) -> Counter[str]:
        """Pods that the constraint speaks of, by domain; domains without one are there with zero."""
        key = constraint["topologyKey"]
        found: Counter[str] = Counter()
        for room in self._rooms:
            if key in room.labels:
                found[room.labels[key]] += sum(self._is_spread(constraint, pod) for pod in room.pods.values())
        return found

    def _is_spread(self, constraint: Term, other: Obj) -> bool:
        same = namespace_of(other) == namespace_of(self._pod)
        return same and selector_matches(constraint.get("labelSelector"), labels_of(other))

    def _uneven(self, room: Room) -> Iterator[str]:
        for constraint, counts in self._spread:
            domain = room.labels.get(constraint["topologyKey"])
            if domain is None:
                yield "node(s) didn't match pod topology spread constraints (missing required label)"
                return
            itself = self._is_spread(constraint, self._pod)
            if counts[domain] + itself - min(counts.values(), default=0) > constraint.get("maxSkew", 1):
                yield "node(s) didn't match pod topology spread constraints"
                return


def _terms(pod: Obj, kind: str) -> list[Term]:
    return walk(pod, "spec", "affinity", kind, _REQUIRED) or []
