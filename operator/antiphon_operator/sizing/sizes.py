"""Sessions of one replica, by duty cycle, and the room that a live agent has left."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from antiphon_operator.rehearsing.subject import Now, Subject
from antiphon_operator.sizing.limits import limited_by
from antiphon_operator.sizing.replica import best_only, held_by_one
from antiphon_operator.sizing.view import HeadroomView, SizeView
from antiphon_policies.facts import AgentFacts


def sizes_of(subject: Subject, duty_cycles: Sequence[float]) -> Iterator[SizeView]:
    """With the best variants, and with any where that holds more."""
    for duty_cycle in duty_cycles:
        facts = subject.facts(duty_cycle)
        for group in facts.groups:
            best = size_of(best_only(facts), group.name, "best")
            yield best
            if any(len(stage.variants) > 1 for stage in facts.stages):
                either = size_of(facts, group.name, "any")
                if either.most_sessions != best.most_sessions:
                    yield either


def size_of(facts: AgentFacts, group: str, choice: str) -> SizeView:
    held = held_by_one(facts, group)
    stages = held.plan.setting.stages if held.plan else {}
    return SizeView(
        group=group,
        duty_cycle=facts.duty_cycle,
        choice=choice,
        variants={stage: setting.variant for stage, setting in stages.items()},
        quality=round(held.plan.quality, 6) if held.plan else 0.0,
        most_sessions=held.sessions,
        planned_sessions=with_headroom(held.sessions, facts),
        limited_by=limited_by(facts, group, held),
    )


def with_headroom(sessions: int, facts: AgentFacts) -> int:
    """The planner raises a load by the headroom before it asks whether it is held."""
    return math.floor(sessions * (1.0 - facts.guardrails.min_headroom) + 1e-9)


def headroom_of(facts: AgentFacts, now: Now) -> Iterator[HeadroomView]:
    for group in facts.groups:
        ready = now.ready.get(group.name, 0)
        room = ready * with_headroom(held_by_one(facts, group.name).sessions, facts)
        yield HeadroomView(
            group=group.name,
            ready_replicas=ready,
            sessions=now.sessions,
            planned_sessions=room,
            free=None if now.sessions is None else room - now.sessions,
        )
