"""The cap of a batch: as high as the objective allows, by additive increase and multiplicative decrease."""

from __future__ import annotations

from antiphon_runtime.batching.limits import Limits

BACK_OFF = 0.75
"""Share of the cap that is left after a batch that took too long."""


class AdaptiveCap:
    """Learns from the time that batches take to compute, not from the time that items wait.

    Small batches make a queue longer: a cap that fell because items wait would never rise again.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._cap = limits.max_batch

    @property
    def cap(self) -> int:
        return self._cap

    def tune(self, limits: Limits) -> None:
        """Takes a lower bound at once; towards a higher one it grows as batches allow."""
        self._limits = limits
        self._cap = min(self._cap, limits.max_batch) if limits.objective_seconds else limits.max_batch

    def learn(self, size: int, seconds: float) -> None:
        """A batch of `size` took `seconds`. One of a single item tells nothing: no cap would make it smaller."""
        objective = self._limits.objective_seconds
        if objective is None:
            return
        if seconds > objective and size > 1:
            self._cap = max(1, int(self._cap * BACK_OFF))
        elif seconds <= objective and size >= self._cap:
            self._cap = min(self._limits.max_batch, self._cap + 1)
