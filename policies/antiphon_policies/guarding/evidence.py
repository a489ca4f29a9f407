"""Decisions as they are written down: what is done, why, and by what evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from antiphon_crds.agent_status import Decision
from antiphon_policies.guarding.changes import Change, Held
from antiphon_policies.guarding.records import decision_id
from antiphon_policies.guarding.sanity import main_objective
from antiphon_policies.guarding.scene import GuardScene, ratio
from antiphon_policies.objectives import target_of
from antiphon_policies.seeing.observation import Measured

REASONS: Mapping[str, str] = {
    "ObjectiveBroken": "An objective is broken, as measured, and this shortens turns or takes more sessions.",
    "SessionsRefused": "Callers are turned away, and this takes more sessions.",
    "LoadExpected": "The load that is expected would break an objective, and this takes it.",
    "Planned": "The plan needs it, to keep the policy's headroom for instance.",
    "QualityPossible": "A better variant, or a feature, can be had within the objectives.",
    "CapacityToSpare": "The objectives are kept with less, at less cost; of a cap, it may be that no more fits a new variant.",
    "MadeItWorse": "An earlier decision made turns longer than they would be without it; this takes it back.",
}
"""Reasons of decisions, by the word that stands in the status."""


def decision(change: Change, scene: GuardScene, why: str = "", expected: str = "") -> Decision:
    """A change that has passed. `why` and `expected` are the plan's words; the evidence is added to them."""
    scene = scene.honest()
    return _decision(change, scene, _reason(change, scene), why, expected or _expected(change, scene))


def held_decision(held: Held, scene: GuardScene, why: str = "", expected: str = "") -> Decision:
    """A change that a rule has held: so is it recorded what would have been done, as in mode Recommend. Its reason is the
    rule's name."""
    scene = scene.honest()
    told = _decision(held.change, scene, held.rule, f"{why}; held: {held.message}".removeprefix("; "), expected)
    return told.model_copy(update={"outcome": "Held"})


def _decision(change: Change, scene: GuardScene, reason: str, why: str, expected: str) -> Decision:
    message = "; ".join(part for part in (why, *_evidence(change, scene)) if part)
    return Decision(
        id=decision_id(change, scene.now),
        time=_timestamp(scene.now),
        actuator=change.actuator,
        target=change.target,
        before=str(change.before),
        after=str(change.after),
        reason=reason,
        message=message[:1024],
        expected=expected[:256],
        outcome="Kept" if change.undoes else "Pending",
    )


def _reason(change: Change, scene: GuardScene) -> str:
    if change.undoes:
        return "MadeItWorse"
    if change.direction == "down":
        return "QualityPossible" if change.actuator in ("variant", "features") else "CapacityToSpare"
    if scene.sla == "Breached":
        return "ObjectiveBroken"
    if scene.seen.rejected_per_second:
        return "SessionsRefused"
    return "LoadExpected" if ratio(scene.predicted, scene.facts) > 1 else "Planned"


def _expected(change: Change, scene: GuardScene) -> str:
    """The plan as a whole: what one change of it does by itself is not predicted."""
    effective = main_objective(scene.facts)
    if effective is None or change.undoes:
        return ""
    name = effective.objective.name
    now, then = scene.predicted.objectives.get(name), scene.predicted_planned.objectives.get(name)
    return "" if now is None or then is None else f"{name} {_ms(then)} instead of {_ms(now)}"


def _evidence(change: Change, scene: GuardScene) -> Iterator[str]:
    if change.undoes:
        yield f"takes back {change.undoes}"
    yield from _objectives(scene)
    sessions = "an unknown number of" if scene.seen.sessions is None else str(scene.seen.sessions)
    pods = [pod for pod in scene.seen.pods if pod.ready and not pod.going]
    yield f"{sessions} sessions on {len(pods)} ready pods"
    if scene.seen.rejected_per_second:
        yield f"{scene.seen.rejected_per_second:.2g} sessions refused a second"
    now, then = ratio(scene.predicted, scene.facts), ratio(scene.predicted_planned, scene.facts)
    yield f"predicted: {_share(now)}, with the plan {_share(then)}"
    yield f"seen by {scene.seen.source} {scene.now - scene.seen.at:.0f} s ago"


def _share(of_target: float) -> str:
    return f"{of_target:.0%} of the target" if math.isfinite(of_target) else "more than can be served"


def _objectives(scene: GuardScene) -> Iterator[str]:
    for effective in scene.facts.objectives:
        objective = effective.objective
        told = scene.seen.measured.get(objective.name)
        value = _observed(told, objective.percentile)
        if told is None or value is None:
            yield f"{objective.name} unknown of {target_of(objective):g}"
        else:
            yield f"{objective.name} {value} of {target_of(objective):g}"


def _observed(told: Measured | None, percentile: float | None) -> str | None:
    if told is None:
        return None
    if told.durations is None:
        return f"{told.part:g}/{told.whole:g}" if told.part is not None and told.whole is not None else None
    value = told.durations.mean if percentile is None else told.durations.quantile(percentile / 100)
    return (
        None if value is None else f"{value:.0f} ms ({told.durations.count:.0f} samples, {told.age_seconds:.0f} s old)"
    )


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.0f} ms" if math.isfinite(milliseconds) else "more than can be served"


def _timestamp(now: float) -> str:
    return datetime.fromtimestamp(round(now, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
