"""What turns lose to one another where their stages share a device: a smooth function fitted to simulations.

Its figures add up over the stages of a device, so that combinations of many settings are weighed by sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon_policies.predicting.cumulants import Floats

FIGURES = 12
ONE, BUSY, EACH, FIXED, SMALL, SQUARE, FEW, FULL, HOLD, PLACE, LATE, UNEVEN = range(FIGURES)
"""Of a stage, with turns at the device as in `sharing.Turns`: time of one call; share of the device's time for calls one by one;
the part that each call adds; the fixed part of the largest batches; the same by their size; the busy share by the time of one
call; what one session is of all; share of the time for the largest batches, one's own calls included; of places that are kept,
and starts at a place in a millisecond, both in the fourth power; the time of one call by its place in the pipeline; square of
the share for the largest batches."""
FEATURES = 11
_HIGHEST = 0.98
"""Load from which on waits grow as 1 / (1 - load)."""
_FULL_PLACES = 0.9
_SOME = 0.02
_QUIET = 0.02
_UNEVEN = 1e-3
_MUCH = 1e12
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Fitted:
    """Logarithms of the mean and the spread of a turn's waits, in `scales`.

    Each is a sum over bent sums of the features and over the features themselves. The mean never falls when there is more load.
    """

    bends: Floats
    """Those of the mean first; units x features."""
    begins: Floats
    ends: Floats
    """2 x units; 0 where it is a unit of the other, and never less."""
    straight: Floats
    """2 x features."""
    level: Floats

    def of(self, features: Floats) -> Floats:
        """`features`: features x cases. 2 x cases."""
        bent = self.bends @ features
        bent += self.begins[:, None]
        return self._ended(bent, self.straight @ features)

    def least(self, low: Floats, high: Floats) -> Floats:
        """What no case is below whose features are between these."""
        bends, straight = (
            np.maximum(each, 0) @ low + np.minimum(each, 0) @ high for each in (self.bends, self.straight)
        )
        bends += self.begins[:, None]
        return self._ended(bends, straight)

    def _ended(self, bent: Floats, straight: Floats) -> Floats:
        straight += self.level[:, None]
        straight += self.ends @ _bent(bent)
        return straight

    def single(self) -> Fitted:
        """In single precision: half the work."""
        return Fitted(*(getattr(self, name).astype(np.float32) for name in self.__slots__))


def fitted_of(stored: Mapping[str, NDArray[np.float64]]) -> Fitted:
    return Fitted(*(np.asarray(stored[name], dtype=float) for name in Fitted.__slots__))


@cache
def fitted() -> Fitted:
    with np.load(Path(__file__).with_name("meeting.npz")) as stored:
        return fitted_of(stored)


@cache
def fitted_single() -> Fitted:
    return fitted().single()


def features(low: Sequence[Floats], high: Sequence[Floats], in_turn: Floats | float, stages: Floats | float) -> Floats:
    """The least that they are, where the sums of the figures are between these; with the two exchanged, the most.

    `in_turn`: stages of a turn at the device; `stages`: all there.
    """
    found = np.empty((FEATURES, *low[ONE].shape), dtype=low[ONE].dtype)
    found[0] = np.log(low[BUSY] + _LEAST)
    found[1] = -np.log1p(-np.minimum(low[FULL], _HIGHEST))
    found[2] = np.log(_SOME + low[EACH])
    found[3] = np.log(_SOME + low[FIXED])
    found[4] = np.log(_SOME + low[SMALL])
    found[5] = np.log((low[SQUARE] + _LEAST) / (high[ONE] * (high[BUSY] + _LEAST) + _LEAST))
    found[6] = -np.sqrt(high[FEW] / stages)
    found[7] = np.log(in_turn)
    waits_ms = low[SQUARE] / 2 / np.maximum(1.0, high[BUSY])
    found[8] = _kept(np.sqrt(np.sqrt(low[HOLD])) + np.sqrt(np.sqrt(low[PLACE])) * waits_ms)
    found[9] = low[LATE] / (high[ONE] + _LEAST)
    found[10] = np.log(_UNEVEN + low[UNEVEN])
    return found


def waits(sums: Floats, in_turn: Floats | float, stages: Floats | float) -> tuple[Floats, Floats]:
    """Mean and standard deviation of what a turn at the device waits, in milliseconds.

    What batches of more than one call take longer than one call is among it.
    """
    each = list(sums)
    given = features(each, each, in_turn, stages).reshape(FEATURES, -1)
    found = fitted().of(given).reshape(2, *sums.shape[1:])
    mean, spread = np.stack(scales(each)) * np.exp(found)
    return mean, spread


def least_waits(
    low: Sequence[Floats], high: Sequence[Floats] | None, in_turn: Floats | float, stages: Floats | float
) -> tuple[Floats, Floats]:
    """The same at least, where the sums are between these; without `high`, where they are `low`. In single precision."""
    some = _single(low)
    if high is None:
        found = fitted_single().of(features(some, some, in_turn, stages).reshape(FEATURES, -1))
    else:
        most = _single(high)
        least, largest = features(some, most, in_turn, stages), features(most, some, in_turn, stages)
        found = fitted_single().least(least.reshape(FEATURES, -1), largest.reshape(FEATURES, -1))
    mean, spread = np.exp(found.reshape(2, *low[ONE].shape))
    mean_scale, spread_scale = scales(low)
    return mean * mean_scale * _ROUNDED, spread * spread_scale * _ROUNDED


def _single(sums: Sequence[Floats]) -> list[Floats]:
    """What is not there is much rather than infinite."""
    return [np.minimum(each, _MUCH, dtype=np.float32, casting="same_kind") for each in sums]


_ROUNDED = 1 - 1e-4
"""Less than all errors of single precision."""


def scales(sums: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Of what mean and spread are told in: rounds of single calls, nothing without load, and more and more near saturation."""
    busy = sums[BUSY]
    quiet, round_ms = busy / (busy + _QUIET), sums[ONE]
    if (sums[FULL] > _HIGHEST).any():
        round_ms = round_ms * np.maximum(1.0, (1 - _HIGHEST) / np.maximum(1e-6, 1 - sums[FULL]))
    return round_ms * quiet, round_ms * np.sqrt(quiet)


def _bent(values: Floats) -> Floats:
    below = np.abs(values)
    below += 1
    values /= below
    return values


def _kept(share: Floats) -> Floats:
    """Of places, that a start which waits for the device keeps too: as of a queue, and straight on where they are full."""
    return np.asarray(
        -np.log1p(-np.minimum(share, _FULL_PLACES)) + np.maximum(0.0, share - _FULL_PLACES) / (1 - _FULL_PLACES)
    )
