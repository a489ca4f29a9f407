"""Which combination of options of a row is the best one, over all that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from antiphon_policies.planning.fleet import Flags, Fleet, Floats, Whole
from antiphon_policies.planning.judging import KEPT, SATURATED
from antiphon_policies.planning.options import NEVER, Options, Rows, admission, options_of
from antiphon_policies.planning.sums import Overs, least_score
from antiphon_policies.planning.weighing import along, weighed, weighed_all

_AT_ONCE = 1 << 14
"""Combinations whose bounds are taken at once: what the processor's cache holds."""
_IN_CACHE = 1 << 12
"""Combinations that are weighed at once."""
_FIRST = 8
"""Combinations of a row that are weighed first; then four times as many, and so on."""
_SPREAD = 1.645
"""Standard deviations beyond the mean by which single options are told apart, to guess at a good combination."""

_ROUND = np.array([0, 1, 2, 3, 5, 5, 8, 8, 8])

Goal = Literal["any", "key", "score"]
"""What is wanted of a row: any combination within the limit, the one with the least key, or the one with the least score."""


@dataclass(frozen=True, slots=True)
class Found:
    """Of each row."""

    score: Floats
    """Infinite where no combination is within the limit."""
    pick: Whole
    """Places of the options; rows x stages."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Options of rows, and which of them may be part of a combination within the limit."""

    fleet: Fleet
    rows: Rows
    limit: Floats
    options: Options
    alive: Flags
    admission: Floats

    @property
    def possible(self) -> Flags:
        return _all_stages(self.alive) & (self.admission <= self.limit)

    def score(self, rows: Whole, pick: Whole) -> Floats:
        """Exact, of one option a stage."""
        return np.concatenate(
            [
                self._score(rows[begin : begin + _IN_CACHE], pick[begin : begin + _IN_CACHE])
                for begin in range(0, max(1, len(rows)), _IN_CACHE)
            ]
        )

    def _score(self, rows: Whole, pick: Whole) -> Floats:
        agent, mode = self.rows.agent[rows], self.rows.mode[rows]
        found = weighed(self.fleet, self.options, agent, mode, rows, pick)
        return _score(np.maximum(found.ratio, self.admission[rows]), found.own, found.excess)


def narrowed(fleet: Fleet, rows: Rows, limit: Floats, options: Options | None = None) -> Narrowed:
    """Leaves out what can't be part of a combination within the limit; never what can."""
    options = options_of(fleet, rows) if options is None else options
    admitted = admission(fleet, rows)
    alive = np.isfinite(options.own) & (options.own <= limit[:, None, None] * KEPT)
    some = np.flatnonzero(_all_stages(alive) & (admitted <= limit) & (limit < SATURATED))
    if len(some):
        alive[some] &= _bound(fleet, rows, options, alive, some) <= limit[some, None, None] * KEPT
    return Narrowed(fleet, rows, limit, options, alive, admitted)


def _within(narrow: Narrowed, some: Whole) -> Flags:
    """What may still be part of a combination within the limit, now that other options are out."""
    bound = _bound(narrow.fleet, narrow.rows, narrow.options, narrow.alive, some)
    within: Flags = bound <= narrow.limit[some, None, None] * KEPT
    return within


def fitting(narrow: Narrowed) -> Flags:
    """Whether a combination is within the limit."""
    fits = np.zeros(len(narrow.rows), dtype=bool)
    possible = np.flatnonzero(narrow.possible)
    if len(possible):
        fits[possible] = narrow.score(possible, _quick(narrow, possible)) <= narrow.limit[possible]
        open_ones = possible[~fits[possible]]
        if len(open_ones):
            narrow.alive[open_ones] &= _within(narrow, open_ones)
            open_ones = open_ones[_all_stages(narrow.alive[open_ones])]
        if narrow.options.turns is None:
            fits[open_ones] = _any(narrow, open_ones)
        else:
            fits[open_ones] = np.isfinite(_tried(narrow, open_ones, "any").score)
    return fits


