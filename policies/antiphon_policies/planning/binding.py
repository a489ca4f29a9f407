"""What stands in the way of the promises, in words with figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from antiphon_crds.stages import Actuator
from antiphon_policies.planning.answering import possible
from antiphon_policies.planning.asking import Ask, Binding
from antiphon_policies.planning.choices import NO_LIMITS, Choices, choices_of
from antiphon_policies.planning.judging import admissions, target_of
from antiphon_policies.predicting.prediction import Prediction

MANY = 4096
"""Replicas of a group where their number is no limit."""

_COULD: dict[Binding, str] = {
    "stock": "more partitions than the cluster has left for it would do",
    "cost": "more than the {cost:g} an hour that it may cost would do",
    "actuators": "only {actuators} may be changed; if all could be, it could be kept",
    "replicas": "more replicas than {replicas} would do",
    "objective": "nothing that may be chosen keeps it, however many replicas there are",
}


def bindings(broken: Sequence[Choices]) -> list[Binding]:
    """Of plans that do not keep the promises: the first limit without which, and without those before it, one would."""
    found: list[Binding] = ["objective"] * len(broken)
    left = list(range(len(broken)))
    asks = [each.ask for each in broken]
    steps: tuple[Binding, ...] = ("stock", "cost", "actuators", "replicas")
    for step in steps:
        loosened = {place: _loosened(asks[place], step) for place in left}
        changed = [
            place for place in left if loosened[place] != asks[place] or (step == "stock" and broken[place].limits)
        ]
        for place in changed:
            asks[place] = loosened[place]
        loose = [choices_of(asks[place], NO_LIMITS) for place in changed]
        healed = {place for place, heals in zip(changed, possible(loose), strict=True) if heals}
        for place in healed:
            found[place] = step
        left = [place for place in left if place not in healed]
    return found


def _loosened(ask: Ask, step: Binding) -> Ask:
    facts = ask.facts
    if step == "cost":
        facts = replace(facts, guardrails=facts.guardrails.model_copy(update={"max_cost_per_hour": None}))
    elif step == "actuators":
        facts = replace(facts, actuators=frozenset(get_args(Actuator)))
    elif step == "replicas":
        groups = tuple(replace(group, max_replicas=max(MANY, group.max_replicas)) for group in facts.groups)
        return replace(ask, facts=replace(facts, groups=groups, scales=True), serving=None)
    return replace(ask, facts=facts)


def message_of(choices: Choices, binding: Binding, planned: Prediction, replicas: Sequence[int]) -> str:
    """`planned`: the prediction at the load that is planned for."""
    ask = choices.ask
    headroom = ask.facts.guardrails.min_headroom
    load = f"{choices.load.sessions:.0f} sessions"
    if headroom > 0:
        load += f" ({ask.load.sessions:.0f} and {headroom:.0%} kept free)"
    serving = " and ".join(f"{count} {group.facts.name}" for group, count in zip(choices.groups, replicas, strict=True))
    could = _COULD[binding].format(
        cost=ask.facts.guardrails.max_cost_per_hour or 0.0,
        actuators=", ".join(sorted(ask.facts.actuators)) or "nothing",
        replicas=serving,
    )
    return f"{_worst(choices, planned, replicas)} at {load}; {could}"


def _worst(choices: Choices, planned: Prediction, replicas: Sequence[int]) -> str:
    full = [(stage.utilisation, name) for name, stage in planned.stages.items() if stage.utilisation >= 1]
    if full:
        utilisation, busiest = max(full)
        if math.isinf(utilisation):
            return f"nobody serves {busiest}"
        return f"{busiest} is asked for {utilisation:.3g} times what it can do"
    found = [
        (ratio, f"{ratio:.3g} times the sessions that {group} takes come")
        for group, ratio in admissions(choices, choices.serving(replicas))
    ]
    for effective in choices.ask.facts.objectives:
        name, target = effective.objective.name, target_of(effective, choices.ask.slack)
        value = planned.objectives.get(name)
        if value is not None and target is not None:
            found.append((value / target, f"{name} would be {value:.0f} ms of {target:.0f} ms"))
    return max(found)[1]
