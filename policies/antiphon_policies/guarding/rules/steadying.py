"""Against acting on noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from antiphon_policies.guarding.changes import Change
from antiphon_policies.guarding.levels import at_level, level
from antiphon_policies.guarding.memory import BREAK_SECONDS
from antiphon_policies.guarding.rule import Hold
from antiphon_policies.guarding.scene import GuardScene, ratio
from antiphon_policies.guarding.spans import seconds
from antiphon_policies.guarding.wishes import Wishes

WATCH_SECONDS = 90.0
"""How long an agent is watched, at least, before anything is given back: long enough to find an indicator that never moves."""

SWITCHED_BACK_SECONDS = 60.0
"""Most that a better variant, or a feature, is wished for before it comes back."""


class RetryLocked:
    """Does not try again what was rolled back: for ten minutes, then twice as long each time, up to six hours. Of caps and
    replicas, nothing that goes as far in the same direction.

    What the model holds for good and reality refuted would else be tried, and taken back, for ever.
    """

    name: ClassVar[str] = "retry"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:  # noqa: ARG002
        if change.undoes:
            return None
        for lock in scene.memory.locks:
            if scene.now < lock.until and lock.holds(change):
                return Hold(f"{change.target} at {lock.after} was rolled back {lock.times} times lately", lock.until)
        return None


class Tolerance:
    """Changes nothing while the worst objective is within `tolerance` of its target, observed and predicted, and gives nothing
    back above that. More replicas for a load that is expected pass all the same.

    Within the band, what is observed can't be told from noise. Replicas take long to serve: who waits for the breach is late.
    """

    name: ClassVar[str] = "tolerance"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:  # noqa: ARG002
        share, band = scene.worst_ratio, scene.rails.tolerance
        if share is None or change.undoes or share < 1 - band:
            return None
        if change.direction == "down":
            return Hold(f"the worst objective is at {share:.0%} of its target; {1 - band:.0%} is needed to give back")
        out_of_band = share > 1 + band or ratio(scene.predicted, scene.facts) > 1 + band
        if change.actuator == "replicas" or out_of_band or scene.suffering:
            return None
        return Hold(f"the worst objective is at {share:.0%} of its target, within the tolerance of {band:.0%}")


class Stabilization:
    """Follows a wish only once it has lasted: gives back no more than the most that was wished for within `stabilization.down`,
    and takes no more than the least within `stabilization.up`. After a restart both begin anew. Variants and features, which
    are switched back within seconds, wait a minute at most.

    As in Kubernetes' HPA. A plan that wavers with the load would else start and end replicas, and switch variants, all the time.
    """

    name: ClassVar[str] = "stabilization"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:  # noqa: ARG002
        if change.undoes:
            return None
        window, since = window_seconds(scene, change), watched_since(scene)
        watched = window if change.direction == "up" else max(WATCH_SECONDS, window)
        if scene.now - since < watched:
            return Hold(f"wishes are known for less than {watched:.0f} s", since + watched)
        wishes = scene.memory.wishes.get((change.actuator, change.target), Wishes())
        goal = level(change.actuator, change.target, change.after, scene.facts)
        if change.direction == "down":
            reached = max(goal, _or(wishes.highest(scene.now - window), goal))
        else:
            reached = min(goal, _or(wishes.lowest(scene.now - window), goal))
        return None if reached == goal else _partly(change, reached, window, scene)


def watched_since(scene: GuardScene) -> float:
    memory = scene.memory
    broken = memory.ticked is not None and scene.now - memory.ticked > BREAK_SECONDS
    return scene.now if broken else memory.since


def window_seconds(scene: GuardScene, change: Change) -> float:
    stabilization = scene.rails.stabilization
    if change.direction == "up":
        return seconds(stabilization.up)
    down = seconds(stabilization.down)
    return min(SWITCHED_BACK_SECONDS, down) if change.actuator in ("variant", "features") else max(WATCH_SECONDS, down)


def _partly(change: Change, reached: int, window: float, scene: GuardScene) -> Hold:
    before = level(change.actuator, change.target, change.before, scene.facts)
    message = f"it was not wished for throughout the last {window:.0f} s"
    forward = reached < before if change.direction == "down" else reached > before
    return Hold(message, instead=replace(change, after=at_level(change, reached, scene.facts)) if forward else None)


def _or(found: int | None, otherwise: int) -> int:
    return otherwise if found is None else found
