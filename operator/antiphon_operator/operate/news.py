"""Which change of a status is an Event. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from antiphon_operator.operate import reasons
from antiphon_operator.operate.conditions import condition_of


@dataclass(frozen=True)
class Told:
    """What is to be told about an object."""

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str


_QUIET = {
    reasons.VALID.name,
    reasons.ALL_PLACED.name,
    reasons.NOT_JUDGED.name,
    reasons.STARTING.name,
    reasons.NOTHING_RUNS.name,
    reasons.NO_POLICY.name,
    reasons.NOT_MEASURED.name,
}
"""Reasons that are no news when they come up first: they are how every agent begins."""

_NEWS_OF_STEADY = {reasons.ROLLING_OUT.name, reasons.TUNING_REFUSED.name, reasons.PODS_UNREACHABLE.name}
"""The others come and go with every change."""


def news(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Told]:
    """A condition that changed its reason, and replicas that are wanted otherwise. Of a new agent only what is wrong."""
    for kind in reasons.CONDITION_TYPES:
        old, new = condition_of(before, kind), condition_of(after, kind)
        if old.get("reason") != new.get("reason") and _worth_telling(old, new):
            severity = _severity(new)
            if before or severity == "Warning":
                yield Told(severity, str(new["reason"]), str(new["message"]))
    yield from _scaled(before, after)
    yield from _decided(before, after)


def _worth_telling(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if new["type"] == reasons.STEADY:
        return new["reason"] in _NEWS_OF_STEADY
    if new["reason"] not in _QUIET:
        return True
    return old.get("status") == "False" and new["status"] == "True"


def _severity(condition: Mapping[str, Any]) -> Any:
    reason = reasons.BY_NAME[str(condition["type"]), str(condition["reason"])]
    return "Warning" if reason.status != "Unknown" and reason.advice else "Normal"


def _scaled(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Told]:
    known = {group["name"]: group for group in before.get("groups") or ()}
    for group in after.get("groups") or ():
        old = known.get(group["name"])
        if old is not None and old.get("replicas", 0) != group["replicas"]:
            message = f"group {group['name']}: {old.get('replicas', 0)} to {group['replicas']} replicas"
            yield Told("Normal", "Scaled", message)


def _decided(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Told]:
    """Decisions of the control loop, the oldest first, and those that it took back."""
    known = {decision["id"]: decision for decision in before.get("decisions") or ()}
    for decision in reversed(after.get("decisions") or ()):
        old = known.get(decision["id"])
        outcome = decision.get("outcome", "Pending")
        if old is None:
            change = f"{decision['actuator']} of {decision['target']}: {decision['before']} to {decision['after']}"
            yield Told("Normal", str(decision["reason"]), f"{change}; {decision.get('message', '')}".rstrip("; "))
        elif outcome != old.get("outcome", "Pending") and outcome in ("RolledBack", "Failed"):
            yield Told(
                "Warning", outcome, f"{decision['actuator']} of {decision['target']}: {decision.get('observed', '')}"
            )
