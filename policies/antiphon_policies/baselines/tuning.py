"""Tunes the baselines by grid search, each for several prices of a partition: none is to be a straw man.

What is sought for a price is the least `missed + price x partitions`: `missed` is the share of the wanted turns that were
not answered within the target, those of refused sessions among them; `partitions` is how many were held on average.
A price is thus the share of turns that may be missed to save one partition.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from antiphon_policies.baselines.systems import SYSTEMS, Candidate, System

PRICES = (0.003, 0.01, 0.03)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a candidate."""

    missed: float
    partitions: float

    def loss(self, price: float) -> float:
        return self.missed + price * self.partitions


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best candidate of one system and one set of models, for one or several prices."""

    candidate: Candidate
    trial: Trial
    prices: tuple[float, ...]


Try = Callable[[Candidate], Trial]
Tell = Callable[[int, int, str], None]
"""Told before each trial: how many are done, of about how many, and which comes next."""


def tune(
    models: Collection[str],
    attempt: Try,
    tell: Tell | None = None,
    *,
    systems: Iterable[str] = tuple(SYSTEMS),
    prices: Iterable[float] = PRICES,
) -> list[Tuned]:
    """The whole grid of every system with each of these sets of models; then the rarer knobs, one by one, around the place of
    the grid that is the best for the middle price."""
    wanted, costs = [SYSTEMS[name] for name in systems], tuple(prices)
    search = _Search(attempt, tell, sum(len(models) * _trials(system) for system in wanted))
    return [found for system in wanted for words in models for found in search.run(system, words, costs)]


def _trials(system: System) -> int:
    places = list(system.grid())
    return len(places) + len(list(system.around(places[0])))


class _Search:
    """One walk through all grids."""

    def __init__(self, attempt: Try, tell: Tell | None, planned: int) -> None:
        self._attempt, self._tell, self._planned = attempt, tell, planned
        self._done = 0

    def run(self, system: System, models: str, prices: tuple[float, ...]) -> list[Tuned]:
        tried = {candidate: self._try(candidate) for candidate in _each(system, models, None)}
        best = _best(tried, sorted(prices)[len(prices) // 2])
        for candidate in _each(system, models, best):
            tried[candidate] = self._try(candidate)
        winners: dict[Candidate, list[float]] = {}
        for price in prices:
            winners.setdefault(_best(tried, price), []).append(price)
        return [Tuned(candidate, tried[candidate], tuple(held)) for candidate, held in winners.items()]

    def _try(self, candidate: Candidate) -> Trial:
        if self._tell is not None:
            self._tell(self._done, self._planned, f"{candidate.system}, {candidate.models} models, {candidate.words}")
        self._done += 1
        return self._attempt(candidate)


def _each(system: System, models: str, around: Candidate | None) -> list[Candidate]:
    places = system.grid() if around is None else system.around(around.knobs)
    return [Candidate(system.name, models, knobs) for knobs in places]


def _best(tried: Mapping[Candidate, Trial], price: float) -> Candidate:
    return min(tried, key=lambda candidate: tried[candidate].loss(price))
