"""Joins Prometheus' answers with the agents that there are. What makes no sense is left out, and told."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from antiphon_operator.observing.prometheus import PrometheusError, Rows
from antiphon_operator.observing.queries import AGE, COVERED, GPU, INTERVAL
from antiphon_operator.observing.series import FAMILY, SeriesKey, Vector
from antiphon_policies.facts import AgentKey

_Parts = dict[str | float, float]


@dataclass(slots=True)
class Freshness:
    """How old what Prometheus has is."""

    ages: dict[AgentKey, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    """Of each pod's newest sample, in seconds."""
    gpu_utilisation: dict[AgentKey, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    interval_seconds: float | None = None
    """Between two scrapes of a pod."""


@dataclass(slots=True)
class AgentGrowth:
    """What came of one agent in one window."""

    series: dict[SeriesKey, Vector] = field(default_factory=dict)
    covered_seconds: float = 0.0
    problems: tuple[str, ...] = ()


def freshness_of(rows: Rows) -> Freshness:
    """PrometheusError where the answer is of another form."""
    found = Freshness()
    try:
        for row in rows:
            labels, value = row["metric"], float(row["value"][1])
            if not math.isfinite(value) or value < 0:
                continue
            match labels["what"]:
                case what if what == INTERVAL:
                    found.interval_seconds = value
                case what if what == AGE:
                    found.ages[labels.get("namespace", ""), labels.get("agent", "")][labels.get("pod", "")] = value
                case what if what == GPU and value <= 1:
                    found.gpu_utilisation[labels.get("namespace", ""), labels.get("agent", "")][
                        labels.get("pod", "")
                    ] = value
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise PrometheusError(_not_of_the_form(error)) from None
    return found


def growth_of(rows: Rows, agents: Collection[AgentKey], window_seconds: float) -> dict[AgentKey, AgentGrowth]:
    """Those of which there is something. PrometheusError where the answer is of another form."""
    try:
        collected = _collected(rows, agents)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise PrometheusError(_not_of_the_form(error)) from None
    return {agent: _of_agent(parts, window_seconds) for agent, parts in collected.items()}


def _collected(
    rows: Rows, agents: Collection[AgentKey]
) -> defaultdict[AgentKey, defaultdict[tuple[str, tuple[str, ...]], _Parts]]:
    """By what it is about and its labels: buckets by their bound, and `sum`, `count` or `value`; NaN where it came twice."""
    found: defaultdict[AgentKey, defaultdict[tuple[str, tuple[str, ...]], _Parts]] = defaultdict(
        lambda: defaultdict(dict)
    )
    bounds: dict[str, float] = {}
    keeps: dict[str, tuple[str, ...]] = {what: family.keeps for what, family in FAMILY.items()}
    for row in rows:
        labels = row["metric"]
        agent = (labels.get("namespace", ""), labels.get("agent", ""))
        if agent not in agents:
            continue
        what, _, part = labels["what"].partition(":")
        own = keeps.get(what, ())
        parts = found[agent][what, tuple([labels.get(name, "") for name in own]) if own else ()]
        place: str | float = part
        if part == "bucket":
            bound = labels["le"]
            if (known := bounds.get(bound)) is None:
                known = bounds[bound] = float(bound)
            place = known
        parts[place] = math.nan if place in parts else float(row["value"][1])
    return found


def _of_agent(collected: dict[tuple[str, tuple[str, ...]], _Parts], window_seconds: float) -> AgentGrowth:
    growth, problems = AgentGrowth(), []
    for (what, labels), parts in collected.items():
        if what == COVERED:
            growth.covered_seconds = min(window_seconds, parts.get("", 0.0))
            continue
        family = FAMILY.get(what)  # type: ignore[call-overload]  # any text may be asked for
        if family is None:
            continue
        try:
            bounds, vector = _vector(parts)
        except ValueError as error:
            problems.append(f"{family.metric}: {error}")
        else:
            growth.series[SeriesKey(family.what, labels, bounds)] = vector
    growth.problems = tuple(dict.fromkeys(problems))
    return growth


def _vector(parts: _Parts) -> tuple[tuple[float, ...], Vector]:
    for value in parts.values():
        if not 0 <= value < math.inf:
            raise ValueError(f"Prometheus gives it the value {value}, or several series")
    if "value" in parts:
        return (), (parts["value"],)
    if "sum" not in parts:
        raise ValueError("Prometheus has no sum of it")
    if "count" in parts:
        return (), (parts["count"], parts["sum"])
    bounds = sorted([part for part in parts if isinstance(part, float)])
    if not bounds or bounds[-1] != math.inf:
        raise ValueError("Prometheus has no bucket +Inf of it")
    return tuple(bounds), (*[parts[bound] for bound in bounds], parts["sum"])


def _not_of_the_form(error: Exception) -> str:
    return f"a row of Prometheus' answer is not of the form that it should be: {type(error).__name__} {error}"[:200]
