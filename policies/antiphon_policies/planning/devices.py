"""Stages that take turns on one device, for many devices at once, and what their waits are at least.

Figures of a stage's turns at the device are the first axis of an array; the others are rows, stages and maybe options.
"""

from __future__ import annotations

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
    THIRD,
    USED,
    VARIANCE,
    WAITING,
    WAITING_VARIANCE,
    no_times,
)
from antiphon_policies.planning.fleet import DISCIPLINES, Fleet, Floats, Whole
from antiphon_policies.predicting.sharing import Turns, device_times

TURN_ROWS = 9
_ALPHA, _BETA, _NOISE, _RATE, _MOST, _STREAM, _PLACE_USED, _PLACE_WAIT, _PLACE_VARIANCE = range(TURN_ROWS)
"""Of a turn of n calls; calls a millisecond; most calls of a turn; of streams 1, and what the wait for a place is."""
FIGURES = 4
_BUSY, _FULL, _WORK, _ROUND = range(FIGURES)
"""Of a device these add up over its stages: share of its time in turns of one call and in the largest, work that is found,
and a round of turns of one call."""
_CROWD = 1.5
"""As in `predicting.sharing`: more work is found where one of the stages is of streams."""


def turns_of(asked: Floats, alone: Floats) -> Floats:
    """`alone`: times with a device of one's own."""
    lockstep = asked[DISCIPLINE] == DISCIPLINES.index("lockstep")
    streams = asked[DISCIPLINE] == DISCIPLINES.index("streams")
    most = np.maximum(1.0, np.minimum(asked[CAP], asked[PEOPLE]))
    full = asked[ALPHA] + asked[BETA] * most
    first = np.where(alone[USED] < 1, alone[MEAN_MS] - alone[WAITING], full)
    step = asked[ALPHA] + asked[BETA] * asked[PEOPLE] * asked[DUTY]
    others = np.maximum(0.0, 1 - 1 / np.maximum(1.0, asked[PEOPLE]))
    turns = np.zeros((TURN_ROWS, asked.shape[1]))
    turns[_ALPHA] = np.where(lockstep, step, np.where(streams, first, asked[ALPHA]))
    turns[_BETA] = np.where(lockstep | streams, 0.0, asked[BETA])
    turns[_NOISE] = asked[NOISE]
    turns[_RATE] = np.where(lockstep, 1 / asked[PERIOD], asked[CALLS] / 1000 * others)
    turns[_MOST] = np.where(lockstep | streams, 1.0, most)
    turns[_STREAM] = streams
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
            if inside.any():
                line, stage = np.nonzero(inside)
                times[:, rows[line], stage] = _together(np.where(inside, turns[:, rows], 0.0), int(count))[
                    :, line, stage
                ]
    return times


def _together(turns: Floats, in_turn: int) -> Floats:
    most = np.maximum(1.0, turns[_MOST])
    found = device_times(
        Turns(turns[_ALPHA], turns[_BETA], turns[_NOISE], turns[_RATE], most, turns[_STREAM] > 0), in_turn
    )
    times = no_times(most.shape)
    times[USED] = np.maximum(found.utilisation, turns[_PLACE_USED])
    times[MEAN_MS] = found.mean_ms + turns[_PLACE_WAIT]
    times[VARIANCE] = found.variance + turns[_PLACE_VARIANCE]
    times[THIRD] = found.third + 2 * np.power(turns[_PLACE_VARIANCE], 1.5)
    for figure in (MEAN_MS, VARIANCE, THIRD):
        times[figure][times[USED] >= 1] = np.inf
    return times


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
    one = turns[_ALPHA] + turns[_BETA]
    streams = (fleet.device >= 0) & (fleet.discipline == DISCIPLINES.index("streams"))
    devices = fleet.device_turns.shape[1]
    found = np.zeros((devices, FIGURES, *one.shape))
    for device in range(devices):
        inside = (fleet.device[agent] == device)[..., None]
        crowd = np.where((streams & (fleet.device == device)).any(axis=1), _CROWD, 1.0)[agent][:, None, None]
        work = crowd * turns[_RATE] * one**2 * (1 + turns[_NOISE] ** 2)
        found[device] = np.where(inside, np.stack([turns[_RATE] * one, _full(turns), work, one]), 0.0)
    return found


def _full(turns: Floats) -> Floats:
    most = np.maximum(1.0, turns[_MOST])
    share: Floats = turns[_RATE] * (turns[_ALPHA] + turns[_BETA] * most) / most
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


def device_least(low: Floats, high: Floats, in_turn: Whole, stages: Whole) -> DeviceLeast:
    """`low` and `high`: sums of the figures at least and at most. Longer turns, and more of them, never shorten a wait."""
    used, busy = np.minimum(low[_FULL], 1 - 1e-9), np.minimum(low[_BUSY], 1.0)
    single = low[_WORK] / 2 / np.maximum(1 - busy, 1e-12)
    whole = low[_ROUND] / (1 - used**4)
    wait = single * whole / np.maximum(single + whole, 1e-300)
    most_used, most_busy = np.minimum(high[_FULL], 1.0), np.clip(high[_BUSY], 1e-6, 1.0)
    common = 1 + (in_turn - 1) * (1 - most_used)
    spread = ((4 + 2 * used) / 3 / most_busy - 1) * wait**2 * common
    chances, useds = (np.maximum(busy, 1e-6), most_busy), (used, most_used)
    skewness = np.max([_skewness(chance, use) for chance in chances for use in useds], axis=0)
    excess = stages * np.maximum(0.0, low[_FULL] - 1)
    return DeviceLeast(in_turn * wait, in_turn * np.maximum(0.0, spread), skewness / np.sqrt(in_turn), excess)


def _skewness(chance: Floats, used: Floats) -> Floats:
    """Of one wait."""
    square, cube = chance * (4 + 2 * used) / 3, chance * (2 + 4 * used)
    third = cube - 3 * chance * square + 2 * chance**3
    return np.asarray(np.maximum(0.0, third) / np.power(np.maximum(1e-12, square - chance**2), 1.5))
