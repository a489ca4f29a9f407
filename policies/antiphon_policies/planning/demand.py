"""What is asked of stages, and the times it makes, for many at once.

Columns of an array of what is asked are stages of one replica; rows are the figures below.
"""

from __future__ import annotations

from dataclasses import fields
from typing import cast

import numpy as np

from antiphon_policies.planning.fleet import DISCIPLINES, Fleet, Floats, Whole
from antiphon_policies.predicting.cumulants import Batching
from antiphon_policies.predicting.times import Times, added, callers, stage_times

DISCIPLINE, ALPHA, BETA, NOISE, REST_ALPHA, REST_BETA, CAP, CALLS, PEOPLE, PERIOD, DUTY = range(11)
"""What is asked: place in `DISCIPLINES`, the service, cap, calls a second, sessions, milliseconds, share."""
USED, MEAN_MS, VARIANCE, THIRD, WAITING, WAITING_VARIANCE = range(6)
"""Times: the rows that come first; those of `Batching` follow."""
_FIRST = ("utilisation", "mean_ms", "variance", "third", "waiting_ms", "waiting_variance")
_TIMES = (*_FIRST, *(field.name for field in fields(Times) if field.name not in (*_FIRST, "batching")))
_USUAL = tuple(cast("float", field.default) for name in _TIMES[4:] for field in fields(Times) if field.name == name)
_BATCHING = tuple(field.name for field in fields(Batching))
ROWS = len(_TIMES) + len(_BATCHING)


def sessions_of_fullest(sessions: Floats, replicas: Floats) -> Floats:
    """Of the replica that has the most; infinite where there is none. Of a part of a replica, as many more."""
    there = replicas > 0
    return np.where(there, np.ceil(sessions / np.where(there, replicas, 1.0) - 1e-9), np.inf)


def beside(fleet: Fleet, agent: Whole, mode: Whole, stage: Whole) -> Floats:
    """Calls for each turn that nobody waits for."""
    extra: Floats = np.maximum(0.0, fleet.calls[agent, mode, stage] - fleet.waited[agent, stage])
    return extra


def people_of(fleet: Fleet, agent: Whole, mode: Whole, stage: Whole, sessions: Floats) -> Floats:
    """Sessions that ask one call at a time."""
    extra = beside(fleet, agent, mode, stage)
    lockstep = fleet.discipline[agent, stage] == DISCIPLINES.index("lockstep")
    return np.where(lockstep, sessions, sessions * callers(1.0, extra))  # type: ignore[arg-type]


def asked_of(
    fleet: Fleet, agent: Whole, mode: Whole, stage: Whole, variant: Whole, cap: Whole, sessions: Floats
) -> Floats:
    """`sessions`: of the fullest replica."""
    extra = beside(fleet, agent, mode, stage)
    asked = np.empty((11, len(agent)))
    asked[DISCIPLINE] = fleet.discipline[agent, stage]
    asked[ALPHA : REST_BETA + 1] = fleet.service[agent, stage, variant].T
    asked[CAP] = cap
    asked[CALLS] = sessions * fleet.load[agent, 1] * (extra + fleet.waited[agent, stage])
    asked[PEOPLE] = people_of(fleet, agent, mode, stage, sessions)
    asked[PERIOD] = fleet.period[agent, stage]
    asked[DUTY] = fleet.load[agent, 2]
    return asked


def no_times(shape: tuple[int, ...]) -> Floats:
    """What is not told is as `Times` has it by default."""
    times = np.zeros((ROWS, *shape))
    for row, usual in enumerate(_USUAL, len(_TIMES) - len(_USUAL)):
        times[row] = usual
    return times


def times_of(asked: Floats) -> Floats:
    """With a device, or a part of it, of one's own."""
    result = no_times((asked.shape[1],))
    result[: len(_FIRST)] = np.inf
    kinds = np.where(np.isfinite(asked[PEOPLE]), asked[DISCIPLINE], -1)
    for number, discipline in enumerate(DISCIPLINES):
        chosen = np.flatnonzero(kinds == number)
        if not len(chosen):
            continue
        _, alpha, beta, noise, rest_alpha, rest_beta, cap, calls, people, period, duty = asked[:, chosen]
        found = stage_times(
            discipline,
            alpha_ms=alpha,
            beta_ms=beta,
            noise=noise,
            cap=cap,
            calls_per_second=calls,
            sessions=people,
            rest_alpha_ms=rest_alpha,
            rest_beta_ms=rest_beta,
            period_ms=period,
            duty_cycle=duty,
        )
        for row, name in enumerate(_TIMES):
            result[row, chosen] = getattr(found, name)
        if found.batching is not None:
            for row, name in enumerate(_BATCHING, len(_TIMES)):
                result[row, chosen] = getattr(found.batching, name)
    return result


def spaced_out(part: Floats, apart_ms: Floats) -> Times:
    """Of columns of stages of batches, to which calls come one by one, so long apart."""
    nought, one = np.zeros_like(apart_ms), np.ones_like(apart_ms)
    before = Batching(nought, nought, nought, one, one, nought, nought, apart_ms)
    return added([Times(nought, nought, nought, nought, nought, nought, before), as_times(part, True)])


def as_times(part: Floats, batches: bool) -> Times:
    """Of columns that are all of stages of batches with a time of their own, or all not."""
    batching = Batching(**dict(zip(_BATCHING, part[len(_TIMES) :], strict=True))) if batches else None
    return Times(**dict(zip(_TIMES, part[: len(_TIMES)], strict=True)), batching=batching)
