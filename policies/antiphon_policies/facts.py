"""What may be chosen for an agent, and what it is held to: all that the brain knows of it besides what it sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from antiphon_crds.policy import Guardrails
from antiphon_crds.stages import Actuator, Stage
from antiphon_policies.objectives import EffectiveObjective

AgentKey = tuple[str, str]
"""Namespace and name."""

Discipline = Literal["batches", "streams", "lockstep"]
"""How a stage works. `batches`: one batch at a time, made of what waited while the last one was computed. `streams`: up to
`cap` calls are under way, each begins when a place is free. `lockstep`: once a period all active sessions make a step."""


@dataclass(frozen=True, slots=True)
class Service:
    """Time of a batch of n, or of a stream to its first result where n are under way: alpha + beta x n, with noise."""

    alpha_ms: float
    beta_ms: float
    noise: float = 0.1
    """Standard deviation as a share of the mean."""
    rest_alpha_ms: float = 0.0
    """Of a stream after its first result, as long as it keeps its place: fixed part."""
    rest_beta_ms: float = 0.0
    """The same: part that each stream under way adds."""

    def mean_ms(self, size: float) -> float:
        return self.alpha_ms + self.beta_ms * size


@dataclass(frozen=True, slots=True)
class VariantFacts:
    """One way to run a stage."""

    name: str
    service: Service
    quality: float = 1.0
    """1.0: as good as the stage's best; less is worse."""
    max_batch: int = 1
    """Largest batch, or most streams, that the hardware was shown to take."""
    load_seconds: float = 0.0
    """Until a running pod serves with it."""


@dataclass(frozen=True, slots=True)
class StageFacts:
    """One stage of the pipeline."""

    stage: Stage
    group: str
    """Placement group whose replicas run it."""
    variants: tuple[VariantFacts, ...]
    """Those that the floors allow, the best first. Never empty."""
    discipline: Discipline = "batches"
    calls_per_turn: float = 1.0
    in_turn: bool = True
    """Whether a turn waits for it."""
    period_ms: float | None = None
    """Of a stage in lockstep."""
    most: int = 1024
    """Largest batch that the spec allows."""


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """One placement group: what a replica is, and how many there may be."""

    name: str
    min_replicas: int = 1
    max_replicas: int = 1
    partition: str = ""
    """What a replica takes from the cluster's stock, such as `1g.18gb`; empty for the CPU, of which no stock is kept."""
    price_per_hour: float = 1.0
    """Of one replica. 1.0 where no price is known, so that fewer replicas are cheaper."""
    start_seconds: float = 30.0
    """From the wish for a replica to its serving."""
    max_sessions: int | None = None
    """Most sessions of one replica. None: not limited, or not known yet."""
    shares_device: bool = False
    """Whether its stages take turns on one device, rather than each having its own time."""


@dataclass(frozen=True, slots=True)
class TurnShape:
    """When the work of a turn begins and ends, counted from the user's last sound."""

    begins_ms: float = 0.0
    """When the first stage is asked. With speculation that is the pause; else the decision."""
    decided_ms: float = 0.0
    """When the turn is judged to be over: nothing is heard before it."""
    overhead_ms: float = 0.0
    """Added to every turn beyond the stages."""


@dataclass(frozen=True, slots=True)
class ModeFacts:
    """A set of features that is switched as one, such as speculation."""

    name: str
    shape: TurnShape
    calls: Mapping[Stage, float] = field(default_factory=dict)
    """Calls for each turn, of the stages where it differs from the stage's own figure."""


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """One agent."""

    key: AgentKey
    stages: tuple[StageFacts, ...]
    groups: tuple[GroupFacts, ...]
    modes: tuple[ModeFacts, ...]
    """The best first. Never empty."""
    objectives: tuple[EffectiveObjective, ...] = ()
    actuators: frozenset[Actuator] = frozenset(("batch", "features", "variant", "replicas", "partition"))
    guardrails: Guardrails = field(default_factory=Guardrails)
    prefer: Literal["Quality", "Balanced", "Cost"] = "Quality"
    """What goes first among settings that keep all objectives."""
    priority: int = 100
    duty_cycle: float = 0.3
    """Share of a session in which the agent works."""
    turns_per_second: float = 0.06
    """Of one session."""
    scales: bool = True
    """Whether the number of replicas is ours to choose (scaling mode SLA)."""

    @property
    def entry(self) -> str:
        """The group that callers reach: a call has its session there, and the other groups work for it."""
        return self.groups[0].name if self.groups else ""

    def group_of(self, stage: Stage) -> str:
        return next(facts.group for facts in self.stages if facts.stage == stage)


@dataclass(frozen=True, slots=True)
class StageSetting:
    """What one stage runs with."""

    variant: str
    cap: int
    """Largest batch, or most streams under way."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What an agent runs with, or is to run with."""

    stages: Mapping[Stage, StageSetting]
    replicas: Mapping[str, int]
    """By group."""
    mode: str
