"""How much is asked of an agent now, and how much will be once a replica that is wanted now serves.

The planner adds the policy's headroom to each load, and it must not be counted twice: who plans with the upper end of a
forecast has a margin already, and who can switch to quicker variants within seconds has one too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from antiphon_crds.sessions import ExpectedTraffic
from antiphon_policies.facts import AgentFacts
from antiphon_policies.forecasting.expected import floor
from antiphon_policies.forecasting.forecast import Forecast, forecast
from antiphon_policies.forecasting.history import History
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.seeing.observation import Observation

KEPT_SECONDS = 900.0
"""How long the last load that was known is planned for where none is known now."""
_TICK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Loads:
    """What is planned for, and what it was made of."""

    now: Load
    """For the replicas that serve: of the fullest pod."""
    ahead: Load
    """What is expected: at this load the best variants are to do."""
    surge: Load
    """What may come: at this load some variants that are allowed are to do."""
    sessions: int | None
    """As seen. None: not known now; then the loads are those of a while ago."""
    forecast: Forecast | None
    expected: int
    """By `spec.traffic`, as a floor."""
    serving: Mapping[str, int]


def loads(
    facts: AgentFacts,
    seen: Observation,
    history: History,
    traffic: Sequence[ExpectedTraffic],
    turns_per_second: float,
    pressure: float,
) -> Loads | None:
    """None: nothing has been known for so long that nothing follows from it."""
    sessions = seen.sessions
    known = _known(seen, history)
    if known is None:
        return None
    seconds = max((group.start_seconds for group in facts.groups), default=0.0) + _TICK_SECONDS
    ahead = forecast(history, seen.at, seconds)
    expected = floor(traffic, seen.at, seconds)
    serving = {group.name: seen.ready(group.name) for group in facts.groups}
    kept = 1.0 - facts.guardrails.min_headroom
    likely = max(known, math.ceil(ahead.expected) if ahead is not None else 0.0, expected) * pressure
    most = max(likely, math.ceil(ahead.upper) * kept if ahead is not None else 0.0)
    crowded = max(known, _fullest(facts, seen, serving)) * pressure
    return Loads(
        now=Load(crowded * kept, turns_per_second),
        ahead=Load(likely * kept, turns_per_second),
        surge=Load(most, turns_per_second),
        sessions=sessions,
        forecast=ahead,
        expected=expected,
        serving=serving,
    )


def _known(seen: Observation, history: History) -> float | None:
    if seen.sessions is not None:
        return float(seen.sessions)
    if history.last is not None and seen.at - history.last <= KEPT_SECONDS:
        return history.sessions
    return None


def _fullest(facts: AgentFacts, seen: Observation, serving: Mapping[str, int]) -> float:
    """As many sessions as there would be if every pod had as many as the fullest: old calls stay where they are."""
    entry = facts.entry
    counts = [pod.sessions for pod in seen.pods if pod.group == entry and pod.ready and pod.sessions is not None]
    return float(max(counts, default=0) * max(1, serving.get(entry, 1)))
