"""Stages that take turns on one device: what each of them loses to the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon_policies.facts import Discipline, Service
from antiphon_policies.predicting.cumulants import Floats, Times, limited
from antiphon_policies.predicting.meeting import FULL, waits
from antiphon_policies.predicting.times import stage_times


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
    """At a device that they share. Stages are along the last axis, in the pipeline's order; one that nobody asks is none."""

    alpha_ms: Floats
    beta_ms: Floats
    noise: Floats
    rate: Floats
    """Calls per millisecond; of a stage in lockstep its steps."""
    people: Floats
    """Sessions that ask, at least 1; infinite of a stage in lockstep, whose steps all come from others; 0 where there is none."""
    most: Floats
    """Calls that are computed together at most: 1 of streams, which get the device one at a time until their first result, and
    of a stage in lockstep, whose alpha is the whole step's."""
    hold_ms: Floats
    """How long a stream keeps its place; 0 of other stages, and of streams with a place for each session."""
    places: Floats
    """Of streams; at least 1."""

    def figures(self, place: Floats) -> Floats:
        """As `meeting` names them; figures x the rest. `place`: of the stage in the pipeline, 0 to 1."""
        one, others = self.alpha_ms + self.beta_ms, self.rate * (1 - 1 / np.maximum(1.0, self.people))
        each, fixed = others * self.beta_ms, others * self.alpha_ms / self.most
        full = self.rate * (self.alpha_ms / self.most + self.beta_ms)
        starts = np.where(self.hold_ms > 0, self.rate / self.places, 0.0)
        return np.stack(
            [
                one,
                others * one,
                each,
                fixed,
                fixed / self.most,
                others * one**2 * (1 + self.noise**2),
                np.where(self.people > 0, 1 / np.maximum(1.0, self.people), 0.0),
                full,
                (starts * self.hold_ms) ** 4,
                starts**4,
                one * place,
                (each + fixed) ** 2,
            ]
        )


def shared_times(stages: Sequence[Asked], in_turn: int) -> list[Times]:
    """Of stages on one device, in the same order; a turn goes through so many of them."""
    places = [stage.times() if stage.discipline == "streams" else None for stage in stages]
    rows = [turn_of(stage, place) for stage, place in zip(stages, places, strict=True)]
    together = device_times(Turns(*np.asarray(rows, dtype=float).reshape(-1, 8).T), in_turn)
    each = [_of_stage(together, number) for number in range(len(stages))]
    return [one if place is None else with_place(one, place) for one, place in zip(each, places, strict=True)]


def device_times(turns: Turns, in_turn: int) -> Times:
    """A turn goes through `in_turn` of the stages, and each is given the same part of what it waits.

    The waits are taken to be normal, with the spread that makes their 95th percentile right.
    """
    one = turns.alpha_ms + turns.beta_ms
    there = turns.people > 0
    count = max(1, in_turn)
    sums = turns.figures(place_in_row(there)).sum(axis=-1, keepdims=True)
    mean, spread = waits(sums, float(count), np.maximum(1.0, there.sum(axis=-1, keepdims=True)))
    variance = spread**2 / count
    nothing = np.zeros_like(one)
    used = np.broadcast_to(sums[FULL], one.shape)
    return limited(used, (one + mean / count, np.square(turns.noise * one) + variance, nothing), (nothing, nothing))


def place_in_row(there: NDArray[np.bool_]) -> Floats:
    """Of stages that share a device, from 0 to 1; along the last axis."""
    rank = np.cumsum(there, axis=-1) - 0.5
    return np.where(there, rank / np.maximum(1, there.sum(axis=-1, keepdims=True)), 0.0)


def with_place(times: Times, place: Times) -> Times:
    """The wait for a place among the streams, `place` being their times with a device of their own, comes first."""
    used = np.maximum(times.utilisation, place.utilisation)
    cumulants = (
        times.mean_ms + place.waiting_ms,
        times.variance + place.waiting_variance,
        times.third + 2 * np.power(place.waiting_variance, 1.5),
    )
    return limited(used, cumulants, (np.zeros_like(used), np.zeros_like(used)))


def turn_of(stage: Asked, place: Times | None) -> tuple[float, ...]:
    """The fields of `Turns`."""
    service, people = stage.service, max(1.0, stage.sessions)
    rate = stage.calls_per_second / 1000
    if stage.discipline == "lockstep":
        step = service.mean_ms(stage.sessions * stage.duty_cycle)
        return step, 0.0, service.noise, 1 / (stage.period_ms or math.inf), math.inf, 1.0, 0.0, 1.0
    most = max(1.0, min(float(stage.cap), stage.sessions))
    if place is None:
        return service.alpha_ms, service.beta_ms, service.noise, rate, people, most, 0.0, 1.0
    first = float(place.mean_ms - place.waiting_ms) if place.utilisation < 1 else service.mean_ms(most)
    hold = service.mean_ms(most) + service.rest_alpha_ms + service.rest_beta_ms * most
    return first, 0.0, service.noise, rate, people, 1.0, hold if people > most else 0.0, most


def _of_stage(times: Times, number: int) -> Times:
    return Times(times.utilisation[number], times.mean_ms[number], times.variance[number], times.third[number])
