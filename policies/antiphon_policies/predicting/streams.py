"""Stages of streams: how many are under way when one begins, and how long it waits for a place."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from antiphon_policies.predicting.crowds import calmed, crowding, fewness, roughness
from antiphon_policies.predicting.cumulants import Floats, Times, limited, noise_third

_SPREAD, _SKEWED = 1.23, 0.713
"""Of squares and cubes of waits that are as regular as can be."""
_MOST_SKEWED = 8.0
"""Beyond it a curve with the same three figures says little of waits that are rare and long."""
_RARE, _QUICKER = 0.332, 1.58
"""By how much the more rarely all places are taken: at low loads, and where fewer under way are quicker."""
_TURNS_SPREAD, _NEVER = 0.29, 0.02
"""Standard deviation of the time from turn to turn, by its mean; less is no chance that turns come so soon."""
_SELDOM, _MANY_THERE = 1e-9, 0.4
_AGAIN, _FEW_OTHERS = 0.582, 0.517
"""How long sessions wait for their own places, in spreads of the time from turn to turn; and how much more rarely few sessions
take all places than many."""
_CROWD, _FEW, _ROUGH = 2.35, 56.3, 1.61
_CROWD_SPREAD, _FEW_SPREAD = 19.9, 30.3
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
    under_way, spread = _under_way(fixed, each, others, places, people)
    first = alpha + beta * (1 + under_way)
    variance = (noise * first) ** 2 + (beta * spread) ** 2
    third = noise_third(noise) * first**3 + beta**3 * spread**2
    again = _again(alpha + beta * places, hold, people / np.maximum(rate, _SELDOM), cap, people)
    waiting, waiting_variance, waiting_third = _waiting(fixed, each, noise, others, cap, people, again)
    cumulants = (first + waiting, variance + waiting_variance, third + waiting_third)
    free = np.maximum(0.0, places * (1 - used))
    return replace(limited(used, cumulants, (waiting, waiting_variance)), free_places=free, place_ms=hold / places)


def _under_way(fixed: Floats, each: Floats, rate: Floats, places: Floats, people: Floats) -> tuple[Floats, Floats]:
    """How many others are under way when a call begins: mean and standard deviation. Normal, cut off at the places; of few
    sessions binomial."""
    room = places - 1
    free = np.maximum(1e-9, 1 - rate * each)
    mean = np.minimum(rate * (fixed + each) / free, 4 * places)
    spread = np.sqrt(np.maximum(mean / free * np.maximum(1 - mean / people, _MANY_THERE), 1e-12))
    distance = np.clip((room - mean) / spread, -8.0, 8.0)
    density, below = np.exp(-(distance**2) / 2) / math.sqrt(2 * math.pi), _normal(distance)
    kept = np.clip(mean - spread * (density - distance * (1 - below)), 0.0, room)
    return kept, np.minimum(spread, np.sqrt(kept))


def _normal(value: Floats) -> Floats:
    """Share of a normal distribution that lies below; to 1e-4."""
    return np.asarray(1 / (1 + np.exp(-value * (1.5976 + 0.07056 * value**2))))


def _waiting(
    fixed: Floats, each: Floats, noise: Floats, rate: Floats, cap: Floats, people: Floats, again: tuple[Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Mean, variance and third central moment. With a chance a call waits, and then for the first of the places; where there
    is a queue for these, exponentially (Sakasegawa). `again`: that chance and the wait of sessions no more than the places."""
    places = np.minimum(cap, people)
    hold = fixed + each * places
    used = np.minimum(rate * hold / places, 1 - 1e-9)
    room = people > cap
    chance = np.where(room, _chance(fixed, each, rate, places, used, people), again[0])
    scale = np.where(room, hold / places / (1 - used) * (1 + noise**2) / 2, again[1])
    mean = chance * scale
    calm, calm_spread = (np.where(room, left, 1.0) for left in _calm(mean, noise, rate, places, people, used))
    idle = 1 - used
    second = 2 * _SPREAD * chance * (1 - idle / (places + 2))
    third = (
        6 * _SPREAD**1.5 * _SKEWED * chance * (1 - idle * (1 - np.square(places + 1) / ((places + 2) * (places + 3))))
    )
    square = np.maximum(second - chance**2, 1e-12)
    spread = np.sqrt(square) * scale * calm_spread
    skewed = (third - 3 * chance * second + 2 * chance**3) / (square * np.sqrt(square))
    return mean * calm, spread**2, np.minimum(skewed, _MOST_SKEWED) * spread**3


def _chance(fixed: Floats, each: Floats, rate: Floats, places: Floats, used: Floats, people: Floats) -> Floats:
    """That a call finds no place. Where fewer under way are quicker, they are the more rarely so many that it is full."""
    usual = np.maximum(np.minimum(used, rate * (fixed + each) / np.maximum(1e-9, 1 - rate * each) / places), 1e-9)
    power = (np.sqrt(2 * (places + 1)) - 1) * (1 + _RARE * (1 - usual) * (1 - 1 / places))
    quicker = np.log(usual / np.maximum(used, 1e-9)) * (_QUICKER * np.sqrt(places))
    few = _FEW_OTHERS * np.square(places * (1 - used)) / np.maximum(people - 1, 0.5)
    return np.asarray(np.exp(np.log(usual) * power + quicker - few))


def _again(first: Floats, hold: Floats, cycle_ms: Floats, cap: Floats, people: Floats) -> tuple[Floats, Floats]:
    """Chance of a wait and its length for sessions that are no more than the places: they wait only where there is none
    to spare, all others keep theirs, and one's own is kept until after one asks again."""
    chance, length = np.zeros(cap.shape), _AGAIN * _TURNS_SPREAD * cycle_ms
    tight = (people <= cap) & (cap < people + 1) & (hold > first)
    if tight.any():
        rest, cycle = (hold - first)[tight], cycle_ms[tight]
        own = _normal(np.clip((rest / np.maximum(cycle - first[tight], rest / 2) - 1) / _TURNS_SPREAD, -8.0, 8.0))
        chance[tight] = np.maximum(0.0, own - _NEVER) * np.power(
            np.minimum(hold[tight] / cycle, 1.0), people[tight] - 1
        )
    return chance, length


def _calm(
    wait: Floats, noise: Floats, rate: Floats, places: Floats, people: Floats, used: Floats
) -> tuple[Floats, Floats]:
    """Shares that are left of the wait and of its spread. No more can wait than there are sessions beyond the places."""
    root = np.sqrt(np.sqrt(places))
    beyond = np.maximum(people - places + 1, 1.0)
    crowd, few = crowding(wait, rate, people, 1 - used) * root, fewness(used, beyond) * root
    return calmed(_CROWD * crowd + _FEW * few, roughness(noise, _ROUGH, used)), calmed(
        _CROWD_SPREAD * crowd + _FEW_SPREAD * few, roughness(noise, 0.0, used)
    )
