"""What a prediction says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from antiphon_crds.stages import Stage


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked of an agent."""

    sessions: float
    """Live ones, of all replicas of a group together."""
    turns_per_second: float
    """Of one session."""


@dataclass(frozen=True, slots=True)
class StagePrediction:
    """One stage, in the replica that has the most sessions."""

    utilisation: float
    """Share of what it can do at most that is asked of it; 1 and more: it can't keep up."""
    mean_ms: float
    """From the call to its first result, waiting included."""
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """In milliseconds. Infinite where a stage can't keep up."""

    objectives: Mapping[str, float]
    """By the objective's name, in the objective's unit; those that can't be predicted are absent."""
    stages: Mapping[Stage, StagePrediction]
    turn_p95_ms: float
    """From the user's last sound."""

    @property
    def utilisation(self) -> float:
        """Of the busiest stage."""
        return max((stage.utilisation for stage in self.stages.values()), default=0.0)
