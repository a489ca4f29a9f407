"""What was heard from a pod, and which differences between two reports are news."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from antiphon_crds.control import SessionCounts, State
from antiphon_operator.pods.known import PodKey


@dataclass(frozen=True, slots=True)
class PodReport:
    """The last state that a pod told, as long as it is fresh, and how it answered when it was last asked."""

    state: State | None = None
    """None: unknown. It never answered, or too long ago."""
    error: str = ""
    """Why it could not be asked last time; empty where it answered."""
    heard_at: float = float("-inf")
    """When the state came, on the event loop's clock."""
    asked_at: float = float("-inf")
    """When the state was asked for: what the pod was told after that may be missing from it."""
    uid: str = ""
    """Of the pod that was asked."""


class Reports(Protocol):
    """Where reports are had from."""

    def report(self, key: PodKey) -> PodReport | None: ...

    def hasten(self, key: PodKey) -> None:
        """Something is expected of this pod: ask it soon."""


def sessions_in(counts: SessionCounts) -> int:
    """All that would be lost with the pod."""
    return counts.idle + counts.listening + counts.speaking + counts.resumable


def is_changing(report: PodReport) -> bool:
    """It starts, or applies a tuning. A tuning that failed stays pending, with a message, and is waited for no more."""
    state = report.state
    if state is None or report.error:
        return False
    return state.phase == "Starting" or (state.pending_generation is not None and not state.message)


def news(report: PodReport) -> Any:
    """Two reports of which this differs are worth a reconcile at once."""
    state = report.state
    if state is None:
        return None, bool(report.error)
    stages = tuple((stage.stage, stage.variant, stage.switching_to, stage.max_batch) for stage in state.stages)
    return state.phase, state.message, state.generation, state.pending_generation, stages, bool(report.error)


def load(report: PodReport) -> Any:
    """Two reports of which only this differs are worth one before long."""
    return (report.state.sessions, report.state.capacity) if report.state is not None else None
