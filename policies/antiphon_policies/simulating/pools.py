"""Replicas of many placement groups at once, in arrays: one row a pool, one column a place for a replica."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from antiphon_policies.facts import GroupFacts
from antiphon_policies.simulating.speeds import Floats

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
NONE, STARTING, SERVING, GOING = 0, 1, 2, 3
_FULL = 1 << 40


class Pools:
    """A pool is one group of one agent. Places of replicas that have ended are taken again; numbers never are."""

    def __init__(
        self, groups: Sequence[GroupFacts], start_seconds: Sequence[float], drain_seconds: Sequence[float]
    ) -> None:
        self.groups = tuple(groups)
        places = 2 * max((group.max_replicas for group in groups), default=1) + 2
        shape = (len(groups), places)
        self.state = np.zeros(shape, dtype=np.int8)
        self.sessions: Ints = np.zeros(shape, dtype=np.int64)
        self.due = np.zeros(shape)
        """When one that starts serves, and one that is going must end."""
        self.number: Ints = np.zeros(shape, dtype=np.int64)
        self.backlog = np.zeros(shape)
        """Turns that wait beyond what a queue in balance holds."""
        self.wanted: Ints = np.zeros(len(groups), dtype=np.int64)
        self.most: Ints = np.array([_FULL if one.max_sessions is None else one.max_sessions for one in groups])
        self._starts, self._drains = np.array(start_seconds), np.array(drain_seconds)
        self._made = 0

    @property
    def serving(self) -> Ints:
        return np.asarray((self.state == SERVING).sum(axis=1))

    @property
    def placed(self) -> Ints:
        return np.asarray((self.state != NONE).sum(axis=1))

    def replicas(self, pool: int) -> list[tuple[int, int, int]]:
        """State, number and sessions of each that there is."""
        figures = (each[pool].tolist() for each in (self.state, self.number, self.sessions))
        return [one for one in zip(*figures, strict=True) if one[0] != NONE]

    def open(self, pool: int, count: int) -> None:
        self.want(pool, count, 0.0)
        self.state[pool][self.state[pool] == STARTING] = SERVING

    def want(self, pool: int, count: int, now: float) -> None:
        state = self.state[pool]
        staying = np.flatnonzero((state == STARTING) | (state == SERVING))
        self.wanted[pool] = count
        for place in np.flatnonzero(state == NONE)[: max(0, count - len(staying))].tolist():
            self._made += 1
            state[place], self.number[pool, place] = STARTING, self._made
            self.due[pool, place] = now + self._starts[pool]
        for place in sorted(staying.tolist(), key=lambda place: self._spared(pool, place))[
            : max(0, len(staying) - count)
        ]:
            self.due[pool, place] = now + self._drains[pool]
            state[place] = NONE if self.sessions[pool, place] == 0 else GOING

    def _spared(self, pool: int, place: int) -> tuple[int, int, int]:
        return (int(self.state[pool, place]), int(self.sessions[pool, place]), -int(self.number[pool, place]))

    def pass_to(self, now: float) -> list[tuple[int, int]]:
        """What has started serves, what has drained ends. Places whose sessions are to be cut off."""
        self.state[(self.state == STARTING) & (self.due <= now)] = SERVING
        going = self.state == GOING
        self.state[going & (self.sessions == 0)] = NONE
        late = np.argwhere(going & (self.sessions > 0) & (self.due <= now))
        return [(int(pool), int(place)) for pool, place in late]

    def least_loaded(self, pools: Ints, rank: Ints) -> tuple[Ints, Bools]:
        """Where sessions go that come one after another, each to the place with the fewest; the first of equal ones. And
        whether there is room. Each is given by its pool, and by how many came to that before it.

        Places fill like vessels: `needed` is how many sessions it takes until the next emptiest place is filled along.
        """
        sessions = np.where(self.state == SERVING, self.sessions, _FULL)
        ordered = np.sort(sessions, axis=1)
        filled = np.cumsum(ordered, axis=1) - ordered
        needed = np.arange(ordered.shape[1]) * ordered - filled
        along = (needed[pools] <= rank[:, None]).sum(axis=1)
        level = ordered[pools, along - 1]
        beyond = rank - needed[pools, along - 1]
        among = np.cumsum(sessions[pools] <= level[:, None], axis=1)
        places = (among > (beyond % along)[:, None]).argmax(axis=1)
        return places, level + beyond // along < np.minimum(self.most[pools], _FULL)

    def answer(self, tables: Floats, turns_per_second: Floats, seconds: float) -> tuple[Floats, Floats]:
        """What each replica answers in so many seconds, on average, and how many milliseconds of backlog are before each
        turn. A session that waits asks for nothing more, so that no more wait than there are sessions."""
        loads = np.minimum(self.sessions, tables.shape[2] - 1)
        most = np.take_along_axis(tables[:, 3], loads, axis=1)
        asked = np.maximum(0.0, self.sessions - self.backlog) * turns_per_second[:, None]
        full = (asked > most) | (self.backlog > 0)
        answered = np.where(full, np.minimum(most, asked + self.backlog / seconds), asked)
        before = self.backlog
        self.backlog = np.where(full, np.clip(before + (asked - answered) * seconds, 0.0, self.sessions), 0.0)
        waits = np.divide(500.0 * (before + self.backlog), most, out=np.zeros_like(most), where=most > 0)
        return answered * seconds, waits
