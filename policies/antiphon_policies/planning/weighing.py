"""How far settings are from the promises: the score of a combination of options, and bounds for many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from antiphon_policies.planning.demand import ROWS, as_times
from antiphon_policies.planning.devices import on_device
from antiphon_policies.planning.fleet import MEAN, Flags, Fleet, Floats, Whole
from antiphon_policies.planning.judging import SATURATED
from antiphon_policies.planning.options import Options, own_scores
from antiphon_policies.predicting.times import SHARES, Times, added, quantile_ms

_SHARES = SHARES
"""Percentiles whose average is a mean, as in `predicting`."""
_RISES_FROM = 75.0
"""From this percentile on, a quantile first rises and then falls with the skewness, so that its least is at an end."""
_MOST_SKEWED = 6.0

Chosen = Whole | slice
"""Of rows."""
Heard = Callable[[float, Chosen, Floats, Floats], Floats]
"""Of a percentile, or the mean, for these rows, with floor and begin: what a turn takes until the overhead."""


@dataclass(frozen=True, slots=True)
class Weighed:
    ratio: Floats
    """Worst of the objectives about turns."""
    own: Floats
    """Worst of the stages alone."""
    excess: Floats


def weighed(fleet: Fleet, options: Options, agent: Whole, mode: Whole, rows: Whole, pick: Whole) -> Weighed:
    """Exact, when each stage runs with the option picked. All by row."""
    stages, count = options.own.shape[1:]
    places = ((rows * stages)[None, :] + np.arange(stages)[:, None]) * count + pick.T
    parts = _picked(options.parts, places)
    own, excess = options.own.reshape(-1)[places], options.excess.reshape(-1)[places]
    if options.turns is not None:
        found = on_device(fleet, agent, _picked(options.turns, places).swapaxes(1, 2))
        line, stage = np.nonzero(fleet.device[agent] >= 0)
        shared = found[:, line, stage]
        parts[:, stage, line] = np.where(shared[0] >= 1, 0.0, shared)
        own[stage, line], excess[stage, line] = own_scores(fleet, agent[line], stage, shared)
    return Weighed(_worst_of_turn(fleet, agent, mode, parts), own.max(axis=0), excess.sum(axis=0))


def weighed_all(
    fleet: Fleet, options: Options, agent: Whole, mode: Whole, rows: Whole, picks: Sequence[Whole]
) -> Floats:
    """Worst ratio of the objectives about turns, exact, of all combinations of the options picked: by row, and on one axis
    for each stage, of length 1 where a turn does not wait for it. What stages share that come first is computed once."""
    parts = [
        along(options.parts[:, rows[:, None], stage, pick], stage, len(picks), 1) for stage, pick in enumerate(picks)
    ]
    waited = np.asarray(fleet.waited[agent].any(axis=0))
    shape = (len(agent), *(part.shape[stage + 2] if waited[stage] else 1 for stage, part in enumerate(parts)))
    worst = np.zeros(shape)
    for pattern, chosen in _patterns(fleet, agent):
        times = [as_times(parts[stage][:, chosen], batches) for stage, batches in fleet.patterns[pattern]]
        total = added(times) if times else as_times(np.zeros((ROWS, len(agent[chosen]), *(1,) * len(picks))), False)
        inside = worst[chosen]
        figures = (total.utilisation, total.mean_ms, total.variance, total.third)
        full = Times(*(np.broadcast_to(each, inside.shape) for each in figures))  # type: ignore[arg-type]
        for places, _, value, target in promised(fleet, agent[chosen], mode[chosen], heard_of(full), inside.shape):
            inside[places] = np.maximum(inside[places], value / target)
        worst[chosen] = inside
    return np.minimum(worst, SATURATED / 2)


def along(values: Any, stage: int, stages: int, before: int = 0) -> Any:
    """Rows x options as rows x axes of stages, so many axes before."""
    shape = (*values.shape[: before + 1], *(1,) * stage, values.shape[-1], *(1,) * (stages - stage - 1))
    return values.reshape(shape)


def _picked(figures: Floats, places: Whole) -> Floats:
    """Figures x stages x rows."""
    return np.take(figures.reshape(len(figures), -1), places, axis=1)


def totals(fleet: Fleet, agent: Whole, parts: Floats) -> Iterator[tuple[Chosen, Times]]:
    """Of turns, for rows whose stages follow one another in the same way. `parts`: figures x stages x rows."""
    for pattern, chosen in _patterns(fleet, agent):
        stages = fleet.patterns[pattern]
        each = [as_times(parts[:, stage, chosen], batches) for stage, batches in stages]
        yield chosen, added(each) if each else as_times(np.zeros((ROWS, len(agent[chosen]))), False)


def _where(mask: Flags) -> Chosen:
    """All, without a copy, if it is all."""
    return slice(None) if mask.all() else np.flatnonzero(mask)


def _worst_of_turn(fleet: Fleet, agent: Whole, mode: Whole, parts: Floats) -> Floats:
    worst = np.zeros(len(agent))
    for chosen, total in totals(fleet, agent, parts):
        inside = worst[chosen]
        heard = heard_of(total)
        for rows, _, value, target in promised(fleet, agent[chosen], mode[chosen], heard, inside.shape):
            inside[rows] = np.maximum(inside[rows], value / target)
        worst[chosen] = inside
    return np.minimum(worst, SATURATED / 2)


def heard_of(total: Times) -> Heard:
    def heard(percentile: float, rows: Chosen, floor: Floats, begins: Floats) -> Floats:
        part = Times(total.utilisation[rows], total.mean_ms[rows], total.variance[rows], total.third[rows])
        if percentile != MEAN:
            return np.maximum(floor, begins + quantile_ms(part, percentile))
        if np.isneginf(floor).all():
            return np.asarray(begins + part.mean_ms)
        shares = ((index + 0.5) * 100 / _SHARES for index in range(_SHARES))
        average = sum(np.maximum(floor, begins + quantile_ms(part, share)) for share in shares) / _SHARES
        return np.where(np.isneginf(floor), begins + part.mean_ms, average)

    return heard


def least_ratio(
    fleet: Fleet,
    agent: Whole,
    mode: Whole,
    mean: Floats,
    variance: Floats,
    third: Floats,
    most_variance: Floats,
    more_skewness: Floats | float = 0.0,
) -> Floats:
    """A turn is not better than this, whose mean and variance are at least these, its third moment, variance and further
    skewness at most.

    Holds for `predicting.added`: of the waits at least the longest counts, and all else adds up.
    """

    def heard(percentile: float, rows: Chosen, floor: Floats, begins: Floats) -> Floats:
        if percentile < _RISES_FROM:
            factor = _least_factor(percentile)
            spread = np.sqrt(np.maximum(1e-18, (variance if factor > 0 else most_variance)[rows]))
            return np.asarray(np.maximum(floor, begins + mean[rows] + spread * factor))
        low = np.sqrt(np.maximum(1e-18, variance[rows]))
        more = more_skewness if isinstance(more_skewness, float) else more_skewness[rows]
        skewness = np.minimum(third[rows] / low**3 + more, _MOST_SKEWED)
        factors = np.minimum(_factor(skewness, percentile), float(_factor(np.zeros(1), percentile)[0]))
        return np.asarray(np.maximum(floor, begins + mean[rows] + low * factors))

    worst = np.zeros(mean.shape)
    for rows, _, value, target in promised(fleet, agent, mode, heard, mean.shape):
        worst[rows] = np.maximum(worst[rows], value / target)
    return np.minimum(worst, SATURATED / 2)


@lru_cache(maxsize=16)
def third_of(stages: int) -> float:
    """Times the sum of the stages' third moments: a turn has no more."""
    if stages < 2:
        return 1.0
    one = np.ones(1)
    none = 0 * one
    return float(added([Times(none, one, one, one, none, none)] * stages).third[0]) / stages


