"""What the loop says of an agent: in its status, and to whoever asks the operator what it thought. Pure."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from antiphon_operator.looping.fleet import Thought
from antiphon_operator.operate.agent_status import Looped
from antiphon_policies.deciding.judging import rounded
from antiphon_policies.deciding.looking import Concluded
from antiphon_policies.facts import Setting
from antiphon_policies.guarding.changes import Held
from antiphon_policies.planning.alternatives import alternatives
from antiphon_policies.planning.asking import Alternative, Plan
from antiphon_policies.seeing.observation import Observation

_GROUND = ("price_per_hour", "start_seconds", "sessions_per_replica", "shares_device")


def looped(thought: Thought) -> Looped:
    """Figures are rounded: a status is written when it says something new."""
    concluded = thought.concluded
    return Looped(
        sla=concluded.sla,
        told=concluded.told,
        p95_ms=concluded.p95_ms,
        objectives=tuple(rounded(status) for status in concluded.statuses),
        decisions=concluded.decisions,
        control=concluded.control,
    )


def says_the_same(one: Looped, other: Looped) -> bool:
    """But for figures."""
    return _news(one) == _news(other)


def _news(said: Looped) -> tuple[object, ...]:
    return said.sla, said.decisions, said.control, [(objective.name, objective.state) for objective in said.objectives]


def view(thought: Thought) -> dict[str, Any]:
    """As JSON. What can't be served at all is null."""
    concluded, considered = thought.concluded, thought.considered
    asked = considered.ahead or considered.now
    return {
        "at": thought.look.seen.at,
        "observation": _observation(thought.look.seen),
        "plan": _plan(concluded.plans.get("ahead"), concluded),
        "alternatives": [_alternative(one) for one in alternatives(asked)] if asked is not None else [],
        "held": [_held(held) for held in concluded.held],
        "forecast": _forecast(thought),
        "services": [
            {"stage": stage.stage, "variant": variant.name, **asdict(variant.service)}
            for stage in thought.facts.stages
            for variant in stage.variants
        ],
        "grounds": {
            name: {figure: getattr(ground, figure) for figure in _GROUND} for name, ground in thought.grounds.items()
        },
        "hardware": {name: ground.hardware for name, ground in thought.grounds.items() if ground.hardware},
    }


def _observation(seen: Observation) -> dict[str, Any]:
    ages = [told.age_seconds for told in seen.measured.values() if math.isfinite(told.age_seconds)]
    groups = {pod.group for pod in seen.pods}
    return {
        "source": seen.source,
        "age_seconds": min(ages, default=None),
        "sessions": seen.sessions,
        "ready": {group: seen.ready(group) for group in sorted(groups)},
        "arrivals_per_second": seen.arrivals_per_second,
        "rejected_per_second": seen.rejected_per_second,
        "turns_per_second": seen.turns_per_second,
        "errors": list(seen.errors),
    }


def _plan(plan: Plan | None, concluded: Concluded) -> dict[str, Any] | None:
    if plan is None:
        return None
    return {
        "turn_p95_ms": _finite(plan.prediction.turn_p95_ms),
        "feasible": plan.feasible,
        "cost_per_hour": plan.cost_per_hour,
        "quality": plan.quality,
        "message": plan.message,
        "setting": _setting(concluded.setting),
    }


def _setting(setting: Setting) -> dict[str, Any]:
    return {
        "stages": {name: {"variant": stage.variant, "batch": stage.cap} for name, stage in setting.stages.items()},
        "replicas": dict(setting.replicas),
        "mode": setting.mode,
    }


def _alternative(one: Alternative) -> dict[str, Any]:
    return {
        "what": one.what,
        "turn_p95_ms": _finite(one.prediction.turn_p95_ms),
        "feasible": one.feasible,
        "cost_per_hour": one.cost_per_hour,
        "quality": one.quality,
    }


def _held(held: Held) -> dict[str, Any]:
    change = held.change
    return {
        "change": f"{change.actuator} of {change.target}: {change.before} -> {change.after}",
        "rule": held.rule,
        "message": held.message,
        "until": held.until,
    }


def _forecast(thought: Thought) -> dict[str, Any] | None:
    loads = thought.concluded.loads
    if loads is None:
        return None
    seconds = max((group.start_seconds for group in thought.facts.groups), default=0.0)
    return {"sessions": loads.ahead.sessions, "ahead_seconds": seconds}


def _finite(milliseconds: float) -> float | None:
    return milliseconds if math.isfinite(milliseconds) else None
