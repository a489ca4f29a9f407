"""Replicas of a placement group: asked for, started, drained, lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from antiphon_policies.facts import GroupFacts, Setting
from antiphon_policies.simulating.replicas import Replica, Workshop
from antiphon_policies.simulating.scene import Scene
from antiphon_policies.simulating.speeds import noises
from antiphon_policies.simulating.talking import Talker

Dropped = Callable[[float, Talker], None]


@dataclass(slots=True)
class Stock:
    """Partitions that are free. Those without a limit are not named."""

    free: dict[str, int]

    def take(self, partition: str) -> bool:
        if partition not in self.free:
            return True
        if self.free[partition] <= 0:
            return False
        self.free[partition] -= 1
        return True

    def give_back(self, partition: str) -> None:
        if partition in self.free:
            self.free[partition] += 1


@dataclass(slots=True)
class Group:
    """Tells `dropped` of each session that a replica takes with it."""

    facts: GroupFacts
    shop: Workshop
    stock: Stock
    dropped: Dropped
    start_seconds: float
    drain_seconds: float
    noise: Callable[[], float]
    freed: Callable[[float], None]
    """Called when a partition may have become free."""
    wanted: int = 0
    replicas: list[Replica] = field(default_factory=list)
    """Oldest first; those that wait for a partition, start, serve or are going."""
    replica_seconds: float = 0.0
    """Of those that have their partition, until `counted`."""
    counted: float = 0.0
    made: int = 0

    @property
    def placed(self) -> int:
        return sum(not replica.pending for replica in self.replicas)

    @property
    def serving(self) -> int:
        return sum(replica.serves for replica in self.replicas)

    def open(self, now: float, setting: Setting) -> None:
        """With replicas that serve at once, as far as there are partitions."""
        self.wanted = setting.replicas.get(self.facts.name, 0)
        for _ in range(self.wanted):
            replica = self._made(now, setting)
            if self.stock.take(self.facts.partition):
                replica.pending = False
                replica.begin(now)

    def want(self, now: float, setting: Setting) -> None:
        for replica in self.replicas:
            replica.apply(now, setting)
        self.wanted = setting.replicas.get(self.facts.name, 0)
        staying = [replica for replica in self.replicas if not replica.going]
        for _ in range(self.wanted - len(staying)):
            self._made(now, setting)
        for replica in sorted(staying, key=_spared)[: max(0, len(staying) - self.wanted)]:
            self._give_back(now, replica)
        self.place(now)

    def place(self, now: float) -> None:
        """Starts what waits for a partition, as far as there are some."""
        for replica in self.replicas:
            if replica.pending and self.stock.take(self.facts.partition):
                self.count(now)
                replica.pending = False
                self.shop.clock.at(now + self.start_seconds * self.noise(), self._started, replica)

    def least_loaded(self) -> Replica | None:
        """Of those that take another session."""
        able = [replica for replica in self.replicas if replica.serves and not replica.is_full]
        return min(able, key=lambda replica: len(replica.sessions), default=None)

    def left(self, now: float, replica: Replica, talker: Talker) -> None:
        replica.sessions.pop(talker, None)
        if replica.going and not replica.sessions and not replica.died:
            self._end(now, replica)

    def die(self, now: float) -> None:
        """The one with the most sessions; what was wanted is started anew by the next wish, which is at once."""
        serving = [replica for replica in self.replicas if replica.ready]
        if serving:
            self._end(now, max(serving, key=lambda replica: len(replica.sessions)))

    def count(self, now: float) -> None:
        self.replica_seconds += self.placed * (now - self.counted)
        self.counted = now

    def _made(self, now: float, setting: Setting) -> Replica:
        self.made += 1
        replica = Replica(f"{self.facts.name}-{self.made}", self.facts, self.shop, setting, now)
        self.replicas.append(replica)
        return replica

    def _started(self, now: float, replica: Replica) -> None:
        if not replica.died:
            replica.begin(now)

    def _give_back(self, now: float, replica: Replica) -> None:
        replica.going = True
        if replica.sessions:
            self.shop.clock.at(now + self.drain_seconds, self._drained, replica)
        else:
            self._end(now, replica)

    def _drained(self, now: float, replica: Replica) -> None:
        if not replica.died:
            self._end(now, replica)

    def _end(self, now: float, replica: Replica) -> None:
        self.count(now)
        replica.end()
        self.replicas.remove(replica)
        if not replica.pending:
            self.stock.give_back(self.facts.partition)
        for talker in tuple(replica.sessions):
            self.dropped(now, talker)
        self.freed(now)


def _spared(replica: Replica) -> tuple[int, int, float]:
    """Who goes first: who has no partition, who does not serve yet, who has the fewest sessions; the youngest of these."""
    return (0 if replica.pending else 1 if not replica.ready else 2, len(replica.sessions), -replica.asked)


def groups_of(
    shop: Workshop, scene: Scene, dropped: Dropped, freed: Callable[[float], None], rng: np.random.Generator
) -> Mapping[str, Group]:
    stock, noise = Stock(dict(scene.stock)), noises(scene.start_noise, rng)
    return {
        group.name: Group(
            facts=group,
            shop=shop,
            stock=stock,
            dropped=dropped,
            start_seconds=scene.start_seconds.get(group.name, group.start_seconds),
            drain_seconds=scene.drain_seconds,
            noise=noise,
            freed=freed,
        )
        for group in shop.facts.groups
    }
