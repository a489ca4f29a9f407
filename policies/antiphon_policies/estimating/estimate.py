"""The service time of one variant of a stage on one kind of hardware, learned from what its batches took."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from antiphon_policies.estimating.line import Line
from antiphon_policies.estimating.scatter import Scatter, learn_scatter
from antiphon_policies.facts import Service
from antiphon_policies.seeing.observation import StageWork

Basis = Literal["Measured", "Derived", "Projected"]

DOUBT: dict[Basis, tuple[float, float]] = {"Measured": (0.15, 0.25), "Derived": (0.3, 0.5), "Projected": (0.6, 1.0)}
"""How uncertain a profile is by its basis, as a share: of the time at one size, and of what each item adds."""
UNKNOWN = (1.0, 1.0)
"""The same without a profile, once a first time was seen."""
SHARE_OF_ITEMS = 0.5
"""Of a time of which no profile tells how it depends on the size: the share that is taken to grow with it."""
DRIFT_PER_SECOND = 0.02**2 / 60
"""Hardware changes slowly: by about 2 % in a minute. Variance, as a share squared."""
MODEL_ERROR = 0.02
"""No machine is quite a straight line: however many batches, a mean is not believed further than this share."""
SURPRISE = 9.0
"""Square of a miss, as a multiple of its variance (NIS), from which a point is an outlier: one in 370 by chance."""
AGREEMENT = 1.5
"""Outliers whose ratio to what was expected differs by no more than this factor tell of the same change."""
FEWEST_DOUBTS, MOST_DOUBTS = 3, 60
"""Outliers that are all alike at so many looks in a row are a change. A great one needs more: lies of metrics seldom last."""
LEAST_SLOPE = 0.2
"""Each item adds at least this share of what the profile says."""
LEAST_SLOPE_UNKNOWN = 0.02
"""The same without a profile, as a share of the time of an item."""
SHORTEST_MS, LONGEST_MS, MOST_ITEMS = 0.001, 3_600_000.0, 100_000.0
"""Beyond these a batch is none, but a fault of the metrics."""
REFERENCE_GAIN = 0.1
"""How quickly the size that a line is told from follows the sizes that are seen."""
REST_BOUNDS = (0.25, 4.0)


@dataclass(frozen=True, slots=True)
class Seed:
    """What is known beforehand: a profile, and how it came about."""

    service: Service
    basis: Basis = "Projected"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Outliers in a row that tell of the same change."""

    times: int
    ratio: float
    """Of the last: what was seen by what was expected."""
    at: float
    """Of the last; unix time. Agents that look at the same moment may be told the same lie, and count once."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of a service now."""

    seed: Seed | None
    line: Line | None
    """None: there was neither profile nor batch."""
    scatter: Scatter
    since: float
    """Unix time from which on it was learned: since the seed, or the last change of the hardware that was accepted."""
    at: float
    """Of the last batch that was learned from; unix time."""
    samples: float = 0.0
    """Batches learned from since then."""
    doubt: Doubt | None = None

    @property
    def service(self) -> Service | None:
        """As the planner needs it; None: unknown."""
        if self.line is None:
            return None
        line, rest = self.line, self._rest_ratio
        known = self.seed.service if self.seed else Service(0.0, 0.0)
        return Service(
            alpha_ms=max(0.0, line.mean_ms(0.0)),
            beta_ms=line.slope_ms,
            noise=self.scatter.noise,
            rest_alpha_ms=known.rest_alpha_ms * rest,
            rest_beta_ms=known.rest_beta_ms * rest,
        )

    @property
    def ratio(self) -> float:
        """Time by that of the profile, at the size that is seen. 1.0 where there is no profile."""
        if self.seed is None or self.line is None:
            return 1.0
        expected = self.seed.service.mean_ms(self.line.reference)
        return self.line.level_ms / expected if expected > 0 else 1.0

    @property
    def weight(self) -> float:
        """0: all is the seed's. 1: all was learned. Of the time at the size that is seen."""
        if self.line is None or self.samples == 0:
            return 0.0
        wide, _ = _prior_variances(self.line, self.seed)
        return min(1.0, max(0.0, 1.0 - self.line.level_variance / wide))

    @property
    def _rest_ratio(self) -> float:
        """What a stream takes after its first result is not measured: it is taken to have changed alike."""
        low, high = REST_BOUNDS
        return min(high, max(low, self.ratio))


def begin(seed: Seed | None, at: float) -> Estimate:
    line = _line_of(seed, 1.0) if seed else None
    return Estimate(seed, line, Scatter.of(seed.service.noise if seed else None), at, at)


