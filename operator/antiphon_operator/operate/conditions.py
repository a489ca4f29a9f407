"""Conditions in the form of metav1.Condition, set through one function. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from antiphon_operator.objects import Obj
from antiphon_operator.operate.reasons import Reason


@dataclass(frozen=True)
class Verdict:
    """Why a condition is as it is, in words."""

    reason: Reason
    message: str


MOST_MESSAGE = 1900
"""Characters of a message; the contract allows 2048."""


def verdict(reason: Reason, told: Iterable[str] = ()) -> Verdict:
    """With what is `told`, or with the reason's own meaning."""
    text = "; ".join(told) or reason.meaning
    return Verdict(reason, text if len(text) <= MOST_MESSAGE else text[: MOST_MESSAGE - 4] + " ...")


def conditions(
    verdicts: Iterable[Verdict], before: Sequence[Mapping[str, object]], generation: int, now: str
) -> list[Obj]:
    """`now` becomes the time of transition only where the status changes."""
    known = {condition.get("type"): condition for condition in before}
    return [_condition(verdict, known.get(verdict.reason.condition), generation, now) for verdict in verdicts]


def _condition(verdict: Verdict, before: Mapping[str, object] | None, generation: int, now: str) -> Obj:
    same = before is not None and before.get("status") == verdict.reason.status
    since = before.get("lastTransitionTime") if same and before is not None else None
    return {
        "type": verdict.reason.condition,
        "status": verdict.reason.status,
        "reason": verdict.reason.name,
        "message": verdict.message,
        "lastTransitionTime": since or now,
        "observedGeneration": generation,
    }


def condition_of(status: Mapping[str, object] | None, kind: str) -> Mapping[str, object]:
    """Empty where it was never set."""
    found = (status or {}).get("conditions")
    return next(
        (condition for condition in (found if isinstance(found, list) else ()) if condition["type"] == kind), {}
    )
