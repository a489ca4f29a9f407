"""Online estimate of a stage's alpha and beta by an extended Kalman filter, as llm-d's workload-variant-autoscaler does.

What is observed are two means: the time of a batch, and the time of a call with its waiting. The state moves slowly on its
own; an observation that fits the model too badly (by its normalised innovation) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_INNOVATION = 7.378
"""Normalised innovation squared from which an observation is left out: chi-square of 2 degrees at 97.5 %."""
OBSERVED_ERROR = 0.1
"""Standard deviation of what is observed, as a share of it."""
DRIFT = 0.02
"""Standard deviation by which the state moves from one look to the next, as a share of it."""
FIRST_ERROR = 0.5
"""Standard deviation of the first estimate, as a share of it."""
MOST_LOAD = 0.95
"""Share of its time that a stage is held to work at most, where the model is asked."""

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """One stage in the time since the last look, a mean over all replicas."""

    batch_size: float
    batch_ms: float
    call_ms: float
    """Waiting included."""
    calls_per_ms: float
    """Of one replica."""
    device_busy: float | None = None
    """Share of its time in which a device works that several stages take turns on. None: the stage has its own."""


class StageFilter:
    """Alpha and beta of one stage."""

    def __init__(self, alpha_ms: float, beta_ms: float) -> None:
        self._state: _Floats = np.array([max(alpha_ms, 1e-3), max(beta_ms, 1e-3)])
        self._spread: _Floats = np.diag((FIRST_ERROR * self._state) ** 2)

    @property
    def alpha_ms(self) -> float:
        return float(self._state[0])

    @property
    def beta_ms(self) -> float:
        return float(self._state[1])

    def update(self, seen: Seen) -> bool:
        """Whether the observation was taken. A rejected one still widens the estimate, so that a lasting change is taken."""
        self._spread = self._spread + np.diag((DRIFT * self._state) ** 2)
        observed = np.array([seen.batch_ms, seen.call_ms])
        expected, slopes = _model(self._state, seen)
        residual = observed - expected
        innovation = slopes @ self._spread @ slopes.T + np.diag((OBSERVED_ERROR * observed) ** 2)
        inverse = np.linalg.inv(innovation)
        if float(residual @ inverse @ residual) >= MOST_INNOVATION:
            return False
        gain = self._spread @ slopes.T @ inverse
        self._state = np.maximum(self._state + gain @ residual, 1e-3)
        self._spread = (np.eye(2) - gain @ slopes) @ self._spread
        return True


def call_ms(alpha_ms: float, beta_ms: float, busy: float) -> float:
    """Mean time of a call: one iteration, alpha / (1 - busy), and its own part of the work (TTFT in the published model)."""
    return alpha_ms / (1.0 - min(MOST_LOAD, busy)) + beta_ms


def _model(state: _Floats, seen: Seen) -> tuple[_Floats, _Floats]:
    """What is expected, and how it changes with alpha and with beta.

    A stage with its own device takes on in each batch what came during the one before, so that load x beta is its business.
    """
    alpha, beta = float(state[0]), float(state[1])
    own = seen.device_busy is None
    busy = seen.calls_per_ms * beta if seen.device_busy is None else seen.device_busy
    free = 1.0 - min(MOST_LOAD, busy)
    expected = np.array([alpha + beta * seen.batch_size, alpha / free + beta])
    busier = alpha * seen.calls_per_ms / free**2 if own else 0.0
    return expected, np.array([[1.0, seen.batch_size], [1.0 / free, busier + 1.0]])
