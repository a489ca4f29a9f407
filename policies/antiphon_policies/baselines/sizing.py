"""The largest load of one replica that keeps the objective, by a queueing model and binary search; and saturation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from antiphon_policies.baselines.kalman import MOST_LOAD, call_ms
from antiphon_policies.facts import TurnShape

_STEPS = 50


@dataclass(frozen=True, slots=True)
class StageModel:
    """One stage of a turn as it was estimated."""

    alpha_ms: float
    beta_ms: float
    cap: int
    calls_per_turn: float = 1.0
    in_turn: bool = True
    shares: str | None = None
    """Name of the device that it takes turns on with others; None: it has its own."""

    def busy(self, turns_per_ms: float) -> float:
        """Share of its device's time. A batch on an own device takes on what came during the one before, so that only beta
        counts; on a shared one each call is held to be a batch of its own."""
        work_ms = self.beta_ms if self.shares is None else self.alpha_ms + self.beta_ms
        return turns_per_ms * self.calls_per_turn * work_ms

    @property
    def most_turns_per_ms(self) -> float:
        """Of an own device, with full batches one after the other."""
        return self.cap / (self.alpha_ms + self.beta_ms * self.cap) / max(self.calls_per_turn, 1e-9)


def turn_ms(stages: Sequence[StageModel], shape: TurnShape, turns_per_ms: float) -> float:
    """Mean time from the decided end of a turn to the first audio, under a load of one replica."""
    work = sum(
        call_ms(stage.alpha_ms, stage.beta_ms, _device_busy(stages, stage, turns_per_ms))
        for stage in stages
        if stage.in_turn
    )
    return max(0.0, shape.begins_ms + work - shape.decided_ms) + shape.overhead_ms


def _device_busy(stages: Sequence[StageModel], stage: StageModel, turns_per_ms: float) -> float:
    if stage.shares is None:
        return stage.busy(turns_per_ms)
    return sum(other.busy(turns_per_ms) for other in stages if other.shares == stage.shares)


def _most_turns_per_ms(stages: Sequence[StageModel]) -> float:
    own = [stage.most_turns_per_ms for stage in stages if stage.shares is None]
    shared = [MOST_LOAD / max(_device_busy(stages, stage, 1.0), 1e-9) for stage in stages if stage.shares is not None]
    return min([*own, *shared])


def largest_load_per_ms(stages: Sequence[StageModel], shape: TurnShape, target_ms: float) -> float:
    """Most turns a millisecond of one replica within the target; 0 where not even an idle one keeps it."""
    if not stages or turn_ms(stages, shape, 0.0) > target_ms:
        return 0.0
    within, beyond = 0.0, _most_turns_per_ms(stages)
    if turn_ms(stages, shape, beyond) <= target_ms:
        return beyond
    for _ in range(_STEPS):
        middle = (within + beyond) / 2.0
        if turn_ms(stages, shape, middle) <= target_ms:
            within = middle
        else:
            beyond = middle
    return within


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Of utilisation (V2) and of saturation (V1), with their published defaults."""

    scale_up: float = 0.85
    """Share of the capacity that may be used before replicas are added."""
    scale_down: float = 0.70
    """Share of it that must remain unused by so much that a replica can go."""
    places: float = 0.80
    """Share of its places from which a replica is saturated; of the sessions here, where a model server counts its cache."""
    queued: float = 5.0
    """Waiting calls from which a replica is saturated."""
    spare_places: float = 0.1
    """Mean share of places below `places` at which a replica is added."""
    spare_queued: float = 3.0
    """The same of waiting calls."""


def by_load(replicas: int, load: float, capacity: float, thresholds: Thresholds) -> int:
    """Replicas that the load asks for, where one has this capacity."""
    supply = replicas * capacity
    short = load / thresholds.scale_up - supply
    spare = supply - load / thresholds.scale_down
    if short > 0:
        return replicas + math.ceil(round(short / capacity, 9))
    return replicas - math.floor(round(spare / capacity, 9)) if spare > 0 else replicas


@dataclass(frozen=True, slots=True)
class PodLoad:
    """One ready replica."""

    places: float
    """Share of its places that are taken."""
    queued: float


def by_saturation(pods: Sequence[PodLoad], thresholds: Thresholds) -> int:
    """1: add a replica. -1: one could go without the others coming near to saturation. 0: neither, or nothing is known."""
    if not pods:
        return 0
    free = [pod for pod in pods if pod.places < thresholds.places and pod.queued < thresholds.queued]
    if not free or _near(free, len(free), thresholds):
        return 1
    return -1 if len(free) >= 2 and not _near(free, len(free) - 1, thresholds) else 0


def _near(free: Sequence[PodLoad], replicas: int, thresholds: Thresholds) -> bool:
    """Whether the load of these pods, spread over so many replicas, leaves too little to spare."""
    places = sum(pod.places for pod in free) / replicas
    queued = sum(pod.queued for pod in free) / replicas
    short_of_places = thresholds.places - places < thresholds.spare_places
    return short_of_places or thresholds.queued - queued < thresholds.spare_queued
