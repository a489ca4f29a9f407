"""Which levels of quality may keep the promises at all: bounds over every mode and level, for many agents at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from antiphon_policies.planning.combining import highest, lowest
from antiphon_policies.planning.fleet import Flags, Fleet, Floats, Whole
from antiphon_policies.planning.judging import KEPT
from antiphon_policies.planning.options import Options, Rows, admission, options_of
from antiphon_policies.planning.sums import Overs, least_score

_AT_ONCE = 1 << 15
"""Combinations of agents, modes and levels: what the processor's cache holds."""


@dataclass(frozen=True, slots=True)
class Member:
    """A mode, and a level of each stage."""

    mode: int
    level: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one agent: what may be within the limit, the best quality and mode first, and within those the fastest."""

    mode: Whole
    level: Whole
    quality: Whole
    """Ranks, as in `fleet.quality_rank`."""
    least: Floats
    """Scores that no combination is below."""

    def members(self) -> Iterator[tuple[float, Member]]:
        """By what they may come to."""
        for place in np.argsort(self.least, kind="stable"):
            yield float(self.least[place]), self._member(int(place))

    def classes(self) -> Iterator[list[Member]]:
        """Those that are equally good, of the best first."""
        starts = np.flatnonzero((np.diff(self.quality) != 0) | (np.diff(self.mode) != 0)) + 1
        for begin, end in zip([0, *starts], [*starts, len(self.mode)], strict=True):
            if end > begin:
                yield [self._member(place) for place in range(int(begin), int(end))]

    def _member(self, place: int) -> Member:
        return Member(int(self.mode[place]), tuple(int(level) for level in self.level[place]))


def bounds_of(fleet: Fleet, agent: Whole, replicas: Floats, limit: Floats) -> list[Bounds]:
    """`replicas` as they are predicted; agents x groups."""
    stages, levels = fleet.ways.shape[1:3]
    step = max(1, _AT_ONCE // (levels**stages * fleet.calls.shape[1]))
    found: list[Bounds] = []
    for begin in range(0, len(agent), step):
        part = slice(begin, begin + step)
        found += _bounds(fleet, agent[part], replicas[part], limit[part])
    return found


def _bounds(fleet: Fleet, agent: Whole, replicas: Floats, limit: Floats) -> list[Bounds]:
    grid = _grid(*fleet.ways.shape[1:3])
    quality = _qualities(fleet, agent, grid)
    least = _least(fleet, agent, replicas, limit, grid)
    modes = np.array([len(fleet.choices[each].modes) for each in agent])
    least[np.arange(least.shape[1]) >= modes[:, None]] = np.inf
    least[np.broadcast_to((quality < 0)[:, None], least.shape)] = np.inf
    return [_ordered(quality[row], least[row], limit[row], grid) for row in range(len(agent))]


def _ordered(quality: Whole, least: Floats, limit: float, grid: Whole) -> Bounds:
    mode, place = np.nonzero(np.isfinite(least) & (least <= limit * KEPT))
    order = np.lexsort((least[mode, place], mode, -quality[place]))
    mode, place = mode[order], place[order]
    return Bounds(mode, grid[place], quality[place], least[mode, place])


@lru_cache(maxsize=32)
def _grid(stages: int, levels: int) -> Whole:
    """Every level of every stage; combinations x stages."""
    return np.stack([each.reshape(-1) for each in np.indices((levels,) * stages)], axis=1)


def _qualities(fleet: Fleet, agent: Whole, grid: Whole) -> Whole:
    """Ranks; -1 where a stage does not have the level."""
    product = np.ones((len(agent), len(grid)))
    for stage in range(grid.shape[1]):
        product = product * np.where(
            (fleet.discipline[agent, stage] < 0)[:, None],
            np.where(grid[:, stage] == 0, 1.0, np.nan),
            fleet.quality[agent, stage][:, grid[:, stage]],
        )
    ranks: Whole = np.where(np.isnan(product), -1, np.floor(np.nan_to_num(product) * 1e9 + 0.5)).astype(np.int64)
    return ranks


def _least(fleet: Fleet, agent: Whole, replicas: Floats, limit: Floats, grid: Whole) -> Floats:
    """Agents x modes x combinations of levels."""
    stages, levels = fleet.ways.shape[1:3]
    modes = fleet.calls.shape[1]
    shape = (len(agent), modes, levels)
    who, mode, level = (each.reshape(-1) for each in np.indices(shape))
    mode_known = np.minimum(mode, np.array([len(each.modes) - 1 for each in fleet.choices])[agent[who]])
    rows = Rows(agent[who], mode_known, np.repeat(level[:, None], stages, axis=1), replicas[who])
    options = options_of(fleet, rows)
    alive = np.isfinite(options.own) & (options.own <= limit[who, None, None] * KEPT)
    few = _Few(fleet, agent, modes, levels, options)
    alive &= few.bound(alive) <= limit[who, None, None] * KEPT
    admitted = admission(fleet, rows).reshape(shape)[:, :, :1]
    return np.maximum(few.of_combinations(alive, grid), admitted)


@dataclass(frozen=True, slots=True)
class _Few:
    """Options of all modes and levels; rows are agents x modes x levels."""

    fleet: Fleet
    agent: Whole
    modes: int
    levels: int
    options: Options

    def bound(self, alive: Flags) -> Floats:
        """Least score with the option, whatever the levels of the other stages are."""
        overs = Overs(
            lambda values: values + self._of_others(self._split(lowest(values, alive)).min(axis=2)),
            lambda values: values + self._of_others(self._split(highest(values, alive)).max(axis=2)),
            lambda values: values,
        )
        agent = np.repeat(self.agent, self.modes * self.levels)
        return least_score(self.fleet, self.options, agent, self._mode(self.levels), alive.shape[1], overs)

    def _of_others(self, ends: Floats) -> Floats:
        """Ends by agent, mode and stage; summed over the other stages, as rows x stages x 1."""
        others = np.nan_to_num(ends.sum(axis=2, keepdims=True) - ends, posinf=1e300, neginf=0.0)
        return np.repeat(others.reshape(-1, 1, others.shape[2]), self.levels, axis=1).reshape(-1, others.shape[2], 1)

    def of_combinations(self, alive: Flags, grid: Whole) -> Floats:
        there = np.isfinite(self._top(lowest(self.options.own, alive), grid))

        def flat(values: Floats) -> Floats:
            return np.where(there, values, 1.0).reshape(-1, len(grid))

        overs = Overs(
            lambda values: flat(self._sum(lowest(values, alive), grid)),
            lambda values: flat(self._sum(highest(values, alive), grid)),
            lambda values: flat(self._top(lowest(values, alive), grid)),
        )
        agent = np.repeat(self.agent, self.modes)
        score = least_score(self.fleet, self.options, agent, self._mode(1), grid.shape[1], overs)
        return np.where(there, score.reshape(there.shape), np.inf)

    def _mode(self, times: int) -> Whole:
        known = np.array([len(each.modes) - 1 for each in self.fleet.choices])[self.agent]
        mode = np.minimum(np.arange(self.modes), known[:, None])
        return np.repeat(mode.reshape(-1), times)

    def _split(self, values: Floats) -> Floats:
        """Agents x modes x levels x stages."""
        return values.reshape(len(self.agent), self.modes, self.levels, -1)

    def _top(self, values: Floats, grid: Whole) -> Floats:
        split = self._split(values)
        top = split[:, :, grid[:, 0], 0]
        for stage in range(1, grid.shape[1]):
            top = np.maximum(top, split[:, :, grid[:, stage], stage])
        return top

    def _sum(self, values: Floats, grid: Whole) -> Floats:
        split = self._split(values)
        total = split[:, :, grid[:, 0], 0]
        for stage in range(1, grid.shape[1]):
            total = total + split[:, :, grid[:, stage], stage]
        return total
