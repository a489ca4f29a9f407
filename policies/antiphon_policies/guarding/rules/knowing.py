"""Whether enough is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from antiphon_policies.guarding.changes import Change
from antiphon_policies.guarding.rule import Hold
from antiphon_policies.guarding.scene import GuardScene


class Sanity:
    """Gives nothing back while a metric says what can't be true: no number, a negative or infinite one, a thousand times too
    much, the same for long although turns are taken, a sample from the future. What it says counts as unknown.

    A sensor that lies about one thing is no ground for taking capacity away, and a broken unit or clock looks like great
    speed as easily as like an overload.
    """

    name: ClassVar[str] = "sanity"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:  # noqa: ARG002
        grave = next((lie.message for lie in scene.lies if lie.grave), "")
        return Hold(grave) if grave and change.direction == "down" and not change.undoes else None


class Staleness:
    """Gives nothing back unless all pods were heard lately and, while turns are taken, each objective has a fresh sample. With
    neither load nor objectives known, replicas rise by one at a time, and caps, variants and features stay.

    Unknown is not zero and not success. A silent metric once took others' production down to its fewest replicas; here
    what is missing makes steps smaller, and never turns them round.
    """

    name: ClassVar[str] = "staleness"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:  # noqa: ARG002
        if change.direction == "down" and not change.undoes:
            return Hold(scene.unknown) if scene.unknown else None
        if not scene.blind:
            return None
        message = f"neither load nor objectives are known: {scene.unknown}"
        if change.actuator != "replicas" or change.undoes:
            return Hold(message)
        one_more = int(change.before) + 1
        return Hold(message, instead=replace(change, after=one_more)) if int(change.after) > one_more else None
