"""What a measured indicator says of its objective: the figure, and how many observations kept the target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from antiphon_crds.policy import Objective
from antiphon_crds.stages import RATIO_INDICATORS
from antiphon_policies.figures import all_amounts
from antiphon_policies.objectives import EffectiveObjective, target_of
from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.seeing.observation import Measured

LONGEST_MS = 600_000.0
"""No target is longer. A longer observation of anything but recovery tells of a broken clock or unit."""
ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one objective, over one window."""

    observed: float
    """In the target's unit."""
    samples: float
    kept: float
    """Share of the observations that kept the target."""


def evidence(effective: EffectiveObjective, measured: Measured) -> Evidence | None:
    """None: what was measured can't be. No samples at all are possible: then the other figures mean nothing."""
    indicator = effective.objective.indicator
    if indicator in RATIO_INDICATORS:
        return _of_part(measured)
    if indicator == "frameRate":
        return _of_rate(effective.objective, measured)
    return _of_durations(effective, measured)


def permitted(objective: Objective) -> float | None:
    """Share of the observations that may miss the target. None: the promise is about a mean."""
    if objective.max_ratio is not None:
        return objective.max_ratio
    return None if objective.percentile is None else 1.0 - objective.percentile / 100.0


def possible(durations: Distribution) -> bool:
    whole = len(durations.bounds) == len(durations.counts) and _in_order(durations.bounds)
    return whole and all_amounts((*durations.counts, durations.total))


@lru_cache(maxsize=1024)
def _in_order(bounds: tuple[float, ...]) -> bool:
    """Nearly all histograms have the same bounds."""
    return all(one < other for one, other in pairwise(bounds)) and not any(map(math.isnan, bounds))


def _of_durations(effective: EffectiveObjective, measured: Measured) -> Evidence | None:
    """Of mouthToEar the pods see the turn alone; the budget is added to it, and taken off the target for the share."""
    durations = measured.durations
    if durations is None or not possible(durations):
        return None
    if durations.count <= 0:
        return Evidence(0.0, 0.0, 1.0)
    objective, target = effective.objective, target_of(effective.objective)
    within = float(effective.planning_target_ms) if effective.planning_target_ms is not None else target
    percentile = objective.percentile
    seen = durations.mean if percentile is None else durations.quantile(percentile / 100.0)
    if seen is None or (seen > LONGEST_MS and objective.indicator != "recovery"):
        return None
    return Evidence(seen + target - within, durations.count, max(0.0, durations.share_within(within) or 0.0))


def _of_part(measured: Measured) -> Evidence | None:
    part, whole = measured.part, measured.whole
    if part is None or whole is None or not (_figure(part) and _figure(whole)) or part > whole * (1 + ROUNDING):
        return None
    if whole <= 0:
        return Evidence(0.0, 0.0, 1.0)
    share = min(1.0, part / whole)
    return Evidence(share, whole, 1.0 - share)


def _of_rate(objective: Objective, measured: Measured) -> Evidence | None:
    """Of frames shown (`part`) in so many seconds of speech (`whole`); or of the times from frame to frame."""
    target = target_of(objective)
    if measured.durations is not None:
        return _of_gaps(objective, measured.durations, target)
    part, whole = measured.part, measured.whole
    if part is None or whole is None or not (_figure(part) and _figure(whole)):
        return None
    if whole <= 0:
        return Evidence(0.0, 0.0, 1.0)
    return Evidence(part / whole, part if part > 0 else whole, min(1.0, part / whole / target))


def _of_gaps(objective: Objective, gaps: Distribution, target: float) -> Evidence | None:
    if not possible(gaps):
        return None
    seen = gaps.mean if objective.percentile is None else gaps.quantile(objective.percentile / 100.0)
    if not seen:
        return Evidence(0.0, 0.0, 1.0) if gaps.count <= 0 else None
    return Evidence(1000.0 / seen, gaps.count, gaps.share_within(1000.0 / target) or 0.0)


def _figure(value: float) -> bool:
    return math.isfinite(value) and value >= 0
