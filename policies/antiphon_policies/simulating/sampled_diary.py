"""Writes down what a sampled fleet is like, every few minutes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from antiphon_policies.facts import Setting
from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.simulating.attending import Past
from antiphon_policies.simulating.crowd import Crowd
from antiphon_policies.simulating.pools import Bools, Ints, Pools
from antiphon_policies.simulating.runs import Moment

TELL_SECONDS = 300.0
InForce = Callable[[int], tuple[Setting, float]]
"""From an agent to what it runs with, and its quality."""


class SampledDiary:
    """Of all agents."""

    def __init__(self, pools: Pools, crowd: Crowd, owner: Ints, past: Past, responses: Bools) -> None:
        self._pools, self._crowd, self._past = pools, crowd, past
        agents = len(crowd.offered)
        self._owned = [np.flatnonzero(owner == agent).tolist() for agent in range(agents)]
        self.moments: list[list[Moment]] = [[] for _ in range(agents)]
        self._kinds = responses.astype(np.int64)
        self._told_turns, self._told_kept = past.turns.copy(), past.kept.copy()
        self._seconds = np.zeros(len(owner))
        """Of replicas that start, serve or drain, since the start."""
        self._told_seconds = self._seconds.copy()
        self._told_crowd = self._counted()
        self._told_buckets = past.buckets.copy()
        self._now = self._told_at = 0.0

    def hours_of(self, pool: int) -> float:
        return float(self._seconds[pool]) / 3600

    def step(self, now: float, seconds: float, in_force: InForce) -> None:
        self._now = now
        self._seconds += self._pools.placed * seconds
        if now - self._told_at >= TELL_SECONDS:
            self.write(in_force)

    def write(self, in_force: InForce) -> None:
        """What came since the last time."""
        if self._now <= self._told_at:
            return
        gained = self._counted() - self._told_crowd
        buckets = self._past.buckets - self._told_buckets
        seconds = self._seconds - self._told_seconds
        turns, kept = self._past.turns - self._told_turns, self._past.kept - self._told_kept
        serving, placed, live = self._pools.serving, self._pools.placed, self._crowd.live
        for agent, moments in enumerate(self.moments):
            rows = self._owned[agent]
            groups = {self._pools.groups[row].name: row for row in rows}
            times = Distribution(self._past.bounds, tuple(buckets[self._kinds[agent], agent].tolist()), 0.0)
            hours = {row: float(seconds[row]) / 3600 for row in rows}
            setting, quality = in_force(agent)
            offered, rejected, dropped = gained[:, agent].tolist()
            moments.append(
                Moment(
                    at=self._now,
                    seconds=self._now - self._told_at,
                    sessions=int(live[agent]),
                    offered=offered,
                    rejected=rejected,
                    dropped=dropped,
                    turns=int(turns[agent]),
                    kept=int(kept[agent]),
                    failed=0,
                    p50_ms=times.quantile(0.5),
                    p95_ms=times.quantile(0.95),
                    p99_ms=times.quantile(0.99),
                    wanted={name: int(self._pools.wanted[row]) for name, row in groups.items()},
                    ready={name: int(serving[row]) for name, row in groups.items()},
                    placed={name: int(placed[row]) for name, row in groups.items()},
                    setting=setting,
                    quality=quality,
                    replica_hours=sum(hours.values()),
                    cost=sum(hours[row] * self._pools.groups[row].price_per_hour for row in rows),
                )
            )
        self._told_at, self._told_crowd, self._told_buckets = self._now, self._counted(), self._past.buckets.copy()
        self._told_seconds = self._seconds.copy()
        self._told_turns, self._told_kept = self._past.turns.copy(), self._past.kept.copy()

    def _counted(self) -> Ints:
        return np.stack([self._crowd.offered, self._crowd.rejected, self._crowd.dropped])
