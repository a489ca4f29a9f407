"""What many measured values come to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """In the unit of the values."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    least: float
    most: float

    def as_json(self, digits: int = 3) -> dict[str, float]:
        figures = {"mean": self.mean, "p50": self.p50, "p95": self.p95, "p99": self.p99}
        figures |= {"min": self.least, "max": self.most}
        return {"count": self.count, **{name: round(value, digits) for name, value in figures.items()}}


def summary(values: Iterable[float]) -> Summary | None:
    """None: there is no value."""
    ordered = sorted(values)
    if not ordered:
        return None
    p50, p95, p99 = (percentile(ordered, share) for share in (0.5, 0.95, 0.99))
    mean = min(max(math.fsum(ordered) / len(ordered), ordered[0]), ordered[-1])
    return Summary(len(ordered), mean, p50, p95, p99, ordered[0], ordered[-1])


def percentile(ordered: Sequence[float], share: float) -> float:
    """Between the two nearest values on a straight line, as numpy does. `ordered` is sorted and not empty."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    value = ordered[below] + (ordered[above] - ordered[below]) * (place - below)
    return min(max(value, ordered[below]), ordered[above])


def json_of(found: Summary | None) -> dict[str, float] | None:
    return found.as_json() if found is not None else None
