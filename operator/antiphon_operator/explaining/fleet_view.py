"""What `antiphon top -o json` prints, with every field's meaning."""

from __future__ import annotations

from antiphon_crds.agent_status import Decision, GroupStatus, StageStatus
from antiphon_crds.base import Contract


class TopRow(Contract):
    """One agent."""

    namespace: str
    """Its namespace."""
    name: str
    """Name of the VoiceAgent."""
    phase: str
    """The agent in one word; Unknown until an operator has seen it."""
    sla: str
    """Worst state of its objectives: Met, AtRisk, Breached or Unknown."""
    objective: str = ""
    """Objective whose observation and target follow: the first about turns; empty where there is none."""
    observed_ms: float | None = None
    """What was observed last. Left out: unknown."""
    target_ms: float | None = None
    """Its target. Left out: nothing is promised about turns."""
    error_budget_left: float | None = None
    """Least of all objectives: share of the permitted misses that is left, negative when overspent. Left out: unknown."""
    sessions: int | None = None
    """Live sessions. Left out: unknown."""
    capacity: int | None = None
    """Sessions that ready replicas hold. Left out: unknown."""
    ready: str = ""
    """Ready and wanted replicas of all groups, such as 2/3."""
    groups: list[GroupStatus] = []
    """Each placement group."""
    stages: list[StageStatus] = []
    """What each stage runs with."""
    last_decision: Decision | None = None
    """The last one. Left out: there was none."""


class TopView(Contract):
    """The fleet at one moment."""

    at: str
    """When it was looked at."""
    agents: list[TopRow]
    """By namespace and name."""
