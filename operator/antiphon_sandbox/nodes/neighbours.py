"""Pods that want to be near others, or far from them: affinity and anti-affinity over a topology."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from antiphon_sandbox.nodes.node_room import Room
from antiphon_sandbox.nodes.spreading import Spreading, selector_of
from antiphon_sandbox.objects import Obj, labels_of, namespace_of, selector_matches, walk

Term = Mapping[str, Any]
Namespaces = Callable[[str], Mapping[str, str]]
"""Labels of a namespace, by its name."""
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def minds_neighbours(pod: Obj) -> bool:
    """Another pod's coming may help it to a place."""
    return bool(pod["spec"].get("topologySpreadConstraints") or walk(pod, "spec", "affinity", "podAffinity"))


class Neighbourhood:
    """Where the pods are, as seen by one pod that looks for a place."""

    def __init__(self, pod: Obj, rooms: Sequence[Room], namespace_labels: Namespaces) -> None:
        self._pod = pod
        self._rooms = rooms
        self._namespace_labels = namespace_labels
        self._spreading = Spreading(pod, rooms)
        self._friends = _terms(pod, "podAffinity", _REQUIRED)
        self._near = [self._domains(term, self._friends) for term in self._friends]
        self._far = [(term, self._domains(term, [term])) for term in _terms(pod, "podAntiAffinity", _REQUIRED)]
        self._unwelcome = self._domains_that_keep_away()
        self._wishes = [
            (sign * wish["weight"], term["topologyKey"], self._domains(term, [term]))
            for kind, sign in (("podAffinity", 1), ("podAntiAffinity", -1))
            for wish in _terms(pod, kind, _PREFERRED)
            for term in (wish["podAffinityTerm"],)
        ]

    def why_not(self, room: Room) -> list[str]:
        return next((found for found in map(list, self._rules(room)) if found), [])

    def liking(self, room: Room) -> int:
        """What the pod's preferences for neighbours say of the node."""
        return sum(weight * domains[room.labels.get(key, "")] for weight, key, domains in self._wishes)

    def crowding(self, room: Room) -> int:
        return self._spreading.crowding(room)

    def _rules(self, room: Room) -> Iterator[Iterable[str]]:
        yield self._spreading.why_not(room)
        yield self._not_near(room)
        yield self._too_near(room)

    def _not_near(self, room: Room) -> Iterator[str]:
        """The first of its kind may go wherever the topology is known."""
        first = not any(self._near) and self._speak_of(self._friends, self._pod, self._pod)
        for term, domains in zip(self._friends, self._near, strict=True):
            domain = room.labels.get(term["topologyKey"])
            if domain is None or not (first or domain in domains):
                yield "node(s) didn't match pod affinity rules"
                return

    def _too_near(self, room: Room) -> Iterator[str]:
        for term, domains in self._far:
            if room.labels.get(term["topologyKey"]) in domains:
                yield "node(s) didn't match pod anti-affinity rules"
                return
        if any(room.labels.get(key) == value for key, value in self._unwelcome):
            yield "node(s) didn't satisfy existing pods anti-affinity rules"

    def _domains(self, term: Term, together: Sequence[Term]) -> Counter[str]:
        """How many pods of which all these terms speak, by value of the term's topology key."""
        key = term["topologyKey"]
        found: Counter[str] = Counter()
        for room in self._rooms:
            if key in room.labels:
                here = sum(self._speak_of(together, self._pod, other) for other in room.pods.values())
                found[room.labels[key]] += here
        return +found

    def _domains_that_keep_away(self) -> set[tuple[str, str]]:
        """Where pods are that do not want this one."""
        return {
            (term["topologyKey"], room.labels[term["topologyKey"]])
            for room in self._rooms
            for other in room.wary.values()
            for term in _terms(other, "podAntiAffinity", _REQUIRED)
            if term["topologyKey"] in room.labels and self._speak_of([term], other, self._pod)
        }

    def _speak_of(self, terms: Sequence[Term], whose: Obj, other: Obj) -> bool:
        """All the terms, which stand in the pod `whose`, mean the other pod."""
        return all(
            self._in_namespaces(term, namespace_of(whose), namespace_of(other))
            and selector_matches(selector_of(term, whose), labels_of(other))
            for term in terms
        )

    def _in_namespaces(self, term: Term, own: str, other: str) -> bool:
        names, selector = term.get("namespaces") or (), term.get("namespaceSelector")
        if not names and selector is None:
            return own == other
        return other in names or (selector is not None and selector_matches(selector, self._namespace_labels(other)))


def _terms(pod: Obj, kind: str, when: str) -> list[Term]:
    return walk(pod, "spec", "affinity", kind, when) or []
