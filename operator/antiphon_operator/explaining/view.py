"""What `antiphon explain -o json` prints, with every field's meaning."""

from __future__ import annotations

from antiphon_crds.agent_status import Decision
from antiphon_crds.base import Contract


class PromiseView(Contract):
    """One objective, and how it is kept."""

    name: str
    """Name of the objective."""
    promise: str = ""
    """What is promised, such as `p95 of turn`; empty where the policy no longer has the objective."""
    unit: str = ""
    """Unit of target and observed: ms, ratio or perSecond; empty where it is not known."""
    window: str = ""
    """Time over which it is judged."""
    target: float
    """Target."""
    observed: float | None = None
    """What was measured last. Left out: unknown."""
    samples: int = 0
    """Observations behind it."""
    attainment: float | None = None
    """Share of the observations that kept the target."""
    error_budget_left: float | None = None
    """Share of the permitted misses that is left; negative when overspent."""
    state: str = "Unknown"
    """Met, AtRisk, Breached or Unknown."""
    words: str
    """All of it as sentences."""


class SeenView(Contract):
    """What the loop saw last."""

    age_seconds: float | None = None
    """How old it is. Left out: unknown."""
    source: str = ""
    """Where it comes from: prometheus, scrape, or status where the operator could not be asked."""
    sessions: float | None = None
    """Live sessions. Left out: unknown."""
    capacity: int | None = None
    """Sessions that ready replicas hold. Left out: unknown."""
    expected_sessions: float | None = None
    """Sessions that are expected by the time at which a new replica would serve. Left out: not forecast."""
    words: list[str] = []
    """All of it as sentences."""


class WeighedView(Contract):
    """One thing that could be done, and what it is predicted to do."""

    what: str
    """In words, such as `llm fp8 instead of fp16`."""
    turn_p95_ms: float | None = None
    """p95 of a turn, predicted. Left out: it can't keep up."""
    feasible: bool
    """Whether all objectives are predicted to be kept."""
    cost_per_hour: float | None = None
    """What the replicas cost in an hour."""
    quality: float | None = None
    """1.0 is the best that the spec allows."""


class HeldView(Contract):
    """One change that a rule held back."""

    change: str
    """What would have been changed."""
    rule: str
    """Rule that held it."""
    until: str | None = None
    """When it may pass, where the rule knows."""
    words: str
    """All of it as a sentence."""


class DoneView(Contract):
    """One decision and what came of it."""

    decision: Decision
    """As it stands in the status."""
    words: list[str]
    """What was done; why, by which evidence; what was expected, and what came of it. Each as sentences."""


class ExplanationView(Contract):
    """Why an agent runs with what it runs with."""

    name: str
    """Name of the VoiceAgent."""
    namespace: str
    """Its namespace."""
    policy: str | None = None
    """Name of its SLAPolicy. Left out: none is named."""
    mode: str = ""
    """Observe, Recommend or Enforce; empty where there is no policy."""
    runs: list[str] = []
    """What it runs with now, as sentences."""
    promises: list[PromiseView] = []
    """Its objectives."""
    seen: SeenView = SeenView()
    """What the loop saw last."""
    asked_operator: bool
    """Whether the operator told what its loop considered."""
    not_asked: str = ""
    """Why it did not; empty where it did."""
    plan: str = ""
    """What stands in the way of more, in words; empty where nothing does."""
    considered: list[WeighedView] = []
    """What could be done, as the operator tells it."""
    held: list[HeldView] = []
    """What is held back now, as the operator tells it; else what the last decisions in the status say."""
    done: list[DoneView] = []
    """The last decisions, newest first."""
