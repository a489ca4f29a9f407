"""What a simulation tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from antiphon_crds.stages import Actuator
from antiphon_policies.facts import AgentKey, Setting
from antiphon_policies.simulating.controlling import Note
from antiphon_policies.simulating.promises import Promise
from antiphon_policies.simulating.speeds import Floats

Fidelity = Literal["exact", "sampled"]
"""`exact`: every call of every stage was simulated. `sampled`: the times of turns were drawn from predicted distributions."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of a run. Times of turns are as the run's promise counts them."""

    at: float
    """Its end, in seconds since the start."""
    seconds: float
    sessions: int
    """Live ones at the end."""
    offered: int
    """Sessions that began or were refused."""
    rejected: int
    dropped: int
    """Sessions cut off."""
    turns: int
    """Answered."""
    kept: int
    """Of these, within the promise's target."""
    failed: int
    """Turns that a replica took with it."""
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    wanted: Mapping[str, int]
    """Replicas, by group."""
    ready: Mapping[str, int]
    """Those that take new sessions."""
    placed: Mapping[str, int]
    """Those that hold a partition: that start, serve or drain."""
    setting: Setting
    """Wanted mode and replicas; variants and caps in force in most replicas."""
    quality: float
    """Of the variants in force: product over the stages; 1.0 is the best."""
    replica_hours: float
    """Of the step, all groups together: of replicas that start, serve or drain."""
    cost: float
    """Of these."""


@dataclass(frozen=True, slots=True)
class Run:
    """One simulated agent. Every session offered was rejected, dropped, ended, or is live at the end."""

    agent: AgentKey
    controller: str
    promise: Promise
    moments: tuple[Moment, ...]
    turns_ms: Floats
    """All turns in the order in which they were answered, from the user's last sound to the first audio."""
    responses_ms: Floats
    """The same from the decision that the turn was over."""
    waiting_ms: Floats
    """Turns that were under way at the end: how long since the user's last sound."""
    offered: int
    rejected: int
    dropped: int
    ended: int
    live: int
    failed: int
    actions: Counter[Actuator]
    """Changes of what was wanted."""
    notes: tuple[Note, ...]
    replica_hours: Mapping[str, float]
    """By group: of replicas that start, serve or drain."""
    warm_up_seconds: float = 0.0
    fidelity: Fidelity = "exact"
    events: int = 0
    calls: int = 0
    """Of all stages."""

    @property
    def seconds(self) -> float:
        return self.moments[-1].at if self.moments else 0.0

    @property
    def times_ms(self) -> Floats:
        """Of all turns, as the promise counts them."""
        return self.responses_ms if self.promise.response else self.turns_ms


def changes(before: Setting, after: Setting) -> Counter[Actuator]:
    """How much of a setting another one changes, by what changes it."""
    found: Counter[Actuator] = Counter()
    for stage, now in after.stages.items():
        was = before.stages.get(stage)
        found["variant"] += was is not None and was.variant != now.variant
        found["batch"] += was is not None and was.cap != now.cap
    for group, count in after.replicas.items():
        found["replicas"] += before.replicas.get(group, count) != count
    found["features"] += before.mode != after.mode
    return +found
