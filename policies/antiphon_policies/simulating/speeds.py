"""How quick a variant is, and what it was seen to compute. Shared by all replicas of a group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon_crds.stages import Stage
from antiphon_policies.facts import Service, VariantFacts
from antiphon_policies.seeing.observation import StageWork

Floats = NDArray[np.float64]
_BLOCK = 2048


def noises(noise: float, rng: np.random.Generator) -> Callable[[], float]:
    """Factors of mean 1 whose standard deviation is `noise`: log-normal, as the emulated engines draw them."""
    if noise <= 0:
        return lambda: 1.0
    spread = math.sqrt(math.log1p(noise**2))

    def factors() -> Iterator[float]:
        while True:
            yield from rng.lognormal(-(spread**2) / 2, spread, _BLOCK).tolist()

    return factors().__next__


@dataclass(frozen=True, slots=True)
class Tally:
    """What was computed since the last look."""

    work: StageWork
    first_seconds: Floats
    """Of each call, from its being asked to its first result."""


class Speed:
    """Of one variant of a stage. Times in seconds."""

    __slots__ = (
        "alpha", "asked", "beta", "calls", "factor", "load", "most", "name", "quality", "rest_alpha", "rest_beta", "single",
        "sizes", "stage", "took", "waited",
    )  # fmt: skip

    def __init__(self, stage: Stage, variant: VariantFacts, service: Service, rng: np.random.Generator) -> None:
        self.stage, self.name, self.quality = stage, variant.name, variant.quality
        self.alpha, self.beta = service.alpha_ms / 1000, service.beta_ms / 1000
        self.single = self.alpha + self.beta
        self.rest_alpha, self.rest_beta = service.rest_alpha_ms / 1000, service.rest_beta_ms / 1000
        self.most = max(1, variant.max_batch)
        self.load = variant.load_seconds
        self.factor = noises(service.noise, rng)
        self.sizes: list[int] = []
        self.took: list[float] = []
        self.asked: list[float] = []
        self.waited = 0.0
        self.calls = 0
        """Up to the last look."""

    def tally(self, seconds: float) -> Tally:
        """And begins anew. `seconds`: since the last look."""
        took = np.asarray(self.took) * 1000
        work = StageWork(
            stage=self.stage,
            variant=self.name,
            seconds=seconds,
            batches=float(len(took)),
            items=float(sum(self.sizes)),
            busy_ms=float(took.sum()),
            busy_square=float(took @ took),
            waits=float(len(self.asked)),
            wait_ms=self.waited * 1000,
        )
        asked = np.asarray(self.asked)
        self.calls += len(asked)
        self.sizes, self.took, self.asked, self.waited = [], [], [], 0.0
        return Tally(work, asked)
