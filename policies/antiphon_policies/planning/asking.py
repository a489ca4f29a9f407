"""What the planner is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from antiphon_policies.facts import AgentFacts, Setting
from antiphon_policies.predicting.prediction import Load, Prediction


@dataclass(frozen=True, slots=True)
class Ask:
    """One agent's question: what should it run with under this load?"""

    facts: AgentFacts
    """With services as they were estimated."""
    load: Load
    current: Setting
    """What it runs with now. Stages or groups of it that the facts do not have are ignored."""
    serving: Mapping[str, int] | None = None
    """Replicas that serve now, by group: then only variants, caps and the mode are chosen, for these. None: replicas too."""
    slack: float = 1.0
    """Times its target that a prediction may be; less than 1 where predictions were found to be too low."""


Binding = Literal["none", "objective", "replicas", "cost", "stock", "actuators"]
"""What stood in the way of more: nothing, the objectives themselves (no setting keeps them), the most replicas that are
allowed, the most that it may cost, the cluster's stock of partitions, the actuators that the policy permits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The best setting there is: all objectives kept, if one keeps them; then the best quality, the least cost, the
    smallest caps, the least change. If none keeps them: the one that comes nearest."""

    setting: Setting
    prediction: Prediction
    feasible: bool
    """Whether the prediction keeps all objectives that can be predicted, with the policy's headroom."""
    cost_per_hour: float
    quality: float
    """Product over the stages; 1.0 is the best allowed."""
    binding: Binding = "none"
    message: str = ""
    """What is binding, in words with figures; empty where nothing is."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """One thing done otherwise than now, and what it is predicted to do."""

    what: str
    """In words, such as `llm fp8 instead of fp16` or `3 replicas of main`."""
    setting: Setting
    prediction: Prediction
    feasible: bool
    cost_per_hour: float
    quality: float


@dataclass(frozen=True, slots=True)
class Stock:
    """Partitions of the cluster that agents compete for: those that are free and those that the asking agents hold."""

    partitions: Mapping[str, int] = field(default_factory=dict)
    """By the name in `GroupFacts.partition`. One that is not named has no limit."""