def promised(
    fleet: Fleet, agent: Whole, mode: Whole, heard: Heard, shape: tuple[int, ...]
) -> Iterator[tuple[Chosen, int, Floats, Floats]]:
    """Rows, the objective's place, its values and targets."""
    turns = fleet.turns
    apart = (slice(None), *(None,) * (len(shape) - 1))
    for number in range(turns.percentile.shape[1]):
        for percentile, rows in _percentiles(fleet, agent, number):
            who, how = agent[rows], mode[rows]
            floor, begins = turns.floor[who, how, number][apart], turns.begins[who, how, number][apart]
            value = heard(percentile, rows, floor, begins) + turns.tail[who, how, number][apart]
            yield rows, number, value, turns.target[who, number][apart]


def _percentiles(fleet: Fleet, agent: Whole, number: int) -> Iterator[tuple[float, Chosen]]:
    """Of one objective, each with the rows that have it."""
    common = fleet.turns.common[number]
    if common is not None:
        yield common, slice(None)
        return
    percentiles = fleet.turns.percentile[agent, number]
    for percentile in np.unique(percentiles[~np.isnan(percentiles)]):
        yield float(percentile), _where(percentiles == percentile)


def _patterns(fleet: Fleet, agent: Whole) -> Iterator[tuple[int, Chosen]]:
    """Each with its rows."""
    if len(fleet.patterns) == 1:
        yield 0, slice(None)
        return
    patterns = fleet.pattern[agent]
    for pattern in np.unique(patterns):
        yield int(pattern), _where(patterns == pattern)


def _factor(skewness: Floats, percentile: float) -> Floats:
    """Standard deviations above the mean."""
    nought = np.zeros_like(skewness)
    return quantile_ms(Times(nought, nought, nought + 1, skewness), percentile)


@lru_cache(maxsize=512)
def _least_factor(percentile: float) -> float:
    skewness = np.linspace(-_MOST_SKEWED, _MOST_SKEWED, 4001)
    if percentile == MEAN:
        shares = ((index + 0.5) * 100 / _SHARES for index in range(_SHARES))
        average = np.mean([_factor(skewness, share) for share in shares], axis=0)
        return min(0.0, float(average.min()))
    return float(_factor(skewness, percentile).min()) - 1e-3
