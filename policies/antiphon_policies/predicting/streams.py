"""Stages of streams: how many are under way when one begins, and how long it waits for a place."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from antiphon_policies.predicting.crowds import calmed
from antiphon_policies.predicting.cumulants import Floats, Times, limited, noise_third


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
    usual = np.minimum(used, rate * (fixed + each) / np.maximum(1e-9, 1 - rate * each) / places)
    likely = np.where(rate * each >= 1, used, usual + (used - usual) * used**6)
    chance = np.maximum(likely, 1e-9) ** (np.sqrt(2 * (places + 1)) - 1)
    scale = hold / places / (1 - used) * (1 + noise**2) / 2
    mean = np.where(people <= places, 0.0, chance * scale)
    calm = calmed(mean, rate, people, 0.8 * np.sqrt(places))
    spread = np.sqrt(np.maximum(0.0, 0.77 * (2 * chance - chance**2))) * scale * calm * np.sqrt(np.sqrt(calm))
    spread = np.where(people <= places, 0.0, spread)
    square = 2 * chance - chance**2
    skewed = (6 * chance - 6 * chance**2 + 2 * chance**3) / (square * np.sqrt(square))
    return mean * calm, spread**2, 0.8 * skewed * calm * spread**3
