"""How long a user pauses within a turn: the end of the next turn follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from antiphon_runtime.turns.completeness import Completeness

_WEIGHT = 0.25
"""Of the latest pause among all."""
_ENOUGH = 3
"""Pauses after which the user counts as known."""
_SPREADS = 1.5
"""How far above the usual pause one still belongs to the turn, in mean deviations."""


@dataclass(slots=True)
class Habit:
    """The user's pauses at one kind of place; recent ones weigh more."""

    pauses: int = 0
    usual_ms: float = 0.0
    spread_ms: float = 0.0

    def learn(self, pause_ms: float) -> None:
        self.pauses += 1
        weight = max(_WEIGHT, 1 / self.pauses)
        self.spread_ms += weight * (abs(pause_ms - self.usual_ms) - self.spread_ms) if self.pauses > 1 else 0.0
        self.usual_ms += weight * (pause_ms - self.usual_ms)

    @property
    def longest_ms(self) -> float | None:
        """Pause that the user may well make. None: not known yet."""
        if self.pauses < _ENOUGH:
            return None
        return self.usual_ms + _SPREADS * self.spread_ms


class PauseHabits:
    """Pauses after which the user went on, apart by what had been said: one thinks in mid-sentence, another between."""

    def __init__(self) -> None:
        self._habits = {completeness: Habit() for completeness in Completeness}

    def learn(self, after: Completeness, pause_ms: float) -> None:
        """The user went on after such a pause, whether or not the turn had been taken to be over."""
        if math.isfinite(pause_ms) and pause_ms > 0:
            self._habits[after].learn(pause_ms)

    def patience_ms(self, after: Completeness, usual_ms: float, least_ms: float, most_ms: float) -> float:
        """Silence to wait for: what the user's habit asks for, else the usual; within the bounds."""
        longest_ms = self._habits[after].longest_ms
        return min(max(usual_ms if longest_ms is None else longest_ms, least_ms), most_ms)
