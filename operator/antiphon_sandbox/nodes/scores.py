"""Which of the nodes that will do is best."""

from __future__ import annotations

from antiphon_sandbox.nodes.amounts import Amounts
from antiphon_sandbox.nodes.filters import term_matches, tolerated
from antiphon_sandbox.nodes.neighbours import Neighbourhood
from antiphon_sandbox.nodes.node_room import Room
from antiphon_sandbox.objects import Obj, controller_of, walk

_ORDINARY = ("cpu", "memory", "ephemeral-storage", "pods")

Score = tuple[int, int, float, int, float]


def score(pod: Obj, wanted: Amounts, room: Room, neighbourhood: Neighbourhood) -> Score:
    """More is better; what comes first counts first.

    1. the pod's own preferences for nodes and neighbours; 2. its wish to spread (ScheduleAnyway); 3. packing of extended
    resources: the node on which least of them is left, so that partitions do not lie about in ones and twos; 4. fewest
    pods of the same owner; 5. most cpu and memory left.
    """
    return (
        _preference(pod, room) + neighbourhood.liking(room),
        -neighbourhood.crowding(room),
        _packing(wanted, room),
        -_siblings(pod, room),
        _left(wanted, room),
    )


def _preference(pod: Obj, room: Room) -> int:
    preferred = walk(pod, "spec", "affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution") or ()
    wished: int = sum(term["weight"] for term in preferred if term_matches(term["preference"], room))
    shunned: int = sum(taint["effect"] == "PreferNoSchedule" and not tolerated(pod, taint) for taint in room.taints)
    return wished - 100 * shunned


def _packing(wanted: Amounts, room: Room) -> float:
    """Share of the extended resources asked for that is in use already."""
    has = room.has
    asked = [name for name, amount in wanted.items() if amount and name not in _ORDINARY and has.get(name)]
    return sum(room.used.get(name, 0) / has[name] for name in asked)


def _siblings(pod: Obj, room: Room) -> int:
    owner = controller_of(pod)
    return room.siblings[owner["uid"]] if owner else 0


def _left(wanted: Amounts, room: Room) -> float:
    has = room.has
    return sum(
        1 - (room.used.get(name, 0) + wanted.get(name, 0)) / has[name] for name in _ORDINARY[:2] if has.get(name)
    )
