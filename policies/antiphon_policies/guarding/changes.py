"""What a plan would change, and what the rules let through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from antiphon_crds.stages import Actuator

Direction = Literal["up", "down"]
"""`up` shortens turns or takes more sessions; `down` gives capacity back, or quality for cost. A better variant at the price
of time is `down` too: it gives back what a worse one had won."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a plan changes."""

    actuator: Actuator
    target: str
    """The stage, or the placement group; `agent` for its mode."""
    before: str | int
    after: str | int
    direction: Direction
    undoes: str = ""
    """Id of the decision that it takes back; empty in what a plan changes."""


@dataclass(frozen=True, slots=True)
class Held:
    """A change that a rule did not let through, or not wholly."""

    change: Change
    rule: str
    """The rule's name: a word for programs, as documented."""
    message: str
    until: float | None = None
    """Unix time at which it may pass, where the rule knows."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """What became of a plan's changes."""

    passed: tuple[Change, ...]
    held: tuple[Held, ...] = ()
