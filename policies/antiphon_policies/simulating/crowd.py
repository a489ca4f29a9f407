"""Sessions of many agents, in arrays: on which replica each is, and when it ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from antiphon_policies.simulating.pools import GOING, NONE, Bools, Ints, Pools
from antiphon_policies.simulating.traces import Trace


class Crowd:
    """Every session is on one replica of each of its agent's pools."""

    def __init__(self, traces: Sequence[Trace], pools_of: Sequence[Sequence[int]], pools: Pools) -> None:
        agents = np.repeat(np.arange(len(traces)), [trace.sessions for trace in traces])
        starts = np.concatenate([trace.starts for trace in traces])
        ends = starts + np.concatenate([trace.durations for trace in traces])
        order = np.argsort(starts, kind="stable")
        self.agents, self.starts, self.ends = agents[order], starts[order], ends[order]
        self._by_end = np.argsort(self.ends, kind="stable")
        self._sorted_ends = self.ends[self._by_end]
        self._pools = pools
        width = max(len(own) for own in pools_of)
        self._pools_of: Ints = np.array([[*own, *[-1] * (width - len(own))] for own in pools_of])
        self._places: Ints = np.full((len(starts), width), -1, dtype=np.int64)
        self._numbers: Ints = np.zeros((len(starts), width), dtype=np.int64)
        self._live: Bools = np.zeros(len(starts), dtype=np.bool_)
        self._begun = self._over = 0
        self.offered, self.rejected, self.dropped, self.ended = (
            np.zeros(len(traces), dtype=np.int64) for _ in range(4)
        )

    @property
    def live(self) -> Ints:
        return np.asarray(self.offered - self.rejected - self.dropped - self.ended)

    def pass_to(self, now: float) -> None:
        """All that begins and ends until then."""
        until = int(np.searchsorted(self.starts, now, side="right"))
        arriving, self._begun = np.arange(self._begun, until), until
        np.add.at(self.offered, self.agents[arriving], 1)
        if len(arriving):
            self._place(arriving[np.argsort(self.agents[arriving], kind="stable")])
        self._end(now)

    def _place(self, those: Ints) -> None:
        """In the order of their agents. Once one of an agent is refused, all its later ones are: no pool has room again."""
        pools, rank = self._pools, _rank(self.agents[those])
        fits = np.ones(len(those), dtype=np.bool_)
        chosen = []
        for own in self._pools_of[self.agents[those]].T:
            places, free = pools.least_loaded(own, rank)
            fits &= free | (own < 0)
            chosen.append((own, places))
        np.add.at(self.rejected, self.agents[those[~fits]], 1)
        for column, (own, places) in enumerate(chosen):
            taken = fits & (own >= 0)
            np.add.at(pools.sessions, (own[taken], places[taken]), 1)
            self._places[those[taken], column] = places[taken]
            self._numbers[those[taken], column] = pools.number[own[taken], places[taken]]
        self._live[those[fits]] = True

    def _end(self, now: float) -> None:
        until = int(np.searchsorted(self._sorted_ends, now, side="right"))
        ending, self._over = self._by_end[self._over : until], until
        ending = ending[self._live[ending]]
        np.add.at(self.ended, self.agents[ending], 1)
        self._leave(ending)

    def _leave(self, those: Ints) -> None:
        self._live[those] = False
        for column, own in enumerate(self._pools_of[self.agents[those]].T):
            there = own >= 0
            np.subtract.at(self._pools.sessions, (own[there], self._places[those[there], column]), 1)

    def cut_off(self, pool: int, place: int) -> None:
        """All sessions of a replica that has drained for too long."""
        pools = self._pools
        if pools.state[pool, place] != GOING:
            return
        columns = (self._numbers[: self._begun] == pools.number[pool, place]).any(axis=1)
        those = np.flatnonzero(columns & self._live[: self._begun])
        np.add.at(self.dropped, self.agents[those], 1)
        self._leave(those)
        pools.state[pool, place] = NONE


def _rank(ascending: Ints) -> Ints:
    """Of each figure among those that are the same."""
    places = np.arange(len(ascending))
    is_first = np.concatenate([[True], ascending[1:] != ascending[:-1]])[: len(ascending)]
    return np.asarray(places - np.maximum.accumulate(np.where(is_first, places, 0)))
