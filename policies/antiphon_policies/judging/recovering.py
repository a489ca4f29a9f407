"""The indicator `recovery`: how long breaches of the other objectives last."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from antiphon_policies.judging.judgement import Judgement
from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.seeing.observation import Measured

MOST_BREACHES = 1000
"""Kept; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Breach:
    """A time in which an objective was breached; unix times."""

    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Breaches:
    """Those that ended, and since when one goes on."""

    ended: tuple[Breach, ...] = ()
    since: float | None = None
    looked: float | None = None
    """Unix time of the last look at which it was known whether one goes on."""


def follow(before: Breaches, judgements: Iterable[Judgement], now: float) -> Breaches:
    """After one look. While all that is not breached is unknown, a breach neither begins nor ends."""
    others = [judgement for judgement in judgements if judgement.objective.indicator != "recovery"]
    if any(judgement.state == "Breached" for judgement in others):
        return replace(before, since=now if before.since is None else before.since, looked=now)
    if any(judgement.missing for judgement in others) or all(judgement.state == "Unknown" for judgement in others):
        return before
    if before.since is None:
        return replace(before, looked=now)
    return Breaches((*before.ended, Breach(before.since, now))[-MOST_BREACHES:], None, now)


def recovery(breaches: Breaches, now: float, window_seconds: float) -> Measured:
    """To be judged as the objective of that indicator. Breaches that ended in the window, and the one that goes on.

    Without any breach the promise is kept: that is told as one breach of no length.
    """
    lengths = [breach.ended - breach.began for breach in breaches.ended if breach.ended >= now - window_seconds]
    if breaches.since is not None:
        lengths.append(now - breaches.since)
    age = math.inf if breaches.looked is None else max(0.0, now - breaches.looked)
    return Measured(age_seconds=age, durations=_exact([max(0.0, length) * 1000.0 for length in lengths] or [0.0]))


def _exact(lengths_ms: list[float]) -> Distribution:
    """In whole milliseconds, with a bucket of its own close around each, so that no percentile lies between two."""
    bounds: list[float] = []
    counts: list[float] = []
    for length, count in sorted(Counter(map(round, lengths_ms)).items()):
        bounds += [length - 0.001, length] if length else [0.0]
        counts += [0.0, float(count)] if length else [float(count)]
    return Distribution((*bounds, math.inf), (*counts, 0.0), sum(lengths_ms))
