"""What an agent runs with when a simulation begins."""

from __future__ import annotations

import math

import numpy as np

from antiphon_operator.rehearsing.subject import Now
from antiphon_policies.facts import AgentFacts, Setting, StageSetting
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.predicting.turn import predict
from antiphon_policies.simulating.scene import at_best, fitting
from antiphon_policies.simulating.traces import Trace


def start_of(facts: AgentFacts, sessions: float, now: Now | None) -> Setting:
    """A live agent's own setting; else the best variants on as many replicas as the sessions need."""
    best = at_best(facts, replicas_for(facts, sessions))
    if now is None or not any(now.ready.values()):
        return best
    running = {stage: StageSetting(variant, cap) for stage, (variant, cap) in now.stages.items()}
    return fitting(facts, Setting({**best.stages, **running}, dict(now.ready), best.mode), best)


def replicas_for(facts: AgentFacts, sessions: float) -> int:
    """Fewest that hold the sessions with the best variants and the policy's headroom; the most allowed where none do."""
    load = Load(sessions / (1.0 - facts.guardrails.min_headroom), facts.turns_per_second)
    most = max((group.max_replicas for group in facts.groups), default=1)
    return next((count for count in range(1, most) if _kept(facts, count, load)), most)


def peak_of(trace: Trace, seconds: float) -> int:
    """Most sessions that would be live at once if none were refused."""
    at = np.arange(0.0, seconds, max(1.0, seconds / 2000))
    return int(trace.live(at).max(initial=0))


def _kept(facts: AgentFacts, replicas: int, load: Load) -> bool:
    rooms = [group.max_sessions * replicas for group in facts.groups if group.max_sessions is not None]
    if load.sessions > min(rooms, default=math.inf):
        return False
    predicted = predict(facts, at_best(facts, replicas), load).objectives
    targets = {each.objective.name: each.planning_target_ms for each in facts.objectives}
    return all(value <= (targets[name] or math.inf) for name, value in predicted.items())
