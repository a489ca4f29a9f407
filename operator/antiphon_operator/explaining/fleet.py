"""The fleet from the statuses of its agents, as rows and as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.text import Text

from antiphon_crds.agent import VoiceAgent
from antiphon_crds.agent_status import VoiceAgentStatus
from antiphon_crds.policy import SLAPolicy
from antiphon_operator.explaining.fleet_view import TopRow, TopView
from antiphon_operator.telling.ages import age
from antiphon_operator.telling.colours import coloured
from antiphon_operator.telling.tables import Cell, plain_table
from antiphon_policies.objectives import EffectiveObjective, effective_objectives
from antiphon_policies.resolution import stages_of

_OF_TURNS = ("turn", "response", "mouthToEar", "result")
_NOTHING = "-"
_TITLES = (
    "agent", "phase", "SLA", "seen / target", "budget left", "sessions", "ready", "variants", "batch caps", "last decision",
)  # fmt: skip


def fleet_of(agents: Iterable[VoiceAgent], policies: Mapping[str, SLAPolicy], now: datetime) -> TopView:
    rows = [row_of(agent, policies.get(agent.spec.sla_policy or "")) for agent in agents]
    return TopView(at=now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), agents=rows)


def row_of(agent: VoiceAgent, policy: SLAPolicy | None) -> TopRow:
    status = agent.status or VoiceAgentStatus()
    main = _main_objective(agent, policy)
    name = main.objective.name if main else ""
    observed = next((each.observed for each in status.objectives if each.name == name), None)
    budgets = [each.error_budget_left for each in status.objectives if each.error_budget_left is not None]
    return TopRow(
        namespace=agent.metadata.namespace or "",
        name=agent.metadata.name,
        phase=status.phase or "Unknown",
        sla=status.sla or "Unknown",
        objective=name,
        observed_ms=observed,
        target_ms=float(main.objective.target_ms) if main and main.objective.target_ms is not None else None,
        error_budget_left=min(budgets, default=None),
        sessions=status.sessions,
        capacity=status.capacity,
        ready=status.ready or "",
        groups=status.groups,
        stages=status.stages,
        last_decision=status.decisions[0] if status.decisions else None,
    )


def _main_objective(agent: VoiceAgent, policy: SLAPolicy | None) -> EffectiveObjective | None:
    """The first about turns with a percentile, else the first about turns."""
    stages = [stage for stage, _ in stages_of(agent)]
    promised = effective_objectives(policy, agent.spec.objectives, stages)
    about = [each for each in promised if each.objective.indicator in _OF_TURNS]
    return next((each for each in about if each.objective.percentile is not None), about[0] if about else None)


def fleet_text(view: TopView, now: datetime, note: str = "") -> RenderableType:
    """`note`: what went wrong meanwhile."""
    sessions = sum(row.sessions or 0 for row in view.agents)
    broken = sum(row.sla == "Breached" for row in view.agents)
    head = Text(f"{len(view.agents)} agents, {sessions} live sessions, {broken} break a promise", style="bold")
    told = Text(f"  {view.at}{f'; {note}' if note else ''}", style="dim")
    if not view.agents:
        return Group(head.append_text(told), "there is no VoiceAgent here; `antiphon get -A` looks everywhere")
    return Group(head.append_text(told), "", plain_table(_TITLES, (_cells(row, now) for row in view.agents)))


def _cells(row: TopRow, now: datetime) -> tuple[Cell, ...]:
    return (
        Text(f"{row.namespace}/{row.name}"),
        coloured(row.phase),
        coloured(row.sla),
        _of(_ms(row.observed_ms), _ms(row.target_ms)),
        _NOTHING if row.error_budget_left is None else f"{row.error_budget_left * 100:.3g} %",
        _of(row.sessions, row.capacity),
        row.ready or _NOTHING,
        Text(" ".join(f"{stage.stage}={stage.variant}" for stage in row.stages) or _NOTHING),
        Text(" ".join(f"{stage.stage}={stage.batch}" for stage in row.stages) or _NOTHING),
        _decision(row, now),
    )


def _ms(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f}"


def _of(part: object, whole: object) -> str:
    if part is None and whole is None:
        return _NOTHING
    return f"{_NOTHING if part is None else part} / {_NOTHING if whole is None else whole}"


def _decision(row: TopRow, now: datetime) -> Text:
    last = row.last_decision
    if last is None:
        return Text(_NOTHING)
    done = f"{age(last.time, now)} ago {last.actuator} of {last.target} {last.before} -> {last.after} "
    return Text(done).append_text(coloured(last.outcome))
