"""A stage of batches, solved exactly: the chain of what waits when a batch ends, and the time of a call that comes then.

Calls come as a Poisson process. The unit of time is a batch of one, which takes 1 - share + share.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ORDER = 3
_NODES = 5
"""Of the quadrature over the noise."""
_SPREADS = 6.0
"""Standard deviations of arrivals beyond which nothing is counted."""


@dataclass(frozen=True, slots=True)
class BatchStage:
    """A batch of n takes 1 - share + share x n, times lognormal noise; at most `cap` calls are in one."""

    share: float
    """Part of a batch of one that each further call adds."""
    cap: int
    noise: float

    @property
    def most(self) -> float:
        """Calls per unit of time that it can just not keep up with."""
        return self.cap / self.service(self.cap)

    def service(self, size: float) -> float:
        return 1.0 - self.share + self.share * size


@dataclass(frozen=True, slots=True)
class Exact:
    """Of one call."""

    mean: float
    variance: float
    third: float
    size: float
    """Mean size of the batch that it is in."""
    size_variance: float
    batch: float
    """Mean size of a batch, each counted once."""


def solve(stage: BatchStage, rate: float) -> Exact:
    """`rate`: calls per unit of time, less than `stage.most`."""
    return _Chain(stage, rate).solve()


class _Chain:
    def __init__(self, stage: BatchStage, rate: float) -> None:
        self._stage, self._rate, self._cap = stage, rate, stage.cap
        self._factors, self._weights = _noise_nodes(stage.noise)
        self._arrivals = self._most_arrivals()
        free = 1.0 - rate / stage.most
        self._states = stage.cap + self._arrivals + int(8.0 * (1.0 + stage.noise**2) / free)
        self._moments = {size: self._arrivals_and_time(size) for size in range(1, stage.cap + 1)}

    def solve(self) -> Exact:
        ends = self._waiting_at_ends()
        starts = ends.copy()
        starts[1] += starts[0]
        starts[0] = 0.0
        sizes = np.minimum(np.arange(self._states + 1), self._cap)
        batch, square, cube = (float(starts @ sizes.astype(float) ** power) for power in (1, 2, 3))
        first, second, third = self._sojourn(ends, starts) / batch
        variance = second - first**2
        return Exact(
            mean=first,
            variance=variance,
            third=third - 3 * first * variance - first**3,
            size=square / batch,
            size_variance=cube / batch - (square / batch) ** 2,
            batch=batch,
        )

    def _most_arrivals(self) -> int:
        mean = self._rate * self._stage.service(self._cap) * float(self._factors.max())
        return int(mean + _SPREADS * np.sqrt(mean) + 12)

    def _arrivals_and_time(self, size: int) -> Floats:
        """Row m, column n: the mean of [n calls come during a batch] x its time to the power of m."""
        times = self._stage.service(size) * self._factors
        came = _poisson(self._rate * times, self._arrivals)
        return np.stack([(self._weights * times**power) @ came for power in range(_ORDER + 1)])

    def _waiting_at_ends(self) -> Floats:
        """Probability that so many wait when a batch ends."""
        count = self._states + 1
        moves = np.zeros((count, count + self._arrivals + 1))
        for waiting in range(count):
            size = max(1, min(waiting, self._cap))
            left = max(0, waiting - size)
            moves[waiting, left : left + self._arrivals + 1] = self._moments[size][0]
        moves[:, count - 1] += moves[:, count:].sum(axis=1)
        balance = moves[:, :count].T - np.eye(count)
        balance[-1] = 1.0
        return np.asarray(np.linalg.solve(balance, np.eye(count)[-1]))

    def _sojourn(self, ends: Floats, starts: Floats) -> Floats:
        """Raw moments of the time of all calls of a cycle, added up."""
        after = self._after_end()
        total = ends[0] * self._own(1)
        for size in range(1, self._cap):
            total = total + starts[size] * self._during(size, 0, after)
        for waiting in range(self._cap, self._states - self._arrivals):
            total = total + starts[waiting] * self._during(self._cap, waiting - self._cap, after)
        return np.asarray(total)

    def _own(self, size: int) -> Floats:
        time = self._moments[size].sum(axis=1)
        return np.asarray(time[1:])

    def _during(self, size: int, left: int, after: Floats) -> Floats:
        """Of the calls that come while a batch of this size is computed and so many others wait."""
        came = np.arange(1, self._arrivals + 1)[:, None]
        place = np.arange(1, self._arrivals + 1)[None, :]
        there = place <= came
        weight = self._moments[size][:, 1:, None] * there
        ratio1 = (came + 1 - place) / (came + 1)
        ratio2 = ratio1 * (came + 2 - place) / (came + 2)
        ratio3 = ratio2 * (came + 3 - place) / (came + 3)
        end1, end2, end3 = after[:, np.minimum(left + place - 1, self._states), np.minimum(left + came, self._states)]
        none, once, twice, thrice = weight
        return np.array(
            [
                (once * ratio1 + none * end1).sum(),
                (twice * ratio2 + 2 * once * ratio1 * end1 + none * end2).sum(),
                (thrice * ratio3 + 3 * twice * ratio2 * end1 + 3 * once * ratio1 * end2 + none * end3).sum(),
            ]
        )

    def _after_end(self) -> Floats:
        """Raw moments of the time left when a batch ends, by how many wait before the call, and how many wait in all."""
        count, cap = self._states + 1, self._cap
        after = np.zeros((_ORDER + 1, count, count))
        own = np.stack([np.append(1.0, self._own(max(1, min(waiting, cap)))) for waiting in range(count)], axis=1)
        after[:, :cap, :] = own[:, None, :]
        moves = self._full_batches(count)
        for begin in range(cap, count, cap):
            end = min(begin + cap, count)
            before = after[:, begin - cap : end - cap, :]
            for order in range(_ORDER + 1):
                after[order, begin:end] = sum(
                    comb(order, power) * before[order - power] @ moves[power].T for power in range(order + 1)
                )
        return after[1:]

    def _full_batches(self, count: int) -> Floats:
        """By power of its time: from so many waiting to so many, when a full batch has been computed."""
        moves = np.zeros((_ORDER + 1, count, count))
        for waiting in range(self._cap, count):
            left = waiting - self._cap
            room = min(self._arrivals + 1, count - left)
            moves[:, waiting, left : left + room] = self._moments[self._cap][:, :room]
            moves[:, waiting, -1] += self._moments[self._cap][:, room:].sum(axis=1)
        return moves


def _noise_nodes(noise: float) -> tuple[Floats, Floats]:
    """Factors of mean 1 and their weights."""
    if noise <= 0:
        return np.ones(1), np.ones(1)
    places, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    spread = np.sqrt(np.log1p(noise**2))
    return np.exp(spread * places - spread**2 / 2), weights / weights.sum()


def _poisson(means: Floats, most: int) -> Floats:
    """Row by mean, column by count; what is beyond the last is counted there."""
    counts = np.arange(most + 1)
    logs = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, most + 1)))))
    chances = np.exp(counts * np.log(np.maximum(means, 1e-300))[:, None] - means[:, None] - logs)
    chances[:, -1] += np.maximum(0.0, 1.0 - chances.sum(axis=1))
    return chances
