"""What is seen of one agent at one moment. What is missing is None or absent: unknown, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from antiphon_crds.stages import Stage
from antiphon_policies.seeing.distribution import Distribution

Source = Literal["prometheus", "scrape", "simulator", "none"]


@dataclass(frozen=True, slots=True)
class StageSeen:
    """What one pod runs a stage with."""

    variant: str
    cap: int
    queued: int | None = None


@dataclass(frozen=True, slots=True)
class PodSeen:
    """One pod that lives."""

    name: str
    group: str
    ready: bool
    going: bool = False
    """It takes no new session, and ends when its last one has."""
    age_seconds: float = 0.0
    """Of what follows; infinite where it was never heard."""
    sessions: int | None = None
    capacity: int | None = None
    stages: Mapping[Stage, StageSeen] = field(default_factory=dict)
    gpu_utilisation: float | None = None
    """0 to 1; of a CPU pod the share of its cores, where known."""
    gpu_temperature_celsius: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The indicator of one objective over the objective's window: a distribution, or a part of a whole."""

    age_seconds: float
    """Of the newest sample in it."""
    durations: Distribution | None = None
    """In milliseconds."""
    part: float | None = None
    whole: float | None = None
    """Of a ratio, such as refused of all sessions."""
    covered_seconds: float | None = None
    """How much of the window was seen; less than the window just after a start."""


@dataclass(frozen=True, slots=True)
class StageWork:
    """What one variant of a stage computed in the time since the last look, in all pods of one kind of hardware."""

    stage: Stage
    variant: str
    seconds: float
    """Of that time."""
    batches: float
    items: float
    busy_ms: float
    """Time that the batches took, added up."""
    busy_square: float | None = None
    """Squares of the times, added up, where they are known; in milliseconds squared."""
    waits: float = 0.0
    """Items that waited."""
    wait_ms: float = 0.0
    """How long, added up."""


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is seen of one agent."""

    at: float
    """Unix time, in seconds."""
    source: Source = "none"
    pods: tuple[PodSeen, ...] = ()
    """As Kubernetes knows them; what metrics tell of others is left out."""
    entries: frozenset[str] = frozenset()
    """Groups in whose pods calls have their sessions: the one that callers reach, and those that take its overflow. What a
    pod of another group tells is work for these sessions. Empty: all groups."""
    replicas: Mapping[str, int] = field(default_factory=dict)
    """That each group is wanted to have now."""
    measured: Mapping[str, Measured] = field(default_factory=dict)
    """By the objective's name."""
    recent: Measured | None = None
    """The time of turns over the last half minute or so, as the turn's own objective counts it: for what must be quick."""
    work: tuple[StageWork, ...] = ()
    arrivals_per_second: float | None = None
    """Sessions begun or refused, over the last minute."""
    rejected_per_second: float | None = None
    """Sessions refused, over the last minute."""
    turns_per_second: float | None = None
    """Of all sessions, over the last minute."""
    errors: tuple[str, ...] = ()
    """What could not be seen, and why."""

    @property
    def sessions(self) -> int | None:
        """Live calls, those of pods that are going among them. None where a ready pod of an entry did not tell."""
        entries = [pod for pod in self.pods if not self.entries or pod.group in self.entries]
        told = [pod.sessions for pod in entries if pod.ready or pod.sessions is not None]
        if not told or any(count is None for count in told):
            return None
        return sum(count for count in told if count is not None)

    def ready(self, group: str) -> int:
        return sum(pod.ready and not pod.going for pod in self.pods if pod.group == group)
