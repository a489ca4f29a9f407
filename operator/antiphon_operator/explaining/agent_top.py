"""One agent, its stages and its pods, for those who watch it live."""

from __future__ import annotations

from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from antiphon_operator.telling.ages import age
from antiphon_operator.telling.colours import STYLES, coloured
from antiphon_operator.telling.promises import amount
from antiphon_operator.telling.tables import Cell, plain_table
from antiphon_operator.telling.view import AgentView, ObjectiveView, PodView, StageView

_NOTHING = "-"
_LAST_DECISIONS = 5


def agent_text(view: AgentView, now: datetime, note: str = "") -> RenderableType:
    """`note`: what went wrong meanwhile."""
    head = Text.assemble(
        (f"{view.namespace}/{view.name}", "bold"), "  ", (view.phase, STYLES.get(view.phase, "")), f" {view.ready}  SLA ",
        (view.sla, STYLES.get(view.sla, "")), f"  {_of(view.sessions, view.capacity)} sessions",
        (f"  {now:%H:%M:%S}{f'; {note}' if note else ''}", "dim"),
    )  # fmt: skip
    tables = (
        plain_table(("objective", "seen", "target", "budget left", "state"), map(_objective, view.objectives)),
        plain_table(("stage", "model", "variant", "batch cap"), map(_stage_cells, view.stages)),
        plain_table(("pod", "group", "node", "state", "ready", "sessions", "tuning", "age"), _pods(view, now)),
        plain_table(("decided", "change", "reason", "outcome"), _decisions(view, now)),
    )
    parts: list[RenderableType] = [head]
    for table in tables:
        parts += ["", table]
    return Group(*parts)


def _objective(each: ObjectiveView) -> tuple[Cell, ...]:
    left = _NOTHING if each.error_budget_left is None else f"{each.error_budget_left * 100:.3g} %"
    seen, target = amount(each.observed, each.unit), amount(each.target, each.unit)
    return Text(each.name), seen, target, left, coloured(each.state)


def _stage_cells(stage: StageView) -> tuple[Cell, ...]:
    shown = (stage.stage, stage.model, stage.variant, stage.batch)
    return tuple(Text(_NOTHING if value is None else str(value)) for value in shown)


def _pods(view: AgentView, now: datetime) -> list[tuple[Cell, ...]]:
    return [_pod(pod, group.name, now) for group in view.groups for pod in group.pods]


def _pod(pod: PodView, group: str, now: datetime) -> tuple[Cell, ...]:
    tuning = _NOTHING if pod.tuning_generation is None else str(pod.tuning_generation)
    return (
        Text(pod.name),
        Text(group),
        Text(pod.node or _NOTHING),
        coloured(pod.state),
        "yes" if pod.ready else "no",
        _of(pod.sessions, pod.capacity),
        tuning,
        age(pod.created, now),
    )


def _decisions(view: AgentView, now: datetime) -> list[tuple[Cell, ...]]:
    return [
        (
            f"{age(each.time, now)} ago",
            Text(f"{each.actuator} of {each.target}: {each.before} -> {each.after}"),
            each.reason,
            coloured(each.outcome),
        )
        for each in view.decisions[:_LAST_DECISIONS]
    ]


def _of(part: int | None, whole: int | None) -> str:
    if part is None and whole is None:
        return _NOTHING
    return f"{_NOTHING if part is None else part} / {_NOTHING if whole is None else whole}"
