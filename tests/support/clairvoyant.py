"""What nobody can do better than: one who knows all of a trace beforehand, and whose replicas start, move their sessions and end
in no time.

The share of late turns is simulated for every set of variants and number of sessions on one replica. For each moment the
cheapest replicas are then sought; what a whole trace costs at the least follows by Lagrange's dual, which is never above it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from antiphon_policies.facts import AgentFacts, Setting, StageSetting
from antiphon_policies.simulating.promises import promise_of
from antiphon_policies.simulating.steady import steady
from antiphon_policies.simulating.traces import Trace

Floats = NDArray[np.float64]

_SEED = 5
_TURNS = 6000.0
"""Simulated for each number of sessions."""
_STEP_SECONDS = 5.0
_PRICES = np.geomspace(0.01, 300.0, 120)
"""Partitions for a missed turn at all times."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Of one kind of trace, a mean over its seeds."""

    seen: tuple[Clairvoyant, ...]

    def fewest_hours(self, missed: float) -> float:
        return fmean(one.fewest_hours(missed) for one in self.seen)

    def fewest_missed(self, hours: float) -> float:
        return fmean(one.fewest_missed(hours) for one in self.seen)


@dataclass(frozen=True, slots=True)
class Clairvoyant:
    """Of one trace. Rows are replicas from one on, columns moments."""

    sessions: Floats
    missed: Floats
    """Sessions whose turns are late, or that are refused, with the best of all sets of variants."""
    hours: float
    """Of all moments together."""

    def fewest_hours(self, missed: float) -> float:
        """Partition-hours at which no larger share of the turns can be missed."""
        budget = missed * self.sessions.mean()
        return float(self.hours * max(self._cheapest(price) - price * budget for price in (0.0, *_PRICES)))

    def fewest_missed(self, hours: float) -> float:
        """Share of the turns that are missed at the least for so many partition-hours."""
        partitions = hours / self.hours
        found = max((self._cheapest(price) - partitions) / price for price in _PRICES)
        return float(max(0.0, found / self.sessions.mean()))

    def _cheapest(self, price: float) -> float:
        replicas = np.arange(1.0, len(self.missed) + 1)[:, None]
        return float((replicas + price * self.missed).min(axis=0).mean())


def clairvoyant(late: Floats, most_replicas: int, trace: Trace, begin: float, end: float) -> Clairvoyant:
    """Between two seconds of the trace. `late`: of the agent, as `late_sessions` tells it."""
    moments = np.arange(begin, end, _STEP_SECONDS)
    live = (trace.starts[:, None] <= moments) & (trace.starts[:, None] + trace.durations[:, None] > moments)
    sessions = live.sum(axis=0)
    counts, where = np.unique(sessions, return_inverse=True)
    replicas = range(1, most_replicas + 1)
    missed = np.array([[_missed(late, int(count), each) for count in counts] for each in replicas])
    return Clairvoyant(sessions.astype(float), missed[:, where], (end - begin) / 3600)


def _missed(late: Floats, sessions: int, replicas: int) -> float:
    """Spread evenly. What finds no place is refused; it may be better to refuse more."""
    room = len(late) - 1
    served = np.arange(min(sessions, room * replicas) + 1)
    fuller, each = served % replicas, served // replicas
    of_them = (replicas - fuller) * late[each] + fuller * late[np.minimum(each + 1, room)]
    return float((sessions - served + of_them).min())


def late_sessions(facts: AgentFacts) -> Floats:
    """By the number on one replica: that number times the share of its turns that are late, with the best of all variants. Of
    an agent with one group. Takes a minute."""
    room = facts.groups[0].max_sessions or 0
    tried = sorted({*range(1, min(room, 16) + 1), *range(18, room + 1, 2), room})
    names = [[variant.name for variant in stage.variants] for stage in facts.stages]
    curves = [_curve(_measured(facts, chosen), tried, room) for chosen in product(*names)]
    return np.asarray(np.min(curves, axis=0))


def _measured(facts: AgentFacts, chosen: tuple[str, ...]) -> Callable[[int], float]:
    stages = {
        stage.stage: StageSetting(name, next(one.max_batch for one in stage.variants if one.name == name))
        for stage, name in zip(facts.stages, chosen, strict=True)
    }
    setting = Setting(stages, {facts.groups[0].name: 1}, facts.modes[0].name)
    promise = promise_of(facts)

    def share(sessions: int) -> float:
        seconds = _TURNS / (sessions * facts.turns_per_second)
        told = steady(facts, setting, sessions, seconds, np.random.default_rng(_SEED))
        return float(np.mean((told.responses if promise.response else told.turns) > promise.target_ms))

    return share


def _curve(share: Callable[[int], float], tried: list[int], room: int) -> Floats:
    shares = np.maximum.accumulate([0.0, *(share(sessions) for sessions in tried)])
    counts = np.arange(room + 1.0)
    return np.asarray(counts * np.interp(counts, [0.0, *tried], shares))