def _any(narrow: Narrowed, rows: Whole) -> Flags:
    """Whether any combination of each row is within the limit: all are weighed, as few of the rows that come so far have
    one."""
    fits = np.zeros(len(rows), dtype=bool)
    alive = narrow.alive[rows] & (narrow.options.own[rows] <= narrow.limit[rows, None, None])
    order = np.argsort(~alive, axis=2, kind="stable")
    for box in _boxes(alive.sum(axis=2), alive.shape[2]):
        own = rows[box.rows]
        picks = [
            order[box.rows, stage, first : first + count]
            for stage, (first, count) in enumerate(zip(box.first, box.counts, strict=True))
        ]
        there = [alive[box.rows[:, None], stage, pick] for stage, pick in enumerate(picks)]
        agent, mode = narrow.rows.agent[own], narrow.rows.mode[own]
        ratio = weighed_all(narrow.fleet, narrow.options, agent, mode, own, picks)
        within = ratio <= narrow.limit[own].reshape(-1, *(1,) * (ratio.ndim - 1))
        for stage, flags in enumerate(there):
            within = within & along(flags, stage, len(there))
        fits[box.rows] |= within.reshape(len(own), -1).any(axis=1)
    return fits


def best(narrow: Narrowed) -> Found:
    """The combination with the least key within the limit."""
    found = _nothing(len(narrow.rows), narrow.alive.shape[1])
    possible = np.flatnonzero(narrow.possible)
    most_key = np.full(len(possible), NEVER)
    keys = np.where(narrow.alive[possible], narrow.options.key[possible], NEVER >> 4)
    for pick in (_quick(narrow, possible), keys.argmin(axis=2)) if len(possible) else ():
        score = narrow.score(possible, pick)
        fits = np.flatnonzero(score <= narrow.limit[possible])
        most_key[fits] = np.take_along_axis(keys[fits], pick[fits, :, None], axis=2)[..., 0].sum(axis=1)
        found.score[possible[fits]], found.pick[possible[fits]] = score[fits], pick[fits]
    rest = np.flatnonzero(most_key > keys.min(axis=2).sum(axis=1))
    tried = _tried(narrow, possible[rest], "key", most_key[rest])
    better = np.isfinite(tried.score)
    found.score[possible[rest[better]]], found.pick[possible[rest[better]]] = tried.score[better], tried.pick[better]
    return found


def nearest(narrow: Narrowed) -> Found:
    """The combination with the least score within the limit."""
    possible = np.flatnonzero(narrow.possible)
    if len(possible):
        limit = narrow.limit.copy()
        limit[possible] = np.minimum(limit[possible], narrow.score(possible, _quick(narrow, possible)) * KEPT)
        narrow = narrowed(narrow.fleet, narrow.rows, limit, narrow.options)
    found = _nothing(len(narrow.rows), narrow.alive.shape[1])
    possible = np.flatnonzero(narrow.possible)
    tried = _tried(narrow, possible, "score")
    found.score[possible], found.pick[possible] = tried.score, tried.pick
    return found


def _all_stages(alive: Flags) -> Flags:
    every: Flags = alive.max(axis=2).min(axis=1)
    return every


def _nothing(rows: int, stages: int) -> Found:
    return Found(np.full(rows, np.inf), np.zeros((rows, stages), dtype=np.int64))


def _score(ratio: Floats, own: Floats, excess: Floats) -> Floats:
    score: Floats = np.where(own >= SATURATED, SATURATED + excess, np.maximum(ratio, own))
    return score


