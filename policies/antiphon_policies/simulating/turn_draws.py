"""Times of turns, drawn from cumulants."""

from __future__ import annotations

import numpy as np

from antiphon_policies.simulating.pools import Ints, Pools
from antiphon_policies.simulating.speeds import Floats

_SKEWED, _STRAIGHT = 6.0, 1e-4


def drawn(cumulants: Floats, numbers: Ints, rng: np.random.Generator) -> Floats:
    """So many times of each mean, variance and third moment: a normal variable bent as the prediction's quantiles are."""
    mean, variance, third = cumulants
    spread = np.sqrt(np.maximum(variance, 1e-12))
    sixth = np.clip(third / spread**3, -_SKEWED, _SKEWED) / 6
    sixth = np.where(np.abs(sixth) < _STRAIGHT, _STRAIGHT, sixth)
    bend, base, scale, shift = np.repeat((sixth, 1 - sixth**2, spread / (3 * sixth), mean), numbers, axis=1)
    root = np.maximum(base + bend * rng.standard_normal(len(bend)), 0.0)
    times: Floats = np.maximum(0.0, shift + scale * (root * root * root - 1))
    return times


class Others:
    """What the pools of an agent besides its first add to its turns: a replica is met as often as it answers."""

    def __init__(self, pools: Pools, tables: Floats, owner: Ints, first: Ints) -> None:
        self._pools, self._tables = pools, tables
        self._rows = np.setdiff1d(np.arange(len(owner)), first)
        self._owner, self._agents = owner, len(first)

    def added(self, answered: Floats, waits: Floats) -> Floats:
        """Cumulants by agent."""
        added, rows = np.zeros((3, self._agents)), self._rows
        if not len(rows):
            return added
        loads = np.minimum(self._pools.sessions[rows], self._tables.shape[2] - 1)
        mean, variance, third = (np.take_along_axis(self._tables[rows, kind], loads, axis=1) for kind in range(3))
        mean = mean + waits[rows]
        weight = answered[rows] / np.maximum(answered[rows].sum(axis=1, keepdims=True), 1e-12)
        center = (weight * mean).sum(axis=1)
        apart = mean - center[:, None]
        spread = (weight * (variance + apart**2)).sum(axis=1)
        skew = (weight * (third + 3 * variance * apart + apart**3)).sum(axis=1)
        for row, figures in enumerate((center, spread, skew)):
            np.add.at(added[row], self._owner[rows], figures)
        return added
