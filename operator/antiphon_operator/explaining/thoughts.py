"""What the operator's loop thought of an agent in its last tick, as it serves it: `GET /v1/agents/NAMESPACE/NAME`.

Status tells what was done; what was only weighed is too much for it, and is gone with the operator.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Thought(BaseModel):
    """What is unknown is null or left out. Fields of a newer operator are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)


class Seen(Thought):
    """What was observed."""

    source: str = ""
    """prometheus or scrape."""
    age_seconds: float | None = None
    """Of the newest sample."""
    sessions: float | None = None
    ready: dict[str, int] = {}
    """Replicas that serve, by group."""
    arrivals_per_second: float | None = None
    rejected_per_second: float | None = None
    turns_per_second: float | None = None
    errors: list[str] = []
    """What could not be seen, and why."""


class Planned(Thought):
    """What the plan came to."""

    turn_p95_ms: float | None = None
    """As predicted. Null: it could not keep up."""
    feasible: bool = True
    """Whether all objectives are predicted to be kept."""
    cost_per_hour: float | None = None
    quality: float | None = None
    """1.0 is the best that the spec allows."""
    message: str = ""
    """What stands in the way of more, in words."""
    setting: dict[str, Any] = {}


class Weighed(Thought):
    """One thing that could have been done instead."""

    what: str
    turn_p95_ms: float | None = None
    feasible: bool = False
    cost_per_hour: float | None = None
    quality: float | None = None


class HeldBack(Thought):
    """A change that a rule did not let through."""

    change: str
    """In words, such as `replicas of main: 3 -> 2`."""
    rule: str
    message: str = ""
    until: float | None = None
    """Unix time at which it may pass."""


class Forecast(Thought):
    """What is expected by the time at which a replica that is asked for now would serve."""

    sessions: float | None = None
    ahead_seconds: float | None = None


class LearnedService(Thought):
    """How long one variant of a stage was seen to take: alpha + beta x n for a batch of n."""

    stage: str
    variant: str
    alpha_ms: float
    beta_ms: float
    noise: float = 0.1
    rest_alpha_ms: float = 0.0
    rest_beta_ms: float = 0.0


class GroundTold(Thought):
    """Where one group runs."""

    price_per_hour: float = 1.0
    """Of a replica."""
    start_seconds: float | None = None
    """From the wish for a replica to its serving."""
    sessions_per_replica: int | None = None
    """As its pods measured."""
    shares_device: bool = False
    """Whether its stages take turns on one device."""


class Thoughts(Thought):
    """Of one agent, in one tick."""

    at: float
    """Unix time, in seconds."""
    observation: Seen | None = None
    plan: Planned | None = None
    alternatives: list[Weighed] = []
    held: list[HeldBack] = []
    forecast: Forecast | None = None
    services: list[LearnedService] = []
    """As learned so far."""
    hardware: dict[str, str] = {}
    """That each group runs on, by the name that profiles know it by."""
    grounds: dict[str, GroundTold] = {}
    """What else is known of where each group runs."""
