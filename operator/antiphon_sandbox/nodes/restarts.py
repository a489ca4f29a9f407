"""When a container that has ended runs again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """A kubelet's constants, in seconds as pods say them; `second` is how long such a one takes (tests: less)."""

    second: float = 1.0
    back_off_first: float = 10.0
    back_off_most: float = 300.0
    back_off_reset: float = 600.0
    """Whoever ran for this long begins anew with the first back-off."""
    least_grace: float = 2.0
    """What is left to a container when its preStop hook took the whole grace period."""
    shutdown_grace: float = 1.0
    """What all containers get when the agent itself ends."""


def restarts(policy: str, exit_code: int) -> bool:
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


class BackOff:
    """Seconds to wait: none the first time, then doubling from the first to the most."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._next = 0.0

    def after(self, ran_seconds: float) -> float:
        """The wait after a run of that length."""
        if ran_seconds >= self._timing.back_off_reset:
            self._next = 0.0
        wait = self._next
        self._next = min(max(wait * 2, self._timing.back_off_first), self._timing.back_off_most)
        return wait
