"""What giving back would do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from antiphon_policies.facts import Setting
from antiphon_policies.guarding.changes import Change
from antiphon_policies.guarding.difference import with_changes
from antiphon_policies.guarding.rule import Hold
from antiphon_policies.guarding.scene import GuardScene, predicted, ratio


class Removal:
    """Predicts what is left after giving something back, under the load of now and without anything else that is planned, and
    refuses it when an objective would be broken, or when the sessions of now would not fit. Of replicas, also when an objective
    would come within `tolerance` of its target; where fewer may go, fewer go.

    A plan looks at what is expected, and at all its changes together. A removal must hold if none of that comes true. The
    margin keeps two replicas from becoming one, then two again; a variant is back within seconds.
    """

    name: ClassVar[str] = "removal"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:
        if change.direction == "up" or change.undoes:
            return None
        against = _against(change, scene, passed)
        if not against:
            return None
        if change.actuator != "replicas":
            return Hold(against)
        for count in range(int(change.after) + 1, int(change.before)):
            fewer = replace(change, after=count)
            if not _against(fewer, scene, passed):
                return Hold(against, instead=fewer)
        return Hold(against)


def _against(change: Change, scene: GuardScene, passed: Sequence[Change]) -> str:
    """Why not; empty where nothing is against it."""
    earlier = [one for one in passed if one.direction == "down"]
    before, after = with_changes(scene.current, earlier), with_changes(scene.current, [*earlier, change])
    serving = {name: min(count, scene.seen.ready(name)) for name, count in after.replicas.items()}
    if change.actuator == "replicas":
        unfit = _unfit(change, scene, serving[change.target])
        if unfit:
            return unfit
    prediction = predicted(scene.facts, after, scene.load, serving)
    if prediction is None:
        return f"what {change.target} does with {change.after} can't be predicted"
    share, limit = ratio(prediction, scene.facts), 1 - scene.rails.tolerance * (change.actuator == "replicas")
    if share <= limit or (change.actuator != "replicas" and _no_worse(scene, before, serving, share)):
        return ""
    if math.isinf(share):
        return f"with {change.after} of {change.target}, more would be asked than can be served"
    return f"with {change.after} of {change.target}, an objective would be at {share:.0%}; {limit:.0%} of its target is the most"


def _no_worse(scene: GuardScene, before: Setting, serving: dict[str, int], share: float) -> bool:
    """Whether it is no worse than what runs now, bad as that may be."""
    now = predicted(scene.facts, before, scene.load, serving)
    return now is not None and math.isfinite(share) and share <= ratio(now, scene.facts)


def _unfit(change: Change, scene: GuardScene, serving: int) -> str:
    limit = next((group.max_sessions for group in scene.facts.groups if group.name == change.target), None)
    pods = [pod for pod in scene.seen.pods if pod.group == change.target and pod.ready and not pod.going]
    told = [pod.capacity for pod in pods if pod.capacity is not None]
    each = min([*told, *([limit] if limit is not None else [])], default=None)
    if each is None or scene.load.sessions <= serving * each:
        return ""
    return f"{serving} replicas of {change.target} hold {serving * each} of {scene.load.sessions:.0f} sessions"
