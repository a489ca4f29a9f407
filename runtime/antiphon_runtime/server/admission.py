"""Who is let in: a slot is reserved or refused at once, nobody queues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from antiphon_runtime.telemetry.labels import RejectionReason

RETRY_SECONDS: dict[RejectionReason, float] = {"not_ready": 5.0, "draining": 1.0, "full": 2.0}
"""A draining pod's sisters take the next try; elsewhere it needs time."""


class RefusedError(Exception):
    """The text is fit for the client."""

    def __init__(self, reason: RejectionReason, message: str) -> None:
        self.reason: RejectionReason = reason
        self.retry_after_seconds = RETRY_SECONDS[reason]
        super().__init__(f"{message}; try again in {self.retry_after_seconds:g} s")

    def as_error(self) -> dict[str, object]:
        return {
            "type": "server_error",
            "code": f"session_refused_{self.reason}",
            "message": str(self),
            "param": None,
            "retry_after_seconds": self.retry_after_seconds,
        }


@dataclass(slots=True, eq=False)
class Slot:
    """Room for one session; `free` may be called more than once."""

    _give_back: Callable[[], None] | None

    def free(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


class Admission:
    """`measured`: sessions that the pod can hold; None until that is known, and until then nobody gets in."""

    def __init__(self, on_refused: Callable[[RejectionReason], None] = lambda _: None) -> None:
        self.measured: int | None = None
        self.wanted: int | None = None
        """Bound by configuration or tuning."""
        self.is_draining = False
        self.failure = ""
        self.taken = 0
        self._on_refused = on_refused

    @property
    def capacity(self) -> int | None:
        if self.measured is None:
            return None
        return self.measured if self.wanted is None else min(self.measured, self.wanted)

    def check(self) -> None:
        """Raises RefusedError where a session would be refused now."""
        if (refusal := self._refusal()) is not None:
            self._on_refused(refusal.reason)
            raise refusal

    def reserve(self) -> Slot:
        self.check()
        self.taken += 1
        return Slot(self._free)

    def _free(self) -> None:
        self.taken -= 1

    def _refusal(self) -> RefusedError | None:
        capacity = self.capacity
        if self.is_draining:
            return RefusedError("draining", "this pod is about to end and takes no new sessions")
        if self.failure:
            return RefusedError("not_ready", "this pod could not start")
        if capacity is None:
            return RefusedError("not_ready", "this pod is still loading its models")
        if self.taken >= capacity:
            return RefusedError("full", f"all {capacity} sessions of this pod are taken")
        return None
