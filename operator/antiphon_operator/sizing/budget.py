"""Where the time of a turn goes, from the caller's mouth to the caller's ear."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon_crds.policy import Budget
from antiphon_crds.stages import Stage
from antiphon_operator.sizing.replica import best_only, held_by_one, planned, unhindered
from antiphon_operator.sizing.sizes import with_headroom
from antiphon_operator.sizing.view import BudgetView, ComponentView
from antiphon_policies.facts import AgentFacts, ModeFacts, Setting
from antiphon_policies.planning.asking import Plan
from antiphon_policies.predicting.prediction import Load, Prediction
from antiphon_policies.predicting.turn import predict


def budget_of(facts: AgentFacts, budget: Budget) -> BudgetView | None:
    """At the sessions that are planned for one replica of the first group: with the best variants, where these hold any.
    None: not even one is held, or there are no turns."""
    if not any(stage.in_turn for stage in facts.stages):
        return None
    group = facts.groups[0].name
    held = held_by_one(best_only(facts), group)
    facts, held = (best_only(facts), held) if held.sessions else (facts, held_by_one(facts, group))
    if not held.sessions:
        return None
    sessions = max(1, with_headroom(held.sessions, facts))
    found = planned(unhindered(facts), group, sessions)
    mode = next(mode for mode in facts.modes if mode.name == found.setting.mode)
    around = budget.capture_ms + budget.network_rtt_ms + budget.playback_ms
    turn = found.prediction.turn_p95_ms
    return BudgetView(
        duty_cycle=facts.duty_cycle,
        sessions=sessions,
        variants={stage: setting.variant for stage, setting in found.setting.stages.items()},
        components=list(_components(facts, found, mode, budget)),
        turn_p95_ms=_rounded(turn),
        response_p95_ms=_rounded(turn - mode.shape.decided_ms),
        mouth_to_ear_p95_ms=_rounded(turn + around),
    )


def _components(facts: AgentFacts, found: Plan, mode: ModeFacts, budget: Budget) -> Iterator[ComponentView]:
    alone, crowded = _alone(facts, found.setting), found.prediction
    waited: list[Stage] = [stage.stage for stage in facts.stages if stage.in_turn]
    yield _fixed("capture", budget.capture_ms)
    yield _fixed("network", budget.network_rtt_ms)
    yield _fixed("end of speech", mode.shape.decided_ms)
    yield from (_stage(stage, alone, crowded) for stage in waited)
    hidden = _hidden(mode, sum(alone.stages[stage].mean_ms for stage in waited))
    if hidden:
        more = _hidden(mode, sum(crowded.stages[stage].mean_ms for stage in waited)) - hidden
        yield ComponentView(component="done meanwhile", alone_ms=_rounded(-hidden), waits_ms=_rounded(-more))
    yield _fixed("overhead", mode.shape.overhead_ms)
    yield _fixed("playback", budget.playback_ms)


def _alone(facts: AgentFacts, setting: Setting) -> Prediction:
    return predict(facts, setting, Load(1.0, facts.turns_per_second), {group.name: 1 for group in facts.groups})


def _hidden(mode: ModeFacts, stages_ms: float) -> float:
    """Of the stages' time, what passes before the turn is judged to be over."""
    return min(mode.shape.decided_ms - mode.shape.begins_ms, stages_ms)


def _stage(stage: Stage, alone: Prediction, crowded: Prediction) -> ComponentView:
    before, now = alone.stages[stage], crowded.stages[stage]
    return ComponentView(
        component=stage,
        alone_ms=_rounded(before.mean_ms),
        waits_ms=_rounded(now.mean_ms - before.mean_ms),
        p95_ms=_rounded(now.p95_ms),
    )


def _fixed(component: str, milliseconds: float) -> ComponentView:
    return ComponentView(component=component, alone_ms=float(milliseconds), waits_ms=0.0)


def _rounded(milliseconds: float) -> float:
    return round(milliseconds, 1)