def update(estimate: Estimate, work: StageWork, at: float) -> Estimate:
    """After one look at what was computed. What can't be, such as a batch without items, teaches nothing."""
    if not usable(work):
        return estimate
    size, took_ms = work.items / work.batches, work.busy_ms / work.batches
    before = estimate.line
    if before is None or estimate.samples == 0:
        before = _line_of(estimate.seed, size) if estimate.seed else _line_through(size, took_ms)
    line = _drifted(before, max(0.0, at - estimate.at), estimate.seed)
    line = line.moved(line.reference + REFERENCE_GAIN * (size - line.reference))
    spread = took_ms**2 * (MODEL_ERROR**2 + estimate.scatter.noise**2 / work.batches)
    surprise = (took_ms - line.mean_ms(size)) ** 2 / (line.variance(size) + spread)
    if surprise <= SURPRISE:
        return _accept(estimate, line, work, spread, at)
    doubt = _doubt(estimate.doubt, took_ms / line.mean_ms(size), at)
    if doubt.times < patience(doubt.ratio):
        return replace(estimate, doubt=doubt)
    return _accept(replace(estimate, since=at, samples=0.0), _shaken(line, size, took_ms), work, spread, at)


def usable(work: StageWork) -> bool:
    """Whether it can be: figures that are numbers, a batch of at least one item, and a time that a batch can take."""
    figures = (work.batches, work.items, work.busy_ms)
    if not all(math.isfinite(figure) and figure > 0 for figure in figures):
        return False
    size, took_ms = work.items / work.batches, work.busy_ms / work.batches
    return 0.999 <= size <= MOST_ITEMS and SHORTEST_MS <= took_ms <= LONGEST_MS


def patience(ratio: float) -> int:
    """Looks in a row that must agree before a change by this factor is believed."""
    factor = max(ratio, 1 / ratio)
    return min(MOST_DOUBTS, max(FEWEST_DOUBTS, math.ceil(FEWEST_DOUBTS * (factor - 1.0))))


def _accept(estimate: Estimate, line: Line, work: StageWork, spread: float, at: float) -> Estimate:
    size, took_ms = work.items / work.batches, work.busy_ms / work.batches
    learned = line.learned(size, took_ms, spread)
    return replace(
        estimate,
        line=learned.bounded(_least_slope(learned, estimate.seed)),
        scatter=learn_scatter(estimate.scatter, work, line),
        at=max(at, estimate.at),
        samples=estimate.samples + work.batches,
        doubt=None,
    )


def _doubt(before: Doubt | None, ratio: float, at: float) -> Doubt:
    if before is None or not 1 / AGREEMENT <= ratio / before.ratio <= AGREEMENT:
        return Doubt(1, ratio, at)
    return Doubt(before.times + (at > before.at), ratio, max(at, before.at))


def _shaken(line: Line, size: float, took_ms: float) -> Line:
    """So uncertain of its level that one point moves it there. The slope is scaled: a slower machine is so for all sizes."""
    here = line.moved(size)
    factor = took_ms / here.level_ms
    scaled = replace(here, level_ms=took_ms, slope_ms=here.slope_ms * factor)
    return scaled.uncertain((took_ms * 0.1) ** 2, here.slope_variance * factor**2)


def _drifted(line: Line, seconds: float, seed: Seed | None) -> Line:
    """Less certain by the time that went by, and never less than before anything was learned."""
    widest_level, widest_slope = _prior_variances(line, seed)
    grown = DRIFT_PER_SECOND * seconds
    level = line.level_variance + grown * line.level_ms**2
    slope = line.slope_variance + grown * line.slope_ms**2
    return line.uncertain(
        max(line.level_variance, min(level, widest_level)), max(line.slope_variance, min(slope, widest_slope))
    )


def _prior_variances(line: Line, seed: Seed | None) -> tuple[float, float]:
    of_level, of_slope = DOUBT[seed.basis] if seed else UNKNOWN
    steepness = max(abs(line.slope_ms), 0.05 * line.level_ms / line.reference)
    return (of_level * line.level_ms) ** 2, (of_slope * steepness) ** 2


def _line_of(seed: Seed, size: float) -> Line:
    line = Line(size, max(seed.service.mean_ms(size), 1e-6), seed.service.beta_ms, 0.0, 0.0)
    level, slope = _prior_variances(line, seed)
    return replace(line, level_variance=level, slope_variance=slope)


def _line_through(size: float, took_ms: float) -> Line:
    line = Line(size, took_ms, SHARE_OF_ITEMS * took_ms / size, 0.0, 0.0)
    level, slope = _prior_variances(line, None)
    return replace(line, level_variance=level, slope_variance=slope)


def _least_slope(line: Line, seed: Seed | None) -> float:
    if seed:
        return LEAST_SLOPE * seed.service.beta_ms
    return LEAST_SLOPE_UNKNOWN * max(line.level_ms, 0.0) / line.reference
