"""Stages that take turns on one device: what each of them loses to the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon_policies.facts import Discipline, Service
from antiphon_policies.predicting.cumulants import Floats, Times, limited
from antiphon_policies.predicting.times import stage_times

_ROUNDS = 12
_STREAMS_CROWD = 1.5
"""Calls that leave a batch together wait for one another where streams begin one at a time. Fitted to simulations."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of one stage of one replica."""

    discipline: Discipline
    service: Service
    cap: int
    calls_per_second: float
    sessions: float
    period_ms: float | None
    duty_cycle: float

    def times(self) -> Times:
        """With a device, or a part of it, of its own."""
        return stage_times(
            self.discipline,
            alpha_ms=self.service.alpha_ms,
            beta_ms=self.service.beta_ms,
            noise=self.service.noise,
            cap=self.cap,
            calls_per_second=self.calls_per_second,
            sessions=self.sessions,
            rest_alpha_ms=self.service.rest_alpha_ms,
            rest_beta_ms=self.service.rest_beta_ms,
            period_ms=self.period_ms,
            duty_cycle=self.duty_cycle,
        )


@dataclass(frozen=True, slots=True)
class Turns:
    """At a device that they share. Stages are along the last axis; one whose times are all 0 is none."""

    alpha_ms: Floats
    beta_ms: Floats
    noise: Floats
    rate: Floats
    """Calls per millisecond of the other sessions; of a stage in lockstep its steps."""
    most: Floats
    """Calls that are computed together at most: 1 of streams, which get the device one at a time until their first result, and
    of a stage in lockstep, whose alpha is the whole step's."""
    streams: NDArray[np.bool_]

    def mean_ms(self, size: Floats | float) -> Floats:
        return np.asarray(self.alpha_ms + self.beta_ms * size)

    def busy(self, size: Floats | float) -> Floats:
        """Share of the device's time that is asked of it, in batches of this size."""
        return np.asarray((self.rate * self.mean_ms(size) / size).sum(axis=-1, keepdims=True))


def shared_times(stages: Sequence[Asked], in_turn: int) -> list[Times]:
    """Of stages on one device, in the same order; a turn goes through so many of them."""
    places = [stage.times() if stage.discipline == "streams" else None for stage in stages]
    rows = [_turn_of(stage, place) for stage, place in zip(stages, places, strict=True)]
    alpha, beta, noise, rate, most = np.asarray(rows, dtype=float).reshape(-1, 5).T
    streams = np.asarray([place is not None for place in places])
    together = device_times(Turns(alpha, beta, noise, rate, most, streams), in_turn)
    each = [_of_stage(together, number) for number in range(len(stages))]
    return [one if place is None else with_place(one, place) for one, place in zip(each, places, strict=True)]


def device_times(turns: Turns, in_turn: int) -> Times:
    """Calls wait for what is computed and for what came before them. The longer they wait, the larger the batches.

    A turn goes through `in_turn` of the stages: sessions that meet at one meet again at the next, so that a turn's waits are
    long or short together, and each stage is given a part of the spread that they have in common.
    """
    used = turns.busy(turns.most)
    busy = np.minimum(1.0, turns.busy(1.0))
    wait = _wait_ms(turns, used, busy)
    own = turns.mean_ms(np.minimum(turns.most, 1 + turns.rate * wait))
    variance, third = _spread(np.maximum(busy, 1e-6), wait, np.minimum(used, 1.0), max(1, in_turn))
    every = np.broadcast_to(used, own.shape)
    noisy = np.square(turns.noise * own)
    nothing = np.zeros_like(own)
    return limited(every, (own + wait, noisy + variance, nothing + third), (nothing, nothing))


def with_place(times: Times, place: Times) -> Times:
    """The wait for a place among the streams, `place` being their times with a device of their own, comes first."""
    used = np.maximum(times.utilisation, place.utilisation)
    cumulants = (
        times.mean_ms + place.waiting_ms,
        times.variance + place.waiting_variance,
        times.third + 2 * np.power(place.waiting_variance, 1.5),
    )
    return limited(used, cumulants, (np.zeros_like(used), np.zeros_like(used)))


def _turn_of(stage: Asked, place: Times | None) -> tuple[float, ...]:
    """Alpha, beta, noise, rate and most of `Turns`."""
    service, rate = stage.service, stage.calls_per_second / 1000 * max(0.0, 1 - 1 / max(1.0, stage.sessions))
    if stage.discipline == "lockstep":
        step = service.mean_ms(stage.sessions * stage.duty_cycle)
        return step, 0.0, service.noise, 1 / (stage.period_ms or math.inf), 1.0
    most = max(1.0, min(float(stage.cap), stage.sessions))
    if place is None:
        return service.alpha_ms, service.beta_ms, service.noise, rate, most
    first = float(place.mean_ms - place.waiting_ms) if place.utilisation < 1 else service.mean_ms(most)
    return first, 0.0, service.noise, rate, 1.0


def _wait_ms(turns: Turns, used: Floats, busy: Floats) -> Floats:
    """As at a server that takes one call at a time, but no more than a round: and beyond it where batches are full."""
    crowd = np.where(turns.streams.any(axis=-1, keepdims=True), _STREAMS_CROWD, 1.0)
    work = crowd * (turns.rate * np.square(turns.mean_ms(1)) * (1 + np.square(turns.noise))).sum(axis=-1, keepdims=True)
    single = work / 2 / np.maximum(1 - busy, 1e-12)
    whole = _round_ms(turns) / (1 - np.minimum(used, 1 - 1e-9) ** 4)
    return np.asarray(single * whole / np.maximum(single + whole, 1e-300))


def _round_ms(turns: Turns) -> Floats:
    """Once each stage, with what came since its last batch."""
    sizes = np.ones_like(turns.alpha_ms)
    for _ in range(_ROUNDS):
        round_ms = turns.mean_ms(sizes).sum(axis=-1, keepdims=True)
        sizes = np.clip(turns.rate * round_ms, 1.0, turns.most)
    return np.asarray(round_ms)


def _spread(chance: Floats, wait: Floats, used: Floats, in_turn: int) -> tuple[Floats, Floats]:
    """Variance and third central moment of a wait that comes with this chance: even at little load, exponential at much.

    What the waits of one turn have in common is the more the less others come between.
    """
    square, cube = chance * (4 + 2 * used) / 3, chance * (2 + 4 * used)
    common = 1 + (in_turn - 1) * (1 - used)
    scale = wait / chance
    third = cube - 3 * chance * square + 2 * chance**3
    return (square - chance**2) * scale**2 * common, third * scale**3 * common * np.sqrt(common)


def _of_stage(times: Times, number: int) -> Times:
    return Times(times.utilisation[number], times.mean_ms[number], times.variance[number], times.third[number])
