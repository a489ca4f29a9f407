"""One thing at a time, and time to see what it did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from antiphon_policies.guarding.changes import Change
from antiphon_policies.guarding.levels import stage_named
from antiphon_policies.guarding.memory import settling_key
from antiphon_policies.guarding.rule import Hold
from antiphon_policies.guarding.scene import GuardScene
from antiphon_policies.guarding.spans import seconds


class OneAtATime:
    """Changes one thing of a stage at a time, the quickest first, and then leaves it alone until the change has had
    `rollback.after` to show its effect, after its start. While a promise is broken or about to be, more capacity does
    not wait that long.

    Of two changes at once nobody can tell which one helped, and which one is to be taken back.
    """

    name: ClassVar[str] = "settling"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:
        key = settling_key(change.actuator, change.target)
        other = next((one for one in passed if settling_key(one.actuator, one.target) == key), None)
        if other is not None:
            return Hold(f"{other.actuator} of {other.target} is changed first")
        until = scene.memory.settling.get(key, 0.0)
        if scene.now >= until or change.undoes or (change.direction == "up" and scene.urgent):
            return None
        return Hold(f"the effect of the last change of {change.target} is awaited", until)


def effect_seconds(change: Change, scene: GuardScene) -> float:
    """From the decision until its effect can be judged."""
    return start_seconds(change, scene) + seconds(scene.rails.rollback.after)


def start_seconds(change: Change, scene: GuardScene) -> float:
    """From the decision until it is in force."""
    if change.actuator == "replicas" and change.direction == "up":
        return next((group.start_seconds for group in scene.facts.groups if group.name == change.target), 0.0)
    stage = stage_named(change.target, scene.facts)
    if change.actuator != "variant" or stage is None:
        return 0.0
    return next((variant.load_seconds for variant in stage.variants if variant.name == change.after), 0.0)
