"""The one indicator that decisions are judged by, and how well it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from antiphon_crds.policy import Objective
from antiphon_policies.guarding.sanity import main_objective
from antiphon_policies.guarding.scene import GuardScene, is_fresh
from antiphon_policies.guarding.spans import seconds
from antiphon_policies.seeing.distribution import Distribution

FEWEST_SAMPLES = 20
"""Fewer observations are no measurement of an indicator: a p95 of them would be the largest one."""
DEVIATIONS = 2.0
"""Standard errors on each side within which an indicator is held to lie: 95 % of the time, it does."""
RECENT_SECONDS = 30.0
"""What `Observation.recent` covers, where it does not say."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Of the objective about whole turns, in milliseconds."""

    value_ms: float
    least_ms: float
    most_ms: float
    """Between these it lies, given how few samples there are."""
    samples: float
    covers_seconds: float


def reading(scene: GuardScene) -> Reading | None:
    """The last half minute where it is known, else the objective's window. None: too little was seen lately."""
    effective = main_objective(scene.facts)
    if effective is None:
        return None
    objective = effective.objective
    window = seconds(objective.window)
    for told, covers in ((scene.seen.recent, RECENT_SECONDS), (scene.seen.measured.get(objective.name), window)):
        if told is None or told.durations is None or not is_fresh(told) or told.durations.count < FEWEST_SAMPLES:
            continue
        return _read(told.durations, objective, told.covered_seconds or covers)
    return None


def _read(durations: Distribution, objective: Objective, covers_seconds: float) -> Reading | None:
    found = _mean(durations) if objective.percentile is None else _quantile(durations, objective.percentile / 100)
    return Reading(*found, durations.count, covers_seconds) if found else None


def _quantile(durations: Distribution, share: float) -> tuple[float, float, float] | None:
    aside = DEVIATIONS * math.sqrt(share * (1 - share) / durations.count)
    value, least, most = (durations.quantile(min(1.0, max(0.0, at))) for at in (share, share - aside, share + aside))
    return None if value is None or least is None or most is None else (value, least, most)


def _mean(durations: Distribution) -> tuple[float, float, float] | None:
    mean = durations.mean
    if mean is None:
        return None
    spread = 0.0
    for index, (bound, count) in enumerate(zip(durations.bounds, durations.counts, strict=True)):
        lower = durations.bounds[index - 1] if index else 0.0
        middle = lower if math.isinf(bound) else (lower + bound) / 2
        spread += count * (middle - mean) ** 2
    aside = DEVIATIONS * math.sqrt(spread) / durations.count
    return mean, max(0.0, mean - aside), mean + aside
