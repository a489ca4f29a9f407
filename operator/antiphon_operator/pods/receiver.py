"""A pod that tunings are delivered to, and how it took them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from antiphon_crds.control import TuningResult
from antiphon_operator.pods.known import PodAddress
from antiphon_operator.pods.next_step import PodTuning
from antiphon_operator.pods.progress import Failure


@dataclass(slots=True)
class Receiver:
    """One uid of a pod."""

    pod: PodAddress
    known: PodTuning = field(default_factory=PodTuning)
    failure: Failure | None = None
    """Of the wanted generation, or of the last try to deliver one."""
    refused: int | None = None
    """Generation that it can't take: it is not told that again."""
    tries: int = 0
    """In a row that did not arrive."""
    retry_at: float = float("-inf")
    timer: asyncio.TimerHandle | None = None
    sending: asyncio.Task[None] | None = None
    ahead_told: int = 0
    """How often it was ahead since it was level."""
    ahead_of: tuple[int, int] = (-1, -1)
    """Its generation and the wanted one, as they were told last."""
    told: tuple[int, bool, Failure | None] | None = None
    """Of its progress: generation wanted, whether it is applied, and the failure."""

    def has_arrived(self) -> None:
        self.tries, self.retry_at = 0, float("-inf")

    def expect_another(self) -> None:
        """Another generation is wanted: what failed of the old one is no matter, unless it could not be delivered."""
        if self.tries == 0:
            self.failure = None

    def let_go(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.sending is not None:
            self.sending.cancel()


def is_sound(result: TuningResult, generation: int) -> bool:
    """Whether the parts of an answer to this generation agree."""
    if result.reason in ("Applied", "Applying"):
        return result.accepted and result.generation == generation
    if result.reason == "StaleGeneration":
        return not result.accepted and result.generation > generation
    return not result.accepted
