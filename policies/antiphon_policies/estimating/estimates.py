"""Service times of a whole fleet: agents with the same variant on the same hardware learn from each other."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import NamedTuple

from antiphon_crds.stages import Stage
from antiphon_policies.estimating.estimate import Estimate, Seed, begin, update
from antiphon_policies.facts import Service
from antiphon_policies.seeing.observation import StageWork

ENOUGH_BATCHES = 50.0
"""From so many on a variant tells of the machine that others run on too."""
MOST_SEEDS = 4
"""Kept apart for one key; the one that was not learned from for longest goes."""
MOST_SLOWDOWN = 3.0
"""That a variant which never ran takes over from those that did."""


class EstimateKey(NamedTuple):
    stage: Stage
    model: str
    variant: str
    hardware: str


class Estimates:
    """By key. Kept in memory only: after a restart the profiles serve, and a minute of work teaches the rest again.

    What was kept from before could be of another machine, and would have to be doubted just as much as a profile.
    """

    def __init__(self) -> None:
        self._known: dict[EstimateKey, dict[Seed | None, Estimate]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[EstimateKey]:
        return iter(self._known)

    def of(self, key: EstimateKey) -> Estimate | None:
        """The one that was learned from last."""
        return max(self._known.get(key, {}).values(), key=lambda known: known.at, default=None)

    def learn(self, key: EstimateKey, work: StageWork, seed: Seed | None, at: float) -> Estimate:
        """Begins anew where the profile was edited. Agents that expect different work of one variant learn apart."""
        seeds = self._known.setdefault(key, {})
        learned = seeds[seed] = update(seeds.get(seed) or begin(seed, at), work, at)
        if len(seeds) > MOST_SEEDS:
            del seeds[min(seeds, key=lambda each: seeds[each].at)]
        return learned

    def service(self, key: EstimateKey, seed: Seed | None) -> Service | None:
        """As learned; else the profile's, slower by what the model's other variants were found to be on the same
        hardware. None: nothing is known."""
        known = self._known.get(key, {}).get(seed)
        if known is not None and known.samples > 0:
            return known.service
        if seed is None:
            return None
        return slowed(seed.service, self._slowdown(key))

    def keep(self, keys: Collection[EstimateKey]) -> None:
        """Forgets all others, so that a fleet that changes for months takes no more memory."""
        self._known = {key: known for key, known in self._known.items() if key in keys}

    def _slowdown(self, key: EstimateKey) -> float:
        """Never below 1: that others are faster than their profiles promises nothing."""
        ratios = [math.log(known.ratio) for other in self._known if _kin(other, key) for known in self._enough(other)]
        if not ratios:
            return 1.0
        return min(MOST_SLOWDOWN, max(1.0, math.exp(sum(ratios) / len(ratios))))

    def _enough(self, key: EstimateKey) -> list[Estimate]:
        known = self.of(key)
        return [known] if known is not None and known.seed is not None and known.samples >= ENOUGH_BATCHES else []


def _kin(one: EstimateKey, other: EstimateKey) -> bool:
    """Whether they are variants of one model on the same hardware."""
    same = (one.stage, one.model, one.hardware) == (other.stage, other.model, other.hardware)
    return same and one.variant != other.variant


def slowed(service: Service, factor: float) -> Service:
    return Service(
        service.alpha_ms * factor,
        service.beta_ms * factor,
        service.noise,
        service.rest_alpha_ms * factor,
        service.rest_beta_ms * factor,
    )
