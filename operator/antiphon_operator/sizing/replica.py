"""How many sessions one replica of a group holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from antiphon_crds.policy import Objective
from antiphon_policies.facts import AgentFacts, Setting, StageSetting
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.planning.asking import Ask, Plan
from antiphon_policies.planning.planner import plan_one
from antiphon_policies.predicting.prediction import Load

MOST = 4096
"""Sessions beyond which nobody asks."""
_FIRST_GUESS = 16
_PLENTY = 1_000_000
"""Replicas of the other groups: as if they were never in the way."""


@dataclass(frozen=True)
class Held:
    """What one replica holds."""

    sessions: int
    """0: not even one."""
    plan: Plan | None
    """With so many sessions. None: not even one is held."""
    beyond: Plan | None
    """With one session more. None: no limit was found."""


def held_by_one(facts: AgentFacts, group: str) -> Held:
    """The most sessions with which all objectives are predicted to be kept, without the policy's headroom."""
    facts = unhindered(facts)
    low, high, best = 0, _FIRST_GUESS, None
    while (beyond := planned(facts, group, high)).feasible:
        low, high, best = high, high * 4, beyond
        if high > MOST:
            return Held(low, best, None)
    while high - low > 1:
        middle = (low + high) // 2
        found = planned(facts, group, middle)
        if found.feasible:
            low, best = middle, found
        else:
            high, beyond = middle, found
    return Held(low, best, beyond)


def planned(facts: AgentFacts, group: str, sessions: float) -> Plan:
    """The best that one replica of the group can do, the other groups' being plenty."""
    serving = {each.name: 1 if each.name == group else _PLENTY for each in facts.groups}
    return plan_one(Ask(facts, Load(sessions, facts.turns_per_second), starting_setting(facts), serving))


def starting_setting(facts: AgentFacts) -> Setting:
    """The best variants, one at a time, and the fewest replicas."""
    return Setting(
        {stage.stage: StageSetting(stage.variants[0].name, 1) for stage in facts.stages},
        {group.name: max(1, group.min_replicas) for group in facts.groups},
        facts.modes[0].name,
    )


def unhindered(facts: AgentFacts) -> AgentFacts:
    """With everything permitted that the spec allows, and without headroom or a limit of cost: what could be, not what may
    be done now."""
    guardrails = facts.guardrails.model_copy(update={"min_headroom": 0.0, "max_cost_per_hour": None})
    return replace(facts, guardrails=guardrails, actuators=frozenset(("batch", "features", "variant", "replicas")))


def best_only(facts: AgentFacts) -> AgentFacts:
    return replace(facts, stages=tuple(replace(stage, variants=stage.variants[:1]) for stage in facts.stages))


def promising(facts: AgentFacts, objectives: Sequence[Objective]) -> AgentFacts:
    """With other promises; of a mouthToEar target the part for the pods is what the caller has left of it."""
    held = tuple(EffectiveObjective(objective, True, objective.target_ms) for objective in objectives)
    return replace(facts, objectives=held)
