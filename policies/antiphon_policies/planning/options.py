"""What each variant and cap of a stage comes to, for many rows at once.

A row is one agent with a mode, a level of quality for each stage, and replicas. Its options at a stage are the variants of
the level, each with every cap. Arrays of options have the axes rows, stages, options.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from antiphon_policies.planning.demand import (
    MEAN_MS,
    ROWS,
    THIRD,
    USED,
    VARIANCE,
    WAITING,
    WAITING_VARIANCE,
    as_times,
    asked_of,
    people_of,
    sessions_of_fullest,
    spaced_out,
    times_of,
)
from antiphon_policies.planning.devices import TURN_ROWS, alone_on_device, figures_of, turns_of
from antiphon_policies.planning.fleet import MEAN, Flags, Fleet, Floats, Whole
from antiphon_policies.planning.judging import MOST_EXCESS, SATURATED
from antiphon_policies.predicting.times import quantile_ms

NEVER = np.iinfo(np.int64).max
_CAP_BITS, _CHANGE_BITS = 50, 44
"""A key orders by caps, then by changes, then by place: each stage adds its part to a key's parts."""


@dataclass(frozen=True, slots=True)
class Rows:
    agent: Whole
    mode: Whole
    level: Whole
    """rows x stages."""
    replicas: Floats
    """rows x groups, as they are predicted; 0 where none serves."""

    def __len__(self) -> int:
        return len(self.agent)


@dataclass(frozen=True, slots=True)
class Least:
    """What an option adds to a turn at least, whatever the other stages run with; see `weighing.least_ratio`."""

    mean: Floats
    """Waiting not included."""
    variance: Floats
    waiting: Floats
    """Of the stages of a turn the longest wait counts, at least."""
    waiting_variance: Floats
    third: Floats
    """This at most."""


