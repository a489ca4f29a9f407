"""Stages that take turns on one device, for many devices at once, and what their waits are at least.

Figures of a stage's turns at the device are the first axis of an array; the others are rows, stages and maybe options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from antiphon_policies.planning.demand import (
    ALPHA,
    BETA,
    CALLS,
    CAP,
    DISCIPLINE,
    DUTY,
    MEAN_MS,
    NOISE,
    PEOPLE,
    PERIOD,
    REST_ALPHA,
    REST_BETA,
    THIRD,
    USED,
    VARIANCE,
    WAITING,
    WAITING_VARIANCE,
    no_times,
)
from antiphon_policies.planning.fleet import DISCIPLINES, Fleet, Floats, Whole
from antiphon_policies.predicting.meeting import FIGURES, FULL, least_waits
from antiphon_policies.predicting.sharing import Turns, device_times, place_in_row

TURN_ROWS = 11
(
    _ALPHA,
    _BETA,
    _NOISE,
    _RATE,
    _PEOPLE,
    _MOST,
    _HOLD,
    _PLACES,
    _PLACE_USED,
    _PLACE_WAIT,
    _PLACE_VARIANCE,
) = range(TURN_ROWS)
"""As in `predicting.sharing.Turns`; then, of streams, what the wait for a place is. `_PEOPLE` is 0 where there is no stage."""


def turns_of(asked: Floats, alone: Floats) -> Floats:
    """`alone`: times with a device of one's own."""
    lockstep = asked[DISCIPLINE] == DISCIPLINES.index("lockstep")
    streams = asked[DISCIPLINE] == DISCIPLINES.index("streams")
    people = np.maximum(1.0, asked[PEOPLE])
    most = np.maximum(1.0, np.minimum(asked[CAP], people))
    full = asked[ALPHA] + asked[BETA] * most
    first = np.where(alone[USED] < 1, alone[MEAN_MS] - alone[WAITING], full)
    step = asked[ALPHA] + asked[BETA] * asked[PEOPLE] * asked[DUTY]
    hold = full + asked[REST_ALPHA] + asked[REST_BETA] * most
    turns = np.zeros((TURN_ROWS, asked.shape[1]))
    turns[_ALPHA] = np.where(lockstep, step, np.where(streams, first, asked[ALPHA]))
    turns[_BETA] = np.where(lockstep | streams, 0.0, asked[BETA])
    turns[_NOISE] = asked[NOISE]
    turns[_RATE] = np.where(lockstep, 1 / asked[PERIOD], asked[CALLS] / 1000)
    turns[_PEOPLE] = np.where(lockstep, np.inf, people)
    turns[_MOST] = np.where(lockstep | streams, 1.0, most)
    turns[_HOLD] = np.where(streams & (people > most), hold, 0.0)
    turns[_PLACES] = np.where(streams, most, 1.0)
    turns[_PLACE_USED] = np.where(streams, alone[USED], 0.0)
    turns[_PLACE_WAIT] = np.where(streams, np.nan_to_num(alone[WAITING], posinf=0.0), 0.0)
    turns[_PLACE_VARIANCE] = np.where(streams, np.nan_to_num(alone[WAITING_VARIANCE], posinf=0.0), 0.0)
    nobody = ~np.isfinite(asked[PEOPLE])
    turns[:, nobody] = 0.0
    turns[_PLACE_USED, nobody] = np.inf
    return turns


def on_device(fleet: Fleet, agent: Whole, turns: Floats) -> Floats:
    """Exact times of all stages that share a device, figures x rows x stages; those of the others are 0."""
    times = no_times(turns.shape[1:])
    for device in range(fleet.device_turns.shape[1]):
        counts = fleet.device_turns[agent, device]
        for count in np.unique(counts):
            rows = np.flatnonzero(counts == count)
            inside = fleet.device[agent[rows]] == device
            if inside.all() and len(rows) == len(agent):
                return _together(turns, int(count))
            if inside.any():
                line, stage = np.nonzero(inside)
                times[:, rows[line], stage] = _together(np.where(inside, turns[:, rows], 0.0), int(count))[
                    :, line, stage
                ]
    return times


def _together(turns: Floats, in_turn: int) -> Floats:
    found = device_times(_at_device(turns), in_turn)
    times = no_times(turns.shape[1:])
    times[USED] = np.maximum(found.utilisation, turns[_PLACE_USED])
    times[MEAN_MS] = found.mean_ms + turns[_PLACE_WAIT]
    times[VARIANCE] = found.variance + turns[_PLACE_VARIANCE]
    times[THIRD] = found.third + 2 * np.power(turns[_PLACE_VARIANCE], 1.5)
    times[USED][turns[_PEOPLE] <= 0] = np.inf
    for figure in (MEAN_MS, VARIANCE, THIRD):
        times[figure][times[USED] >= 1] = np.inf
    return times


def _at_device(turns: Floats) -> Turns:
    most, places = np.maximum(1.0, turns[_MOST]), np.maximum(1.0, turns[_PLACES])
    return Turns(turns[_ALPHA], turns[_BETA], turns[_NOISE], turns[_RATE], turns[_PEOPLE], most, turns[_HOLD], places)


def alone_on_device(turns: Floats) -> Floats:
    """Times without any wait for the device."""
    times = no_times(turns.shape[1:])
    one = turns[_ALPHA] + turns[_BETA]
    times[USED] = np.maximum(_full(turns), turns[_PLACE_USED])
    times[MEAN_MS] = one + turns[_PLACE_WAIT]
    times[VARIANCE] = np.square(turns[_NOISE] * one) + turns[_PLACE_VARIANCE]
    times[THIRD] = 2 * np.power(turns[_PLACE_VARIANCE], 1.5)
    return times


def figures_of(fleet: Fleet, agent: Whole, turns: Floats) -> Floats:
    """What options add to their devices: devices x figures x rows x stages x options."""
    devices = fleet.device_turns.shape[1]
    found = np.zeros((devices, FIGURES, *turns.shape[1:]))
    for device in range(devices):
        inside = fleet.device == device
        place = place_in_row(inside)[agent][..., None]
        found[device] = np.where(inside[agent][..., None], _at_device(turns).figures(place), 0.0)
    return found


def _full(turns: Floats) -> Floats:
    most = np.maximum(1.0, turns[_MOST])
    share: Floats = turns[_RATE] * (turns[_ALPHA] / most + turns[_BETA])
    return share


@dataclass(frozen=True, slots=True)
class DeviceLeast:
    """What a device adds to a turn at least."""

    mean: Floats
    variance: Floats
    skewness: Floats
    """At most, of that part."""
    excess: Floats
    """Of all its stages together."""


def device_least(low: Sequence[Floats], high: Sequence[Floats] | None, in_turn: Whole, stages: Whole) -> DeviceLeast:
    """`low` and `high`: sums of the figures at least and at most. Without `high`, what they are."""
    mean, spread = least_waits(low, high, in_turn.astype(float), np.maximum(1.0, stages))
    excess = np.asarray(stages * np.maximum(0.0, low[FULL] - 1), dtype=float)
    variance = np.square(spread)
    if not stages.all():
        mean, variance = np.where(stages > 0, mean, 0.0), np.where(stages > 0, variance, 0.0)
    return DeviceLeast(mean, variance, np.zeros_like(excess), excess)
