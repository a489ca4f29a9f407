"""Two plans make one setting: what serves now says how it runs, what will be needed says how many there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from antiphon_policies.deciding.looking import Plans
from antiphon_policies.facts import AgentFacts, ModeFacts, Setting, StageFacts, StageSetting, TurnShape

RESERVE = 2
"""A cap that is changed becomes so many times what is planned: it costs nothing while batches stay small, and a burst is met at
once with larger ones."""
HYSTERESIS = 4
"""A cap is lowered where it is so many times what it would be, or more: caps that follow every wave help nobody, and use up the
actions that replicas may need."""


def combined(facts: AgentFacts, current: Setting, plans: Plans, serving: Mapping[str, int]) -> Setting:
    """Stages and mode of the plan for now; replicas of the plan ahead, and enough of them for what may come besides. What the
    facts do not have stays as it is.

    Where cost counts, replicas that are to go do not buy a better variant meanwhile: they could then never be spared.
    """
    wanted = _replicas(plans)
    replicas = {**current.replicas, **(wanted if facts.scales else {})}
    spared = all(serving.get(group, 0) > count for group, count in wanted.items())
    runs = plans.ahead if facts.prefer != "Quality" and plans.ahead.feasible and spared else plans.now
    stages = {**current.stages}
    for stage in facts.stages:
        stages[stage.stage] = _with_reserve(stage, current.stages.get(stage.stage), runs.setting.stages[stage.stage])
    return Setting(stages=stages, replicas=replicas, mode=runs.setting.mode)


def _replicas(plans: Plans) -> dict[str, int]:
    surge = plans.surge.setting.replicas
    return {group: max(count, surge.get(group, 0)) for group, count in plans.ahead.setting.replicas.items()}


def _with_reserve(stage: StageFacts, current: StageSetting | None, planned: StageSetting) -> StageSetting:
    """A cap that is too large waits until the variant is switched: of a stage one thing is changed at a time."""
    most = min(stage.most, next(one.max_batch for one in stage.variants if one.name == planned.variant))
    cap = max(1, min(most, planned.cap * RESERVE))
    if current is not None:
        highest = min(most, cap * HYSTERESIS - 1) if planned.variant == current.variant else most
        cap = current.cap if planned.cap <= current.cap <= highest else cap
    return StageSetting(planned.variant, cap)


def fitted(facts: AgentFacts, current: Setting) -> Setting:
    """The setting with what can be predicted only: a variant that is allowed no more counts as the best that is."""
    stages = {}
    for stage in facts.stages:
        chosen = current.stages.get(stage.stage)
        known = {variant.name: variant for variant in stage.variants}
        if chosen is not None and chosen.variant in known:
            stages[stage.stage] = chosen
        else:
            first = stage.variants[0]
            cap = chosen.cap if chosen is not None else min(first.max_batch, stage.most)
            stages[stage.stage] = StageSetting(first.name, cap)
    names = [mode.name for mode in facts.modes]
    return replace(current, stages=stages, mode=current.mode if current.mode in names else names[0])


def with_overhead(facts: AgentFacts, overhead_ms: float, turns_per_second: float, duty_cycle: float) -> AgentFacts:
    """As this agent was found to be."""
    modes = tuple(replace(mode, shape=_slower(mode, overhead_ms)) for mode in facts.modes)
    return replace(facts, modes=modes, turns_per_second=turns_per_second, duty_cycle=duty_cycle)


def _slower(mode: ModeFacts, overhead_ms: float) -> TurnShape:
    return replace(mode.shape, overhead_ms=mode.shape.overhead_ms + overhead_ms)


def serving_of(serving: Mapping[str, int]) -> dict[str, int]:
    """At least one: a plan for no replica says nothing."""
    return {group: max(1, count) for group, count in serving.items()}