def _bound(fleet: Fleet, rows: Rows, options: Options, alive: Flags, some: Whole) -> Floats:
    """Least score of a combination with the option, by option."""
    left = alive[some]

    def top(values: Floats) -> Floats:
        part = values[some]
        return np.asarray(np.maximum(part, lowest(part, left).max(axis=1)[:, None, None]))

    overs = Overs(
        lambda values: _with_others(values[some], lowest(values[some], left)),
        lambda values: _with_others(values[some], highest(values[some], left)),
        top,
    )
    return least_score(fleet, options, rows.agent[some], rows.mode[some], left.shape[1], overs)


def lowest(values: Floats, alive: Flags) -> Floats:
    low: Floats = np.where(alive, values, np.inf).min(axis=2)
    return low


def highest(values: Floats, alive: Flags) -> Floats:
    high: Floats = np.where(alive, values, -np.inf).max(axis=2)
    return high


def _with_others(values: Floats, ends: Floats) -> Floats:
    others: Floats = (ends.sum(axis=1, keepdims=True) - ends)[..., None]
    return np.asarray(values + others)


def _quick(narrow: Narrowed, rows: Whole) -> Whole:
    """Of each stage the option that is the shortest by itself."""
    options, alive = narrow.options, narrow.alive[rows]
    alone = options.parts[1, rows] + _SPREAD * np.sqrt(np.maximum(0.0, options.parts[2, rows]))
    pick: Whole = np.where(alive, alone + options.excess[rows] * SATURATED, np.inf).argmin(axis=2)
    return pick


@dataclass(frozen=True, slots=True)
class _Box:
    """Rows whose combinations are bounded together: as many options of each stage, from `first` on in their order."""

    rows: Whole
    first: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Queue:
    """Combinations of all rows that may be what is wanted, each row's one after another and the most promising first."""

    begin: Whole
    """Of each row's first."""
    count: Whole
    pick: Whole
    key: Whole
    lower: Floats


def _tried(narrow: Narrowed, rows: Whole, goal: Goal, below_key: Whole | None = None) -> Found:
    """Combinations of what is left of the rows' options, in order, until the wanted one is known."""
    found = _nothing(len(rows), narrow.alive.shape[1])
    if not len(rows):
        return found
    queue = _queue(narrow, rows, goal, below_key)
    least = np.full(len(rows), np.inf)
    active, begin, step = np.flatnonzero(queue.count), 0, _FIRST
    while len(active):
        there = np.minimum(queue.count[active] - begin, step)
        line = np.repeat(active, there)
        place = np.arange(len(line)) - np.repeat(np.cumsum(there) - there, there) + begin + queue.begin[line]
        score = narrow.score(rows[line], queue.pick[place])
        score = np.where(score <= narrow.limit[rows[line]], score, np.inf)
        first = np.cumsum(there) - there
        best_of = np.minimum.reduceat(score, first) if goal == "score" else score[_first_within(score, first, there)]
        at = _place_of(score, best_of, first, there) if goal == "score" else _first_within(score, first, there)
        better = best_of < least[active]
        least[active[better]] = found.score[active[better]] = best_of[better]
        found.pick[active[better]] = queue.pick[place[at[better]]]
        begin, step = begin + step, step * 4
        going = queue.count[active] > begin
        going &= (least[active] == np.inf) if goal != "score" else _promising(queue, active, begin, least)
        active = active[going]
    return found


def _promising(queue: _Queue, active: Whole, begin: int, least: Floats) -> Flags:
    """Whether the next one may be better than the best so far."""
    places = np.minimum(queue.begin[active] + begin, len(queue.lower) - 1)
    promising: Flags = queue.lower[places] < least[active]
    return promising


def _first_within(score: Floats, first: Whole, there: Whole) -> Whole:
    """Of each run, the place of the first finite score; of its first where there is none."""
    places = np.where(np.isfinite(score), np.arange(len(score)), len(score))
    found = np.minimum.reduceat(places, first)
    return np.where(found < first + there, found, first)


def _place_of(score: Floats, value: Floats, first: Whole, there: Whole) -> Whole:
    same = score == np.repeat(value, there)
    return np.minimum.reduceat(np.where(same, np.arange(len(score)), len(score)), first)


