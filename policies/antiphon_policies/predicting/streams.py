"""Stages of streams: how many are under way when one begins, and how long it waits for a place."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from antiphon_policies.predicting.crowds import calmed, crowding, fewness, roughness
from antiphon_policies.predicting.cumulants import Floats, Times, limited, noise_third

_SPREAD, _SKEWED = 0.895, 0.647
"""Of an exponential wait, that of places which are kept for about as long each."""
_MOST_SKEWED = 8.0
"""Beyond it a curve with the same three figures says little of waits that are rare and long."""
_RARE, _QUICKER = 0.0673, 1.76
_AGAIN, _AGAIN_WIDE = 0.65, 0.714
_CROWD, _FEW, _ROUGH = 8.84, 108.0, 1.16
_CROWD_SPREAD, _FEW_SPREAD = 23.2, 111.0
"""What calms a wait and its spread, as in `batches`; all fitted to simulations."""


def stream_times(
    alpha: Floats,
    beta: Floats,
    noise: Floats,
    people: Floats,
    rate: Floats,
    cap: Floats,
    rest_alpha: Floats,
    rest_beta: Floats,
) -> Times:
    """`rate`: calls per millisecond. All of one shape."""
    places = np.minimum(cap, people)
    fixed, each = alpha + rest_alpha, beta + rest_beta
    hold = fixed + each * places
    used = rate * hold / places
    others = rate * (people - 1) / people
    under_way, spread = _under_way(fixed, each, others, places)
    first = alpha + beta * (1 + under_way)
    variance = (noise * first) ** 2 + (beta * spread) ** 2
    third = noise_third(noise) * first**3 + beta**3 * spread**2
    waiting, waiting_variance, waiting_third = _waiting(fixed, each, noise, others, places, people)
    cumulants = (first + waiting, variance + waiting_variance, third + waiting_third)
    free = np.maximum(1.0, places * (1 - used))
    return replace(limited(used, cumulants, (waiting, waiting_variance)), free_places=free, place_ms=hold / places)


def _under_way(fixed: Floats, each: Floats, rate: Floats, places: Floats) -> tuple[Floats, Floats]:
    """How many others are under way when a call begins: mean and standard deviation. Normal, cut off at the places."""
    room = places - 1
    free = np.maximum(1e-9, 1 - rate * each)
    mean = np.minimum(rate * (fixed + each) / free, 4 * places)
    spread = np.sqrt(np.maximum(mean / free, 1e-12))
    distance = np.clip((room - mean) / spread, -8.0, 8.0)
    density, below = np.exp(-(distance**2) / 2) / math.sqrt(2 * math.pi), _normal(distance)
    kept = np.clip(mean - spread * (density - distance * (1 - below)), 0.0, room)
    return kept, np.minimum(spread, np.sqrt(kept))


def _normal(value: Floats) -> Floats:
    """Share of a normal distribution that lies below; to 1e-4."""
    return np.asarray(1 / (1 + np.exp(-value * (1.5976 + 0.07056 * value**2))))


def _waiting(
    fixed: Floats, each: Floats, noise: Floats, rate: Floats, places: Floats, people: Floats
) -> tuple[Floats, Floats, Floats]:
    """Mean, variance and third central moment. With a chance a call waits, and then exponentially (Sakasegawa)."""
    hold = fixed + each * places
    used = np.minimum(rate * hold / places, 1 - 1e-9)
    chance = _chance(fixed, each, rate, places, used)
    scale = hold / places / (1 - used) * (1 + noise**2) / 2 * _short(rate * hold, places, people)
    mean = chance * scale
    calm, calm_spread = _calm(mean, noise, rate, places, people, used)
    square = 2 * chance - chance**2
    spread = np.sqrt(np.maximum(0.0, _SPREAD * square)) * scale * calm_spread
    skewed = (6 * chance - 6 * chance**2 + 2 * chance**3) / (square * np.sqrt(square))
    return mean * calm, spread**2, np.minimum(_SKEWED * skewed, _MOST_SKEWED) * spread**3


def _chance(fixed: Floats, each: Floats, rate: Floats, places: Floats, used: Floats) -> Floats:
    """That a call finds no place. Where fewer under way are quicker, they are the more rarely so many that it is full."""
    usual = np.maximum(np.minimum(used, rate * (fixed + each) / np.maximum(1e-9, 1 - rate * each) / places), 1e-9)
    power = (np.sqrt(2 * (places + 1)) - 1) * (1 + _RARE * (1 - usual) * (1 - 1 / places))
    quicker = np.log(usual / np.maximum(used, 1e-9)) * (_QUICKER * np.sqrt(places))
    return np.asarray(np.exp(np.log(usual) * power + quicker))


def _short(held: Floats, places: Floats, people: Floats) -> Floats:
    """Sessions that are no more than the places wait only where each keeps places until after it asks again."""
    again = held / np.maximum(people - 1, 0.5)
    return np.where(people > places, 1.0, np.clip((again - _AGAIN) / _AGAIN_WIDE, 0.0, 1.0))


def _calm(
    wait: Floats, noise: Floats, rate: Floats, places: Floats, people: Floats, used: Floats
) -> tuple[Floats, Floats]:
    """Shares that are left of the wait and of its spread."""
    root = np.sqrt(np.sqrt(places))
    crowd, few = crowding(wait, rate, people, 1 - used) * root, fewness(used, people) * root
    return calmed(_CROWD * crowd + _FEW * few, roughness(noise, _ROUGH, used)), calmed(
        _CROWD_SPREAD * crowd + _FEW_SPREAD * few, roughness(noise, 0.0, used)
    )
