"""The promises that hold for one agent: the policy's, tightened by the agent's own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from antiphon_crds.policy import Budget, Objective, SLAPolicy
from antiphon_crds.stages import Stage


@dataclass(frozen=True)
class EffectiveObjective:
    """A promise in force. `planning_target_ms` is what is left for the pods after the budget of a mouthToEar target."""

    objective: Objective
    from_agent: bool
    planning_target_ms: int | None


def effective_objectives(
    policy: SLAPolicy | None, own: list[Objective], stages: Collection[Stage]
) -> list[EffectiveObjective]:
    """The policy's objectives, each replaced by the agent's of the same name, and then the agent's others.

    Those of the policy that are about a stage not among `stages`, the agent's, do not hold for it.
    """
    budget = policy.spec.budget if policy else Budget()
    tightened = {objective.name: objective for objective in own}
    offered = policy.spec.objectives if policy else []
    inherited = [objective for objective in offered if objective.stage is None or objective.stage in stages]
    merged = {objective.name: tightened.get(objective.name, objective) for objective in inherited} | tightened
    return [
        EffectiveObjective(objective, objective.name in tightened, planning_target_ms(objective, budget))
        for objective in merged.values()
    ]


def planning_target_ms(objective: Objective, budget: Budget) -> int | None:
    if objective.target_ms is None or objective.indicator != "mouthToEar":
        return objective.target_ms
    return objective.target_ms - budget.capture_ms - budget.network_rtt_ms - budget.playback_ms


def same_promise(one: Objective, other: Objective) -> bool:
    """Whether both are about the same thing, so that their targets can be compared."""
    return (one.indicator, one.stage, one.percentile, one.mean) == (
        other.indicator,
        other.stage,
        other.percentile,
        other.mean,
    )


def target_of(objective: Objective) -> float:
    """The one target that the objective has, whatever its unit."""
    if objective.target_ms is not None:
        return float(objective.target_ms)
    return next(float(target) for target in (objective.max_ratio, objective.min_per_second) if target is not None)


def loosens(own: Objective, policys: Objective) -> bool:
    """Whether the agent's objective promises less than the policy's of the same promise."""
    if own.min_per_second is not None:
        return target_of(own) < target_of(policys)
    return target_of(own) > target_of(policys)
