"""The decision view of an agent as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from antiphon_crds.agent_status import Decision
from antiphon_operator.telling.ages import age
from antiphon_operator.telling.colours import STYLES, coloured
from antiphon_operator.telling.promises import amount
from antiphon_operator.telling.tables import Cell, plain_table
from antiphon_operator.telling.view import AgentView, ConditionView, GroupView, ObjectiveView

_INDENT = 2
_NOTHING = "-"


def describe(view: AgentView, now: datetime) -> RenderableType:
    parts: list[RenderableType] = [_head(view, now)]
    for title, body in _sections(view, now):
        parts += ["", Text(title, style="bold"), body]
    return Group(*parts)


def _sections(view: AgentView, now: datetime) -> Iterator[tuple[str, RenderableType]]:
    if view.advice:
        yield "What to do", Group(*(Text(f"  - {advice}") for advice in view.advice))
    if view.conditions:
        yield "Conditions", _conditions(view, now)
    for group in view.groups:
        yield f"Group {group.name}", _group(group, now)
    yield "Stages", _stages(view)
    if view.objectives:
        yield "Objectives", _objectives(view)
    if view.decisions:
        yield "Decisions, newest first", Group(*(_decision(decision, now) for decision in view.decisions))
    if view.events:
        yield "Events, newest last", _events(view, now)


def _head(view: AgentView, now: datetime) -> RenderableType:
    ready = f" {view.ready} replicas ready" if view.ready else ""
    lines = [
        Text.assemble((f"VoiceAgent {view.namespace}/{view.name}", "bold"), f"  {view.description}"),
        Text.assemble("  phase      ", (view.phase, STYLES.get(view.phase, "")), ready, _staleness(view)),
        Text.assemble("  SLA        ", (view.sla, STYLES.get(view.sla, "")), _promised(view)),
        Text(f"  sessions   {_of(view.sessions, view.capacity)}"),
        Text(f"  scaling    {view.scaling}"),
        Text(f"  endpoint   {view.endpoint or 'none yet'}"),
        Text(f"  age        {age(view.created, now)}"),
    ]
    if view.tuning:
        lines.append(Text(f"  tuning     {_tuning(view)}"))
    return Group(*lines)


def _staleness(view: AgentView) -> str:
    return "" if view.up_to_date or not view.conditions else "  (the status is about an earlier spec)"


def _promised(view: AgentView) -> str:
    policy = f" (SLAPolicy {view.policy})" if view.policy else " (no SLAPolicy)"
    return policy if view.p95_ms is None else f"{policy}, p95 of a turn {view.p95_ms:.0f} ms"


def _of(part: int | None, whole: int | None) -> str:
    if part is None and whole is None:
        return _NOTHING
    return f"{_shown(part)} of {_shown(whole)}"


def _shown(value: object) -> str:
    return _NOTHING if value is None else str(value)


def _tuning(view: AgentView) -> str:
    tuning = view.tuning
    assert tuning is not None  # noqa: S101 (asked by the caller)
    return f"generation {tuning.generation}, applied by {tuning.pods_applied} of {tuning.pods_total} ready pods"


def _conditions(view: AgentView, now: datetime) -> RenderableType:
    titles = ("condition", "status", "reason", "for", "message")
    return plain_table(titles, ([*_condition(each, now)] for each in view.conditions), _INDENT)


def _condition(condition: ConditionView, now: datetime) -> tuple[Cell, ...]:
    since = age(condition.since, now) if condition.since else _NOTHING
    words = condition.message or condition.meaning
    return condition.type, coloured(condition.status), condition.reason, since, Text(words)


def _group(group: GroupView, now: datetime) -> RenderableType:
    head = (
        f"  {', '.join(group.stages)} on {group.partition or 'no partition yet'};"
        f" {group.ready_replicas} of {group.replicas} replicas ready, {group.sessions} of {group.capacity} sessions"
    )
    titles = ("pod", "node", "state", "ready", "restarts", "sessions", "tuning", "age", "why")
    rows = [
        (
            Text(pod.name), Text(pod.node or _NOTHING), coloured(pod.state), "yes" if pod.ready else "no", str(pod.restarts),
            _of(pod.sessions, pod.capacity), _shown(pod.tuning_generation), age(pod.created, now), Text(pod.why),
        )
        for pod in group.pods
    ]  # fmt: skip
    return Group(head, plain_table(titles, rows, _INDENT)) if rows else Group(f"{head}; no pods")


def _stages(view: AgentView) -> RenderableType:
    rows = [
        (stage.stage, Text(stage.model), Text(stage.variant or _NOTHING), _shown(stage.batch)) for stage in view.stages
    ]
    return plain_table(("stage", "model", "variant in force", "batch cap"), rows, _INDENT)


def _objectives(view: AgentView) -> RenderableType:
    titles = ("objective", "promise", "target", "observed", "samples", "kept by", "budget left", "state")
    return plain_table(titles, (_objective(each) for each in view.objectives), _INDENT)


def _objective(objective: ObjectiveView) -> tuple[Cell, ...]:
    return (
        Text(objective.name),
        objective.promise or _NOTHING,
        amount(objective.target, objective.unit),
        amount(objective.observed, objective.unit),
        str(objective.samples),
        _share(objective.attainment),
        _share(objective.error_budget_left),
        coloured(objective.state),
    )


def _share(value: float | None) -> str:
    return _NOTHING if value is None else f"{value * 100:.4g} %"


def _decision(decision: Decision, now: datetime) -> RenderableType:
    lines = [
        Text.assemble(
            f"  {age(decision.time, now)} ago  {decision.actuator} of {decision.target}: "
            f"{decision.before or _NOTHING} -> {decision.after or _NOTHING}  ",
            coloured(decision.outcome),
        ),
        Text(f"      why: {decision.message or decision.reason} ({decision.reason})"),
    ]
    if decision.expected or decision.observed:
        lines.append(
            Text(f"      expected: {decision.expected or _NOTHING}; observed: {decision.observed or 'awaited'}")
        )
    return Group(*lines)


def _events(view: AgentView, now: datetime) -> RenderableType:
    rows = [
        (
            f"{age(event.time, now)} ago", coloured(event.type), event.reason, Text(event.object),
            Text(event.message + (f" (x{event.count})" if event.count > 1 else "")),
        )
        for event in view.events
    ]  # fmt: skip
    return plain_table(("seen", "type", "reason", "object", "message"), rows, _INDENT)
