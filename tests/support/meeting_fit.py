"""Fits `antiphon_policies.predicting.meeting` to simulated turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon_policies.predicting.meeting import FEATURES, FIGURES, Fitted, features, scales
from antiphon_policies.predicting.sharing import Asked, Turns, place_in_row, turn_of
from antiphon_policies.simulating.steady import Steady

Floats = NDArray[np.float64]

_UNITS = 8
"""Of the mean, and as many of the spread."""
_STARTS, _STEPS = 3, 6000
_FACTOR = 1.645
"""Standard deviations from the mean to the 95th percentile: waits are taken to be normal."""
_LARGE = 0.08
"""Errors from which on they count in proportion, not in their square."""
_OPTIMISM = 2.0
"""How much more predictions count that are too low."""
_MEAN = 0.3
"""How much errors of the mean count beside those of the percentile."""
_CROWDED, _CROWDED_WEIGHT = 0.9, 0.6
_FREE = np.array([[0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0], [1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 0]], dtype=bool)
"""Features with which the mean may also fall, and those with which the spread may. All that a cap changes makes both rise, so
that bounds over many caps are near; those with which the mean may fall do not change with the load."""
_WAITS = ("waiting_ms", "waiting_variance")
_SMALLEST = 1e-5
"""How strongly weights are held small."""

_Weights = dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Sample:
    """One replica under a constant load, and the times in milliseconds that its turns were simulated to take."""

    sums: Floats
    in_turn: int
    stages: int
    alone_ms: float
    """Mean without what turns lose to one another."""
    alone_variance: float
    mean_ms: float
    p95_ms: float
    load: float


def sampled(stages: Sequence[Asked], found: Steady, load: float) -> Sample:
    """Of a turn through all the stages, which share a device."""
    turns, waiting, variance = turns_of(stages)
    one = turns.alpha_ms + turns.beta_ms
    sums = turns.figures(place_in_row(turns.people > 0)).sum(axis=-1)
    alone = float(one.sum()) + waiting, float(np.square(turns.noise * one).sum()) + variance
    count, times = len(stages), found.turns
    return Sample(sums, count, count, *alone, float(times.mean()), float(np.quantile(times, 0.95)), load)


def turns_of(stages: Sequence[Asked]) -> tuple[Turns, float, float]:
    """Turns, and mean and variance of the waits for places."""
    places = [stage.times() if stage.discipline == "streams" else None for stage in stages]
    rows = [turn_of(stage, place) for stage, place in zip(stages, places, strict=True)]
    fine = [place for place in places if place is not None and place.utilisation < 1]
    waiting, variance = (sum(float(getattr(place, name)) for place in fine) for name in _WAITS)
    return Turns(*np.asarray(rows, dtype=float).reshape(-1, 8).T), waiting, variance


def store(path: Path, samples: Sequence[Sample]) -> None:
    columns = {name: np.array([getattr(each, name) for each in samples]) for name in Sample.__slots__}
    np.savez_compressed(path, **columns)  # type: ignore[arg-type]


def stored(path: Path) -> list[Sample]:
    with np.load(path) as found:
        columns = [found[name] for name in Sample.__slots__]
    return [Sample(*each) for each in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True)
class _Seen:
    features: Floats
    """cases x features, of mean 0 and standard deviation 1."""
    scale: tuple[Floats, Floats]
    """Of mean and spread."""
    alone_ms: Floats
    alone_variance: Floats
    mean_ms: Floats
    p95_ms: Floats
    weight: Floats


def fit(samples: Sequence[Sample], rng: np.random.Generator) -> Fitted:
    found = np.array([_features(each) for each in samples])
    middle, width = found.mean(axis=0), np.maximum(1e-6, found.std(axis=0))
    seen = _Seen(
        (found - middle) / width,
        scales(list(np.array([each.sums for each in samples]).reshape(len(samples), FIGURES).T)),
        np.array([each.alone_ms for each in samples]),
        np.array([each.alone_variance for each in samples]),
        np.array([each.mean_ms for each in samples]),
        np.array([each.p95_ms for each in samples]),
        np.where([each.load > _CROWDED for each in samples], _CROWDED_WEIGHT, 1.0),
    )
    tried = [_descended(seen, _start(rng)) for _ in range(_STARTS)]
    return _folded(min(tried, key=lambda weights: _loss(seen, weights)), middle, width)


def _features(sample: Sample) -> Floats:
    sums = list(sample.sums)
    return features(sums, sums, float(sample.in_turn), float(sample.stages)).reshape(FEATURES)


def _start(rng: np.random.Generator) -> _Weights:
    """By outcome, mean and spread. `raw`: where it is their squares that count, which never fall below nought."""
    return {
        "raw_bends": np.abs(rng.normal(0.5, 0.2, (2, _UNITS, FEATURES))),
        "begins": rng.normal(0, 1, (2, _UNITS)),
        "raw_ends": np.abs(rng.normal(0.5, 0.2, (2, _UNITS))),
        "raw_straight": np.full((2, FEATURES), 0.3),
        "level": np.full(2, -1.0),
    }


def _rising(raw: Floats, outcome: int) -> Floats:
    return np.where(_FREE[outcome], raw, raw**2)


def _descended(seen: _Seen, weights: _Weights) -> _Weights:
    """Adam."""
    first = {name: np.zeros_like(value) for name, value in weights.items()}
    second = {name: np.zeros_like(value) for name, value in weights.items()}
    for step in range(1, _STEPS + 1):
        rate = 0.02 * (1 if step < 0.5 * _STEPS else 0.3 if step < 0.8 * _STEPS else 0.1)
        slopes = _slopes(seen, weights)
        for name, slope in slopes.items():
            first[name] = 0.9 * first[name] + 0.1 * slope
            second[name] = 0.999 * second[name] + 0.001 * slope**2
            way = first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-10)
            weights[name] = weights[name] - rate * way
    return weights


def _slopes(seen: _Seen, weights: _Weights) -> _Weights:
    given, bent = seen.features, _bent(seen, weights)
    units = [each / (1 + np.abs(each)) for each in bent]
    slopes = {name: np.zeros_like(value) for name, value in weights.items()}
    for k, slope in enumerate(_of_logs(seen, *_logs(seen, weights, units))):
        raw, ends = weights["raw_bends"][k], weights["raw_ends"][k]
        inside = np.outer(slope, ends**2) / (1 + np.abs(bent[k])) ** 2
        slopes["raw_bends"][k] = (inside.T @ given) * np.where(_FREE[k], 1, 2 * raw) + _SMALLEST * raw
        slopes["begins"][k] = inside.sum(axis=0)
        slopes["raw_ends"][k] = 2 * ends * (slope @ units[k]) + _SMALLEST * ends
        slopes["raw_straight"][k] = (slope @ given) * np.where(_FREE[k], 1, 2 * weights["raw_straight"][k])
        slopes["level"][k] = slope.sum()
    return slopes


def _bent(seen: _Seen, weights: _Weights) -> list[Floats]:
    return [seen.features @ _rising(weights["raw_bends"][k], k).T + weights["begins"][k] for k in (0, 1)]


def _logs(seen: _Seen, weights: _Weights, units: list[Floats]) -> list[Floats]:
    return [
        units[k] @ weights["raw_ends"][k] ** 2
        + seen.features @ _rising(weights["raw_straight"][k], k)
        + weights["level"][k]
        for k in (0, 1)
    ]


def _loss(seen: _Seen, weights: _Weights) -> float:
    units = [each / (1 + np.abs(each)) for each in _bent(seen, weights)]
    logs = _logs(seen, weights, units)
    wait, spread = (scale * np.exp(np.clip(log, -30, 8)) for scale, log in zip(seen.scale, logs, strict=True))
    mean = seen.alone_ms + wait
    p95 = mean + _FACTOR * np.sqrt(seen.alone_variance + spread**2)
    error, mean_error = np.log(p95 / seen.p95_ms), np.log(mean / seen.mean_ms)
    optimism = np.where(error < 0, _OPTIMISM, 1.0)
    return float((seen.weight * (optimism * _large(error) + _MEAN * _large(mean_error))).mean())


def _large(error: Floats) -> Floats:
    return np.asarray(np.sqrt(1 + (error / _LARGE) ** 2) - 1)


def _of_logs(seen: _Seen, log_mean: Floats, log_spread: Floats) -> tuple[Floats, Floats]:
    """How the loss grows with either logarithm, by case."""
    wait, spread = (
        scale * np.exp(np.clip(log, -30, 8)) for scale, log in zip(seen.scale, (log_mean, log_spread), strict=True)
    )
    mean, deviation = seen.alone_ms + wait, np.sqrt(seen.alone_variance + spread**2)
    p95 = mean + _FACTOR * deviation
    error, mean_error = np.log(p95 / seen.p95_ms), np.log(mean / seen.mean_ms)
    slope = np.where(error < 0, _OPTIMISM, 1.0) * error / np.sqrt(1 + (error / _LARGE) ** 2) / p95
    mean_slope = _MEAN * mean_error / np.sqrt(1 + (mean_error / _LARGE) ** 2) / mean
    scale = seen.weight / len(mean)
    return scale * (slope + mean_slope) * wait, scale * slope * _FACTOR * spread**2 / deviation


def _folded(weights: _Weights, middle: Floats, width: Floats) -> Fitted:
    """For features as they are."""
    bends = np.vstack([_rising(weights["raw_bends"][k], k) for k in (0, 1)]) / width
    straight = np.vstack([_rising(weights["raw_straight"][k], k) for k in (0, 1)]) / width
    ends = np.zeros((2, 2 * _UNITS))
    ends[0, :_UNITS], ends[1, _UNITS:] = weights["raw_ends"] ** 2
    return Fitted(
        bends, weights["begins"].ravel() - bends @ middle, ends, straight, weights["level"] - straight @ middle
    )
