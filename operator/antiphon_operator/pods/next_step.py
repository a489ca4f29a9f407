"""What is to be done about one pod and the tuning that is wanted of it: pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from antiphon_operator.pods.known import PodAddress
from antiphon_operator.pods.reports import PodReport

LARGEST_GENERATION = 2**53
"""Of a tuning. A pod that claims to have it can't be overtaken, and is wrong."""


class Step(Enum):
    """Of one pod."""

    NOTHING = auto()
    """It is not the time: the pod is not ready, is unknown, or drains."""
    SEND = auto()
    """It runs with an older tuning."""
    WAIT = auto()
    """It applies the wanted one."""
    DONE = auto()
    """It runs with the wanted one."""
    FAILED = auto()
    """It tried the wanted one and could not."""
    AHEAD = auto()
    """It has, or wants, a newer one."""


@dataclass(slots=True)
class PodTuning:
    """What is known of a pod's tuning from its reports and from its answers, whichever is newer."""

    generation: int | None = None
    """Wholly applied. None: not known yet."""
    pending: int | None = None
    message: str = ""
    """What of the pending one failed."""
    phase: str = ""
    answered_at: float = float("-inf")
    """When it answered to a tuning: a state that was asked for before that may not show it."""

    @property
    def newest(self) -> int | None:
        return self.generation if self.pending is None else self.pending

    def hear(self, report: PodReport) -> None:
        state = report.state
        if state is None:
            self.phase, self.generation, self.pending, self.message = "", None, None, ""
        elif report.asked_at >= self.answered_at:
            self.generation, self.pending = state.generation, state.pending_generation
            self.phase, self.message = state.phase, state.message

    def accept(self, generation: int, *, is_applied: bool, at: float) -> None:
        """It has said so in answer to a tuning."""
        self.answered_at, self.message = at, ""
        if is_applied:
            self.generation, self.pending = generation, None
        else:
            self.pending = generation


def next_step(pod: PodAddress, known: PodTuning, wanted: int) -> Step:
    """Of one that is Ready in Kubernetes' eyes and in its own."""
    newest = known.newest
    if not pod.is_serving or known.phase != "Ready" or newest is None:
        return Step.NOTHING
    if newest > wanted:
        return Step.AHEAD
    if newest < wanted:
        return Step.SEND
    if known.pending is None:
        return Step.DONE
    return Step.FAILED if known.message else Step.WAIT
