"""What a rule of the chain is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from antiphon_policies.guarding.changes import Change
from antiphon_policies.guarding.scene import GuardScene


@dataclass(frozen=True, slots=True)
class Hold:
    """A rule's no, or its not so much."""

    message: str
    until: float | None = None
    """Unix time at which it may pass, where the rule knows."""
    instead: Change | None = None
    """What passes of it. It lies between the change's `before` and its `after`, so that no later rule undoes an earlier one."""


class Rule(Protocol):
    """One reason to hold a change back. Its docstring says what it does, and after a blank line why."""

    name: ClassVar[str]

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:
        """None: it passes. `passed`: what this rule has let through in this tick. The scene is honest."""
        ...
