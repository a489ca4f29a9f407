"""Windows in which nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from antiphon_crds.policy import Freeze
from antiphon_policies.guarding.changes import Change
from antiphon_policies.guarding.rule import Hold
from antiphon_policies.guarding.scene import GuardScene
from antiphon_policies.guarding.spans import seconds

KEEPS_CALLS_ALIVE = ("batch", "replicas")
"""Actuators that a freeze leaves to calls that suffer: they add capacity, and replace nothing that runs."""


class FreezeWindow:
    """Changes nothing within a freeze window of the policy, but for what keeps calls alive: more replicas and larger caps
    while an objective is broken or callers are turned away, as measured, and taking back what made things worse.

    A freeze is for times at which nobody wants to be surprised. Calls that break are the greater surprise.
    """

    name: ClassVar[str] = "freeze"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:  # noqa: ARG002
        if not scene.rails.freeze or change.undoes:
            return None
        if change.direction == "up" and change.actuator in KEEPS_CALLS_ALIVE and scene.suffering:
            return None
        ends = {freeze.name: frozen_until(freeze, scene.now) for freeze in scene.rails.freeze}
        open_until = [(until, name) for name, until in ends.items() if until is not None]
        if not open_until:
            return None
        until, name = max(open_until)
        return Hold(f"freeze window {name}", until)


def frozen_until(freeze: Freeze, now: float) -> float | None:
    """When the window that is open now ends. None: none is. A line that no date ever matches opens none."""
    began = _last_begin(freeze.cron, freeze.time_zone, int(now // 60))
    if began is None:
        return None
    until = began + seconds(freeze.duration)
    return until if now < until else None


def not_kept(freezes: Sequence[Freeze]) -> list[str]:
    """What can't be kept as it is written, in words."""
    strange = [
        f"freeze '{one.name}': the time zone {one.time_zone} is not known to the operator, so '{one.cron}' is kept in UTC"
        for one in freezes
        if _zone(one.time_zone) is None
    ]
    never = [f"freeze '{one.name}': '{one.cron}' never begins" for one in freezes if not _ever_begins(one.cron)]
    return [*strange, *never]


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _ever_begins(cron: str) -> bool:
    return _last_begin(cron, "UTC", int(datetime(2100, 1, 1, tzinfo=UTC).timestamp() // 60)) is not None


@lru_cache(maxsize=256)
def _last_begin(cron: str, zone: str, minute: int) -> float | None:
    """The last beginning, as Unix time, up to the minute. A zone that is not known here is read as UTC; see `not_kept`."""
    # One second on: searching backwards leaves out the moment itself.
    now = datetime.fromtimestamp(minute * 60 + 1, UTC).astimezone(_zone(zone) or UTC)
    try:
        return next(CronSim(cron, now, reverse=True)).timestamp()
    except (CronSimError, StopIteration):
        return None
