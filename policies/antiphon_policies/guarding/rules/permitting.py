"""Whether anything may be done at all: the policy's mode, what it permits, and whether things work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from antiphon_policies.guarding.changes import Change
from antiphon_policies.guarding.levels import NOT_ALLOWED, level, stage_named
from antiphon_policies.guarding.rule import Hold
from antiphon_policies.guarding.scene import GuardScene


class Mode:
    """Lets nothing pass in mode Observe or Recommend, nor while the operator's kill switch is on.

    Whoever turns the loop off is obeyed within one tick, whatever else is under way: rollbacks stop too.
    """

    name: ClassVar[str] = "mode"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:  # noqa: ARG002
        if not scene.enforce:
            return Hold("the control loop is switched off")
        mode = scene.rails.mode
        return None if mode == "Enforce" else Hold(f"the policy's mode is {mode}")


class Permitted:
    """Lets only permitted actuators pass, and keeps values within what agent, policy and hardware allow.

    The planner keeps to all that too. What was planned a moment ago may be forbidden now, and a fault in the planner must not
    be carried out.
    """

    name: ClassVar[str] = "permitted"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:  # noqa: ARG002
        if change.actuator not in scene.facts.actuators:
            return Hold(f"the policy does not permit {change.actuator}")
        if change.actuator == "replicas" and not scene.facts.scales:
            return Hold("the number of replicas is set from outside (scaling mode External)")
        if isinstance(change.after, int):
            return _bounded(change, change.after, *_bounds(change, scene))
        if level(change.actuator, change.target, change.after, scene.facts) == NOT_ALLOWED:
            return Hold(f"{change.after} is not among what may be chosen for {change.target}")
        return None


def _bounded(change: Change, after: int, least: int, most: int) -> Hold | None:
    """What comes from beyond a bound may come nearer to it."""
    up = change.direction == "up"
    reached = min(after, most) if up else max(after, least)
    if reached == after:
        return None
    forward = reached > int(change.before) if up else reached < int(change.before)
    message = f"{change.target} may have {least} to {most}"
    return Hold(message, instead=replace(change, after=reached) if forward else None)


def _bounds(change: Change, scene: GuardScene) -> tuple[int, int]:
    if change.actuator == "replicas":
        group = next((group for group in scene.facts.groups if group.name == change.target), None)
        return (group.min_replicas, group.max_replicas) if group else (int(change.before), int(change.before))
    stage = stage_named(change.target, scene.facts)
    if stage is None:
        return int(change.before), int(change.before)
    running = scene.current.stages[stage.stage].variant if stage.stage in scene.current.stages else ""
    shown = next((variant.max_batch for variant in stage.variants if variant.name == running), stage.most)
    return 1, max(1, min(stage.most, shown))


class CircuitBreaker:
    """Holds everything after five errors in a row: of looking at the agent, or of changing it. After a while, twice as long
    each time, one change is tried; if it works, all is as before.

    What fails again and again is not mended by more of it, and each attempt may leave something half done.
    """

    name: ClassVar[str] = "breaker"

    def judge(self, change: Change, scene: GuardScene, passed: Sequence[Change]) -> Hold | None:  # noqa: ARG002
        for breaker, what in ((scene.memory.acting, "changing"), (scene.memory.seeing, "looking at")):
            if not breaker.tripped:
                continue
            if scene.now < breaker.until:
                return Hold(f"{what} the agent failed {breaker.errors} times in a row", breaker.until)
            if passed:
                return Hold(f"{what} the agent failed {breaker.errors} times in a row: one change is tried first")
        return None
