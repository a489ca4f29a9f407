"""How much at once, at what cost, how often."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from antiphon_crds.stages import Actuator
from antiphon_policies.guarding.changes import Change
from antiphon_policies.guarding.difference import with_changes
from antiphon_policies.guarding.levels import stage_named
from antiphon_policies.guarding.records import HOUR_SECONDS
from antiphon_policies.guarding.rule import Hold
from antiphon_policies.guarding.scene import GuardScene

_KEPT_FROM_GIVING_BACK: Mapping[Actuator, float] = {"batch": 3 / 4, "replicas": 1 / 6, "partition": 1 / 6}
"""Share of the actions. Of what is not named: a third."""


class MaxStep:
    """Changes a group's replicas by the factor `maxStep` at most, but by one at least.

    Between two steps there is a look at what the first one did. A plan from a wrong number is then wrong by so much only.
    """

    name: ClassVar[str] = "step"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:  # noqa: ARG002
        if change.actuator != "replicas" or change.undoes:
            return None
        before, after, step = int(change.before), int(change.after), scene.rails.max_step
        if change.direction == "up":
            reached = min(after, max(before + 1, math.floor(before * step + 1e-9)))
        else:
            reached = max(after, min(before - 1, math.ceil(before / step - 1e-9)))
        if reached == after:
            return None
        return Hold(f"one step is at most a factor of {step:g}", instead=replace(change, after=reached))


class Cost:
    """Adds no replica that would make the agent cost more than `maxCostPerHour`.

    A budget of money is a promise too, made to somebody else.
    """

    name: ClassVar[str] = "cost"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:
        most = scene.rails.max_cost_per_hour
        if most is None or change.actuator != "replicas" or change.direction == "down":
            return None
        prices = {group.name: group.price_per_hour for group in scene.facts.groups}
        replicas = with_changes(scene.current, passed).replicas
        others = sum(count * prices.get(name, 0.0) for name, count in replicas.items() if name != change.target)
        price = prices.get(change.target, 0.0)
        affordable = int(change.after) if price <= 0 else math.floor((most - others) / price + 1e-9)
        if affordable >= int(change.after):
            return None
        wanted = others + price * int(change.after)
        message = f"{change.after} replicas of {change.target} make {wanted:g} an hour; the policy allows {most:g}"
        part = replace(change, after=affordable) if affordable > int(change.before) else None
        return Hold(message, instead=part)


class ActionBudget:
    """Lets at most `maxActionsPerHour` changes pass in any hour, each one counted. The last tenth is kept for replicas and for
    taking back what made things worse, the last sixth also from giving replicas back. Better variants come out of the first two
    thirds; larger caps out of the first half, unless a promise is broken or about to be; smaller caps out of the first quarter.

    It is the last word against a runaway: whatever undoes the loop's actions, or whatever the loop misunderstands, so many and
    no more. What was given back may be needed again, and there must be actions left to get it; a cap that is
    too large costs next to nothing.
    """

    name: ClassVar[str] = "budget"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:
        most = scene.rails.max_actions_per_hour
        used = scene.memory.actions_in_hour(scene.now) + sum(_actions(one, scene) for one in passed)
        kept = int(most * _kept(change, scene))
        if used + _actions(change, scene) + kept <= most:
            return None
        message = f"{used} of {most} actions an hour are used"
        if used < most:
            message += f", and the last {kept} are kept for what is more urgent"
        ages = sorted(scene.memory.actions)
        return Hold(message, ages[0] + HOUR_SECONDS if ages else None)


def riders(change: Change, scene: GuardScene) -> tuple[Change, ...]:
    """What must go with it: a cap that the new variant's hardware was not shown to take goes down at once."""
    stage = stage_named(change.target, scene.facts)
    if change.actuator != "variant" or stage is None or stage.stage not in scene.current.stages:
        return ()
    cap = scene.current.stages[stage.stage].cap
    most = next((variant.max_batch for variant in stage.variants if variant.name == change.after), cap)
    return (Change("batch", change.target, cap, most, "down"),) if cap > most else ()


def _actions(change: Change, scene: GuardScene) -> int:
    return 1 + len(riders(change, scene))


def _kept(change: Change, scene: GuardScene) -> float:
    """Share of the budget that the change leaves to others."""
    if change.undoes:
        return 0.0
    if change.direction == "down":
        return _KEPT_FROM_GIVING_BACK.get(change.actuator, 1 / 3)
    if change.actuator == "batch" and not scene.urgent:
        return 1 / 2
    return 0.0 if change.actuator in ("replicas", "partition") else 1 / 10
