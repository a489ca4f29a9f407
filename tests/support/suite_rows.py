"""What the bench of autoscalers tells of each: a row of figures, and how ours stands against the best of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from clairvoyant import Limit

from antiphon_policies.simulating.scores import Scores

OURS = "antiphon"
THIRD, CHEAPER = 1 / 3, 0.7
SAME = 0.001
"""Shares of turns that differ by no more count as the same."""


@dataclass(frozen=True, slots=True)
class Row:
    """One autoscaler on one trace, a mean over the seeds."""

    system: str
    models: str
    knobs: str
    violations: float
    """Share of the answered turns that were late."""
    breached: float
    """Share of the turns that ended while the promise (p95 within its window) was broken."""
    missed: float
    """Share of the wanted turns that were not answered in time; a refused session counts as turns like any other."""
    goodput: float
    """Turns in time a second."""
    rejected: float
    """Share of the sessions that were refused."""
    dropped: float
    partition_hours: float
    partitions: float
    quality: float
    actions: float
    actions_per_hour: float
    recovery_seconds: float | None
    """From the first breach after the burst to its end; the mean of the seeds. None: one did not end, or there is no burst."""
    longest_breach_seconds: float

    def loss(self, price: float) -> float:
        return self.missed + price * self.partitions

    def told(self) -> dict[str, Any]:
        return {name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(self).items()}


def missed(scores: Scores, by: str) -> float:
    """`late`: turns above the target. `breached`: turns that ended while the promise was broken."""
    good = scores.within if by == "late" else 1.0 - scores.breached_turns / max(1, scores.turns)
    lost = (scores.rejected + scores.dropped) / max(1, scores.offered)
    return 1.0 - good * (1.0 - lost)


def row(
    system: str,
    models: str,
    knobs: str,
    scored: Sequence[Scores],
    recoveries: Sequence[float | None],
    hours: float,
    by: str,
) -> Row:
    known = [recovery for recovery in recoveries if recovery is not None]
    return Row(
        system,
        models,
        knobs,
        violations=fmean(scores.late_turns / max(1, scores.turns) for scores in scored),
        breached=fmean(scores.breached_turns / max(1, scores.turns) for scores in scored),
        missed=fmean(missed(scores, by) for scores in scored),
        goodput=fmean(scores.goodput for scores in scored),
        rejected=fmean(scores.rejected_share for scores in scored),
        dropped=fmean(scores.dropped / max(1, scores.offered) for scores in scored),
        partition_hours=fmean(scores.partition_hours for scores in scored),
        partitions=fmean(scores.partition_hours for scores in scored) / hours,
        quality=fmean(scores.quality for scores in scored),
        actions=fmean(scores.actions for scores in scored),
        actions_per_hour=fmean(scores.actions_per_hour for scores in scored),
        recovery_seconds=fmean(known) if recoveries and len(known) == len(recoveries) else None,
        longest_breach_seconds=fmean(scores.longest_breach_seconds for scores in scored),
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """Ours against the best baseline for one price of a partition."""

    against: str
    """`any`: all baselines. `as good`: those whose models are on average as good as ours were."""
    price: float
    best: Row
    third: bool
    """A third of the missed turns at most, at no more partition-hours."""
    cheaper: bool
    """As few missed turns, at 30 % fewer partition-hours."""
    possible: bool | None = None
    """Whether a clairvoyant could have had either. None: not known."""

    @property
    def holds(self) -> bool:
        return self.third or self.cheaper

    def told(self) -> dict[str, Any]:
        best = {"system": self.best.system, "models": self.best.models, "knobs": self.best.knobs}
        return {
            "against": self.against,
            "price": self.price,
            "best": best,
            "third": self.third,
            "cheaper": self.cheaper,
            "possible": self.possible,
        }


def verdicts(ours: Row, others: Sequence[Row], prices: Sequence[float], limit: Limit | None = None) -> list[Verdict]:
    """The best for a price is the one that came out best on the scored trace itself: to the baselines' favour."""
    as_good = [one for one in others if one.quality >= ours.quality - SAME]
    return [
        _verdict(against, price, ours, min(rows, key=lambda one: one.loss(price)), limit)
        for against, rows in (("as good", as_good), ("any", list(others)))
        if rows
        for price in prices
    ]


def _verdict(against: str, price: float, ours: Row, best: Row, limit: Limit | None) -> Verdict:
    third = ours.missed <= THIRD * best.missed and ours.partition_hours <= best.partition_hours
    cheaper = ours.missed <= best.missed + SAME and ours.partition_hours <= CHEAPER * best.partition_hours
    possible = None if limit is None else _possible(best, limit)
    return Verdict(against, price, best, third, cheaper, possible)


def _possible(best: Row, limit: Limit) -> bool:
    third = limit.fewest_missed(best.partition_hours) <= THIRD * best.missed
    return third or limit.fewest_hours(best.missed + SAME) <= CHEAPER * best.partition_hours


def winners(ours: Row, others: Sequence[Row]) -> list[Row]:
    """Baselines that miss no more turns at no more partition-hours, and less of one of them; the best models first."""
    ahead = [
        one
        for one in others
        if one.missed <= ours.missed
        and one.partition_hours <= ours.partition_hours
        and (one.missed, one.partition_hours) != (ours.missed, ours.partition_hours)
    ]
    return sorted(ahead, key=lambda one: (-one.quality, one.missed))
