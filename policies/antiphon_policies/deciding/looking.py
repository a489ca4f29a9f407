"""What one tick is made from, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from antiphon_crds.agent_status import ControlStatus, Decision, ObjectiveStatus
from antiphon_crds.sessions import ExpectedTraffic
from antiphon_policies.deciding.loads import Loads
from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.guarding.changes import Held
from antiphon_policies.guarding.sanity import Lie
from antiphon_policies.guarding.scene import State
from antiphon_policies.planning.asking import Ask, Plan
from antiphon_policies.seeing.observation import Observation


@dataclass(frozen=True, slots=True)
class Look:
    """One agent at one moment."""

    facts: AgentFacts
    """With services as they were learned."""
    seen: Observation
    current: Setting
    """What it is wanted to run with now."""
    traffic: Sequence[ExpectedTraffic] = ()
    carried_out: bool | None = None
    """Whether what was wanted last could be carried out; None: not known yet."""
    enforce: bool = True
    """False: the kill switch of the whole operator."""


@dataclass(frozen=True, slots=True)
class Plans:
    """The planner's answers."""

    now: Plan
    ahead: Plan
    surge: Plan

    def by_name(self) -> dict[str, Plan]:
        return {"now": self.now, "ahead": self.ahead, "surge": self.surge}


@dataclass(frozen=True, slots=True)
class Considered:
    """What is asked of the planner: nothing where nothing is known of the load."""

    look: Look
    facts: AgentFacts
    """With what was learned of this agent: its overhead and its habits."""
    runs: Setting
    """What it runs with, as far as that can be predicted."""
    lies: tuple[Lie, ...]
    """What was left out of what was seen, as it can't be."""
    statuses: tuple[ObjectiveStatus, ...]
    sla: State
    told: str
    worst_ratio: float | None
    loads: Loads | None
    now: Ask | None
    """With the replicas that serve: variants, caps and mode."""
    ahead: Ask | None
    """For when a replica that is wanted now serves: replicas at the quality that the policy prefers."""
    surge: Ask | None
    """The same for as many sessions as may come, at whatever quality is allowed."""
    known: Plans | None = None
    """The answers, where the same was asked in the tick before."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """What became of a tick."""

    setting: Setting
    """To be carried out."""
    changed: bool
    statuses: tuple[ObjectiveStatus, ...]
    sla: State
    told: str
    """Why the state of the objectives is what it is, in words."""
    p95_ms: float | None
    decisions: tuple[Decision, ...]
    """The last ones, the newest first."""
    control: ControlStatus | None
    held: tuple[Held, ...] = ()
    plans: Mapping[str, Plan] = field(default_factory=dict)
    """`now`, `ahead` and `surge`."""
    loads: Loads | None = None
