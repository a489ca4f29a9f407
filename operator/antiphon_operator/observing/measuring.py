"""From what series grew by to what the brain wants to know: the same code, whoever counted."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from antiphon_crds.policy import Objective
from antiphon_crds.stages import Stage
from antiphon_operator.observing.series import DURATIONS, RATIOS, RatioOf, SeriesKey, Vector, What
from antiphon_policies.seeing.distribution import Distribution, from_cumulative
from antiphon_policies.seeing.observation import Measured, StageWork

Series = Mapping[SeriesKey, Vector]


def measured(objective: Objective, series: Series, age_seconds: float, covered_seconds: float) -> Measured | None:
    """None: unknown, as what it is made of was not seen."""
    covered = round(covered_seconds, 3)
    if objective.indicator in DURATIONS:
        stage = (objective.stage,) if objective.stage is not None else ()
        durations = durations_ms(series, DURATIONS[objective.indicator], stage)
        return Measured(age_seconds, durations, covered_seconds=covered) if durations is not None else None
    ratio = RATIOS.get(objective.indicator)
    counted = _ratio(series, ratio) if ratio is not None else None
    return Measured(age_seconds, None, *counted, covered) if counted is not None else None


def recent(turn: What, series: Series, age_seconds: float, covered_seconds: float) -> Measured | None:
    """The time of turns, counted so."""
    durations = durations_ms(series, turn)
    return Measured(age_seconds, durations, covered_seconds=covered_seconds) if durations is not None else None


def durations_ms(series: Series, what: What, labels: tuple[str, ...] = ()) -> Distribution | None:
    """None: there is no such series."""
    found = [(key.bounds, vector) for key, vector in series.items() if key.what == what and key.labels == labels]
    if not found:
        return None
    bounds, cumulative = _added(found)
    total = sum(vector[-1] for _, vector in found)
    return from_cumulative([bound * 1000 for bound in bounds], cumulative, total * 1000)


def count_of(series: Series, what: What, values: frozenset[str] = frozenset()) -> float | None:
    """Of a counter, or of a histogram's observations; with `values` only where the label has one of them."""
    found = [(key, vector) for key, vector in series.items() if key.what == what]
    if not found:
        return None
    return sum(_count(key, vector) for key, vector in found if not values or key.labels[0] in values)


def per_second(series: Series, seconds: float, *whats: What) -> float | None:
    """Of all of them together. None where one is not known."""
    counts = [count_of(series, what) for what in whats]
    if seconds <= 0 or any(count is None for count in counts):
        return None
    return sum(count for count in counts if count is not None) / seconds


def work(series: Series, stages: Iterable[Stage], seconds: float) -> tuple[StageWork, ...]:
    """What each variant of these stages computed; those that did nothing are left out."""
    known: dict[str, Stage] = {stage: stage for stage in stages}
    variants = dict.fromkeys(key.labels for key, vector in series.items() if key.what == "steps" and vector[0] > 0)
    return tuple(_work(series, known[stage], variant, seconds) for stage, variant in sorted(variants) if stage in known)


def _work(series: Series, stage: Stage, variant: str, seconds: float) -> StageWork:
    _, items = series.get(SeriesKey("batches", (stage, variant)), (0.0, 0.0))
    batches, busy = series[SeriesKey("steps", (stage, variant))]
    waits, waited = series.get(SeriesKey("waits", (stage, variant)), (0.0, 0.0))
    return StageWork(stage, variant, seconds, batches, items, busy_ms=busy * 1000, waits=waits, wait_ms=waited * 1000)


def _ratio(series: Series, ratio: RatioOf) -> tuple[float, float] | None:
    part = count_of(series, ratio.part, ratio.values)
    wholes = [count_of(series, what) for what in ratio.whole]
    if part is None or any(whole is None for whole in wholes):
        return None
    return part, sum(whole for whole in wholes if whole is not None)


def _count(key: SeriesKey, vector: Vector) -> float:
    """The last bucket counts all."""
    return vector[-2] if key.bounds else vector[0]


def _added(found: Sequence[tuple[tuple[float, ...], Vector]]) -> tuple[Sequence[float], list[float]]:
    """Histograms of which some have other buckets, as while a new runtime is rolled out, have the bounds of all.

    At a bound that one does not have counts what it is sure of: what lay below its next lower bound.
    """
    if len(found) == 1:
        return found[0][0], _ascending(found[0][1][:-1])
    bounds = sorted({bound for own, _ in found for bound in own} | {math.inf})
    cumulative = [0.0] * len(bounds)
    for own, vector in found:
        for index, bound in enumerate(bounds):
            below = bisect_right(own, bound)
            cumulative[index] += vector[below - 1] if below else 0.0
    return bounds, _ascending(cumulative)


def _ascending(cumulative: Sequence[float]) -> list[float]:
    """Buckets of which Prometheus saw one pod more than of others may fall a little."""
    highest, found = 0.0, []
    for count in cumulative:
        highest = max(highest, count)
        found.append(highest)
    return found
