"""Writes down what a simulated world is like, step by step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_policies.facts import Setting, StageSetting
from antiphon_policies.simulating.runs import Moment
from antiphon_policies.simulating.speeds import Floats

if TYPE_CHECKING:
    from antiphon_policies.simulating.world import World


class Diary:
    """Writes a world's moments down."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pieces = 0
        self._before = (0, 0, 0, 0)
        self._seconds = dict.fromkeys(world.groups, 0.0)

    def write(self, now: float, _: object) -> None:
        world = self._world
        world.ledger.collect(world.eye.lie(now).times)
        world.clock.at(now + world.scene.step_seconds, self.write)
        times = np.sort(world.ledger.times_since(self._pieces, world.promise.response))
        self._pieces = len(world.ledger.turns)
        offered, rejected, dropped, failed = self._gained()
        setting, quality = self._in_force()
        hours, cost = self._spent(now)
        world.moments.append(
            Moment(
                at=now,
                seconds=world.scene.step_seconds,
                sessions=world.ledger.live,
                offered=offered,
                rejected=rejected,
                dropped=dropped,
                turns=len(times),
                kept=int(np.searchsorted(times, world.promise.target_ms, side="right")),
                failed=failed,
                p50_ms=_quantile(times, 0.5),
                p95_ms=_quantile(times, 0.95),
                p99_ms=_quantile(times, 0.99),
                wanted={name: group.wanted for name, group in world.groups.items()},
                ready={name: group.serving for name, group in world.groups.items()},
                placed={name: group.placed for name, group in world.groups.items()},
                setting=setting,
                quality=quality,
                replica_hours=hours,
                cost=cost,
            )
        )

    def _gained(self) -> tuple[int, int, int, int]:
        ledger = self._world.ledger
        now = (ledger.offered, ledger.rejected, ledger.dropped, ledger.failed)
        was, self._before = self._before, now
        return (now[0] - was[0], now[1] - was[1], now[2] - was[2], now[3] - was[3])

    def _spent(self, now: float) -> tuple[float, float]:
        """Replica-hours since the last time, and their cost."""
        hours = cost = 0.0
        for name, group in self._world.groups.items():
            group.count(now)
            spent = (group.replica_seconds - self._seconds[name]) / 3600
            self._seconds[name] = group.replica_seconds
            hours += spent
            cost += spent * group.facts.price_per_hour
        return hours, cost

    def _in_force(self) -> tuple[Setting, float]:
        world = self._world
        found: dict[Stage, StageSetting] = {}
        quality = 1.0
        for stage in world.facts.stages:
            replicas = [replica for replica in world.groups[stage.group].replicas if replica.serves]
            stations = [replica.stations[stage.stage] for replica in replicas]
            if not stations:
                found[stage.stage] = world.setting.stages[stage.stage]
                continue
            (variant, cap), _ = Counter((one.speed.name, one.cap) for one in stations).most_common(1)[0]
            found[stage.stage] = StageSetting(variant, cap)
            quality *= sum(one.speed.quality for one in stations) / len(stations)
        return replace(world.setting, stages=found), quality


def _quantile(ascending: Floats, share: float) -> float | None:
    if not len(ascending):
        return None
    return float(ascending[min(len(ascending) - 1, int(np.ceil(share * len(ascending))) - 1)])
