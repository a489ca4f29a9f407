"""What a server's Prometheus histograms have gained between two scrapes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from prometheus_client.parser import text_string_to_metric_families

Labels: TypeAlias = tuple[tuple[str, str], ...]
Key: TypeAlias = tuple[str, Labels]
"""Name without `_bucket`, and all labels but `le`, sorted."""


@dataclass(frozen=True, slots=True)
class Histogram:
    bounds: tuple[float, ...]
    """Upper bounds, the last one infinite."""
    counts: tuple[float, ...]
    """Values in each bucket; not cumulative."""
    total: float
    """Sum of the values."""

    @property
    def count(self) -> float:
        return math.fsum(self.counts)

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None

    def quantile(self, share: float) -> float | None:
        """Estimated on a straight line through the bucket, as Prometheus does. Beyond the last bound: that bound."""
        rank = share * self.count
        if not self.count:
            return None
        below, seen = 0.0, 0.0
        for bound, count in zip(self.bounds, self.counts, strict=True):
            if count and seen + count >= rank:
                part = (rank - seen) / count
                return below if math.isinf(bound) else min(below + (bound - below) * part, bound)
            seen += count
            below = below if math.isinf(bound) else bound
        return below

    def minus(self, before: Histogram | None) -> Histogram:
        """What came in since `before`. A server that was started anew since then counts from 0."""
        if before is None or before.bounds != self.bounds or before.count > self.count:
            return self
        counts = tuple(max(now - then, 0.0) for now, then in zip(self.counts, before.counts, strict=True))
        return Histogram(self.bounds, counts, max(self.total - before.total, 0.0))


def histograms(exposition: str) -> dict[Key, Histogram]:
    """All histograms of a scrape in Prometheus' text format."""
    found: dict[Key, Histogram] = {}
    for family in text_string_to_metric_families(exposition):
        if family.type != "histogram":
            continue
        cumulative: dict[Labels, list[tuple[float, float]]] = {}
        sums: dict[Labels, float] = {}
        for sample in family.samples:
            labels = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
            if sample.name.endswith("_bucket"):
                cumulative.setdefault(labels, []).append((float(sample.labels["le"]), sample.value))
            elif sample.name.endswith("_sum"):
                sums[labels] = sample.value
        for labels, buckets in cumulative.items():
            found[family.name, labels] = from_cumulative(buckets, sums.get(labels, 0.0))
    return found


def from_cumulative(buckets: Sequence[tuple[float, float]], total: float) -> Histogram:
    """Of (bound, values up to it)."""
    ordered = sorted(buckets)
    counts, seen = [], 0.0
    for _, upto in ordered:
        counts.append(upto - seen)
        seen = upto
    return Histogram(tuple(bound for bound, _ in ordered), tuple(counts), total)


def gained(before: Mapping[Key, Histogram], after: Mapping[Key, Histogram]) -> dict[Key, Histogram]:
    """Only those that have gained something."""
    grown = {key: histogram.minus(before.get(key)) for key, histogram in after.items()}
    return {key: histogram for key, histogram in grown.items() if histogram.count}
