"""May this pod go to that node? Each rule says why not, in upstream's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from antiphon_sandbox.nodes.amounts import Amounts
from antiphon_sandbox.nodes.node_room import Room, clash, host_ports
from antiphon_sandbox.objects import Obj, expression_matches, walk

_UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def why_not(pod: Obj, wanted: Amounts, room: Room) -> list[str]:
    """The first rule that says no, with all it has to say; empty when the node will do."""
    for reasons in _rules(pod, wanted, room):
        if found := list(reasons):
            return found
    return []


def _rules(pod: Obj, wanted: Amounts, room: Room) -> Iterator[Iterable[str]]:
    yield _unschedulable(pod, room)
    yield _tainted(pod, room)
    yield _not_selected(pod, room)
    yield _no_ports(pod, room)
    yield _too_little(wanted, room)


def _unschedulable(pod: Obj, room: Room) -> Iterator[str]:
    if room.cordoned and not tolerated(pod, _UNSCHEDULABLE):
        yield "node(s) were unschedulable"
    elif not room.ready:
        yield "node(s) were not ready"


def _tainted(pod: Obj, room: Room) -> Iterator[str]:
    if taint := untolerated(pod, room):
        yield f"node(s) had untolerated taint(s) {{{taint['key']}: {taint.get('value', '')}}}"


def untolerated(pod: Obj, room: Room) -> Mapping[str, Any] | None:
    """The first taint that keeps the pod away."""
    for taint in room.taints:
        if taint["effect"] in ("NoSchedule", "NoExecute") and not tolerated(pod, taint):
            return taint
    return None


def tolerated(pod: Obj, taint: Mapping[str, Any]) -> bool:
    return any(_tolerates(toleration, taint) for toleration in pod["spec"].get("tolerations") or ())


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("key") not in (None, "", taint["key"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def _not_selected(pod: Obj, room: Room) -> Iterator[str]:
    if not selected(pod, room):
        yield "node(s) didn't match Pod's node affinity/selector"


def selected(pod: Obj, room: Room) -> bool:
    """By the pod's node selector and required node affinity."""
    selector = pod["spec"].get("nodeSelector") or {}
    if not all(room.labels.get(key) == value for key, value in selector.items()):
        return False
    required = walk(pod, "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    return not required or any(term_matches(term, room) for term in required["nodeSelectorTerms"])


def term_matches(term: Mapping[str, Any], room: Room) -> bool:
    """A node selector term; one that asks nothing matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    by_field = {"metadata.name": room.name}
    return all(_holds(expression, room.labels) for expression in expressions) and all(
        _holds(expression, by_field) for expression in fields
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """One that cannot be read, such as `Gt` of what is no number, holds on no node."""
    try:
        return expression_matches(expression, labels)
    except (ValueError, IndexError):
        return False


def _no_ports(pod: Obj, room: Room) -> Iterator[str]:
    if (wanted := host_ports(pod)) and clash(wanted, room.taken_ports()):
        yield "node(s) didn't have free ports for the requested pod ports"


def _too_little(wanted: Amounts, room: Room) -> Iterator[str]:
    for name in room.lacking(wanted):
        yield "Too many pods" if name == "pods" else f"Insufficient {name}"