def _queue(narrow: Narrowed, rows: Whole, goal: Goal, below_key: Whole | None) -> _Queue:
    alive = narrow.alive[rows]
    order = np.argsort(~alive, axis=2, kind="stable")
    lines: list[Whole] = []
    picks: list[Whole] = []
    keys: list[Whole] = []
    lowers: list[Floats] = []
    for box in _boxes(alive.sum(axis=2), alive.shape[2]):
        lower, key = _of_box(narrow, rows, order, box)
        open_ones = lower <= narrow.limit[rows[box.rows], None] * KEPT
        if below_key is not None:
            open_ones &= key < below_key[box.rows, None]
        line, place = np.nonzero(open_ones)
        steps = np.stack(np.unravel_index(place, box.counts), axis=1) + np.array(box.first)
        lines.append(box.rows[line])
        picks.append(np.take_along_axis(order[box.rows[line]], steps[..., None], axis=2)[..., 0])
        keys.append(key[line, place])
        lowers.append(lower[line, place])
    line, pick = np.concatenate(lines), np.concatenate(picks)
    key, lower = np.concatenate(keys), np.concatenate(lowers)
    sequence = np.argsort(line, kind="stable") if goal == "any" else np.lexsort((_order(goal, key, lower), line))
    count = np.bincount(line, minlength=len(rows))
    return _Queue(np.cumsum(count) - count, count, pick[sequence], key[sequence], lower[sequence])


def _order(goal: Goal, key: Whole, lower: Floats) -> Whole | Floats:
    return key if goal == "key" else lower


def _boxes(counts: Whole, most: int) -> Iterator[_Box]:
    """Counts are rounded up, so that there are few kinds of boxes: options that are out lie behind those that are left."""
    rounded = np.where(counts < len(_ROUND), _ROUND[np.minimum(counts, len(_ROUND) - 1)], counts)
    kinds, which = np.unique(np.minimum(rounded, most), axis=0, return_inverse=True)
    for number, kind in enumerate(kinds):
        rows = np.flatnonzero(which.reshape(-1) == number)
        for first, shape in _cut((0,) * len(kind), tuple(int(count) for count in kind)):
            step = max(1, _AT_ONCE // int(np.prod(shape)))
            for begin in range(0, len(rows), step):
                yield _Box(rows[begin : begin + step], first, shape)


def _cut(first: tuple[int, ...], counts: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Parts that are not larger than what is tried at once."""
    if int(np.prod(counts)) <= _AT_ONCE:
        yield first, counts
        return
    axis = counts.index(max(counts))
    for place in range(counts[axis]):
        begin = (*first[:axis], first[axis] + place, *first[axis + 1 :])
        yield from _cut(begin, (*counts[:axis], 1, *counts[axis + 1 :]))


def _of_box(narrow: Narrowed, rows: Whole, order: Whole, box: _Box) -> tuple[Floats, Whole]:
    """Lower bound of the score, and key, of every combination; rows x combinations."""
    own, options = rows[box.rows], narrow.options
    spans = list(zip(box.first, box.counts, strict=True))
    where = [
        (own[:, None], stage, order[box.rows, stage, first : first + count])
        for stage, (first, count) in enumerate(spans)
    ]

    def over(by: np.ufunc) -> Callable[[Any], Any]:
        def of(values: Any) -> Any:
            total = values[where[0]]
            for each in where[1:]:
                total = by(total[:, :, None], values[each][:, None, :]).reshape(len(own), -1)
            return total

        return of

    summed, topped = over(np.add), over(np.maximum)
    agent, mode = narrow.rows.agent[own], narrow.rows.mode[own]
    lower = least_score(narrow.fleet, options, agent, mode, len(spans), Overs(summed, summed, topped))
    return np.maximum(lower, narrow.admission[own, None]), summed(options.key)