@dataclass(frozen=True, slots=True)
class Options:
    parts: Floats
    """Times, figures x rows x stages x options. Of a stage that shares its device, what they are at least."""
    least: Least
    own: Floats
    """Score of the stage alone; infinite where there is no such option."""
    excess: Floats
    """What is asked of the stage beyond all that it can do; 0 where it keeps up."""
    key: Whole
    """Adds up over the stages; less is better among those that keep the promises, of one row."""
    variant: Whole
    cap: Whole
    turns: Floats | None
    """At the device that a stage shares, see `devices`; None where none does."""
    figures: Floats | None
    """What that adds to the devices."""


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the options lie that there are, one after another."""

    row: Whole
    stage: Whole
    option: Whole

    @property
    def all(self) -> tuple[slice, Whole, Whole, Whole]:
        return slice(None), self.row, self.stage, self.option


def options_of(fleet: Fleet, rows: Rows) -> Options:
    variant, cap, there, sessions = _offered(fleet, rows)
    places = _Places(*np.nonzero(there))
    agent, stage = rows.agent[places.row], places.stage
    asked = asked_of(
        fleet, agent, rows.mode[places.row], stage, variant[there], cap[there], sessions[places.row, stage]
    )
    parts, turns, figures = times_of(asked), None, None
    shared = fleet.device[agent, stage] >= 0
    if shared.any():
        own_turns = np.where(shared, turns_of(asked, parts), 0.0)
        turns = np.zeros((TURN_ROWS, *there.shape))
        turns[places.all] = own_turns
        parts = np.where(shared, alone_on_device(own_turns), parts)
        figures = figures_of(fleet, rows.agent, turns)
    own, excess = own_scores(fleet, agent, stage, parts)
    own = np.where(shared & (own < SATURATED), 0.0, own)
    all_parts = np.zeros((ROWS, *there.shape))
    all_parts[places.all] = np.where(parts[USED] >= 1, 0.0, parts)
    all_own, all_excess = np.full(there.shape, np.inf), np.zeros(there.shape)
    all_own[there], all_excess[there] = own, excess
    all_own[fleet.discipline[rows.agent] < 0, 0] = 0.0
    least = _least(fleet, rows, all_parts)
    return Options(
        all_parts, least, all_own, all_excess, _keys(fleet, rows, variant, cap), variant, cap, turns, figures
    )


def admission(fleet: Fleet, rows: Rows) -> Floats:
    """Sessions for each that the replicas take, of the fullest group."""
    sessions = fleet.load[rows.agent, 0][:, None]
    replicas = np.where(rows.replicas > 0, rows.replicas, 1.0)
    ratios: Floats = (sessions / (fleet.admits[rows.agent] * replicas)).max(axis=1, initial=0.0)
    return ratios


def own_scores(fleet: Fleet, agent: Whole, stage: Whole, parts: Floats) -> tuple[Floats, Floats]:
    """Of the stages alone, and what is asked of them beyond all that they can do."""
    saturated = parts[USED] >= 1
    excess = np.where(saturated, np.minimum(parts[USED] - 1, MOST_EXCESS), 0.0)
    worst = np.zeros(len(agent))
    for number in range(fleet.stages.shape[2]):
        percentiles, targets = fleet.stages[agent, stage, number].T
        for percentile in np.unique(percentiles[~np.isnan(percentiles)]):
            chosen = np.flatnonzero(percentiles == percentile)
            times = as_times(parts[:, chosen], False)
            value = times.mean_ms if percentile == MEAN else quantile_ms(times, float(percentile))
            worst[chosen] = np.maximum(worst[chosen], value / targets[chosen])
    return np.where(saturated, SATURATED + excess, np.minimum(worst, SATURATED / 2)), excess


def _offered(fleet: Fleet, rows: Rows) -> tuple[Whole, Whole, Flags, Floats]:
    """Variants, caps and whether there is such an option; and the sessions of the fullest replica, by stage.

    A cap is no option where a smaller one already takes all calls of a replica: it would never be full.
    """
    agent, places = rows.agent[:, None], np.arange(rows.level.shape[1])
    variant = fleet.ways[agent, places, rows.level]
    largest = np.where(variant >= 0, fleet.largest[agent[..., None], places[:, None], np.maximum(variant, 0)], 1)
    kept = fleet.kept_cap[agent, places][..., None, None]
    power = 2 ** np.arange(fleet.caps)
    cap = np.where(kept > 0, np.minimum(np.maximum(kept, 1), largest[..., None]), np.minimum(power, largest[..., None]))
    sessions = sessions_of_fullest(fleet.load[rows.agent, 0][:, None], rows.replicas)
    sessions = np.take_along_axis(sessions, fleet.group[rows.agent], axis=1)
    most = people_of(fleet, agent, rows.mode[:, None], places, sessions)
    more = (power // 2 < largest[..., None]) & (power // 2 < most[..., None, None]) & (kept == 0)
    there = (variant >= 0)[..., None] & (more | (power == 1))
    shape = (*variant.shape[:2], -1)
    variants = np.broadcast_to(variant[..., None], there.shape)
    return variants.reshape(shape), cap.reshape(shape), there.reshape(shape), sessions


def _least(fleet: Fleet, rows: Rows, parts: Floats) -> Least:
    """A stage of batches after another has less of a queue, as what comes is spaced out."""
    mean, variance, third = parts[MEAN_MS], parts[VARIANCE], np.maximum(parts[THIRD], 0.0)
    waiting, waiting_variance = parts[WAITING].copy(), parts[WAITING_VARIANCE].copy()
    base, base_variance = mean - waiting, np.maximum(0.0, variance - waiting_variance)
    spaced = fleet.spaced[rows.agent]
    if spaced.any():
        apart = np.broadcast_to(fleet.apart_ms[rows.agent][..., None], mean.shape)[spaced]
        times = spaced_out(parts[:, spaced], apart)
        known = parts[MEAN_MS][spaced] > 0
        waiting[spaced] = np.where(known, times.waiting_ms, 0.0)
        waiting_variance[spaced] = np.where(known, times.waiting_variance, 0.0)
        base[spaced] = np.where(known, times.mean_ms - times.waiting_ms, 0.0)
        base_variance[spaced] = np.where(known, np.maximum(0.0, times.variance - times.waiting_variance), 0.0)
    waited = fleet.waited[rows.agent][..., None]
    return Least(*(np.where(waited, each, 0.0) for each in (base, base_variance, waiting, waiting_variance, third)))


def _keys(fleet: Fleet, rows: Rows, variant: Whole, cap: Whole) -> Whole:
    stages, options = variant.shape[1:]
    now = fleet.current[rows.agent]
    changes = (variant != now[..., 0, None]).astype(np.int64) + (cap != now[..., 1, None])
    place = np.arange(options) * (options ** np.arange(stages - 1, -1, -1))[:, None]
    keys: Whole = (cap << _CAP_BITS) + (changes << _CHANGE_BITS) + place
    keys[fleet.discipline[rows.agent] < 0] = 0
    return keys
