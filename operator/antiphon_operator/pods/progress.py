"""How far a tuning has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from antiphon_operator.pods.known import PodKey


class Failure(NamedTuple):
    """Why a pod does not run with what is wanted."""

    reason: str
    """One word: of a TuningResult, of a ControlError, or `Failed` where it was accepted and did not work out."""
    message: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


@dataclass(frozen=True)
class Progress:
    """Of the newest tuning that is wanted of a group."""

    generation: int
    applied: int
    """Ready pods that say they run with it."""
    total: int
    """Ready pods."""
    failures: Mapping[PodKey, Failure] = field(default_factory=dict)
    """Of ready pods that do not."""
    ahead: int | None = None
    """Newest generation that a ready pod has above the wanted one: what is wanted must be raised above it."""

    @property
    def is_done(self) -> bool:
        """Also where no pod is ready: those to come start with it, from their configuration."""
        return self.applied == self.total
