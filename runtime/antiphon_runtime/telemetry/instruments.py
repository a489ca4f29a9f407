"""The declared metrics as Prometheus collectors of one registry."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.exposition import choose_encoder

from antiphon_runtime.telemetry.declared import PREFIX, MetricFact, reference


class _Registry(CollectorRegistry):
    """Leaves out the time at which each series was made, which would double the counters' series."""

    def collect(self) -> Iterable[Metric]:
        for metric in super().collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


class Instruments:
    """Found by name without prefix. Asking for a name that is not declared raises KeyError."""

    def __init__(self) -> None:
        self._registry = _Registry(auto_describe=False)
        self._histograms: dict[str, Histogram] = {}
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._told: set[str] = set()
        self._labels: dict[str, tuple[str, ...]] = {}
        for fact in reference():
            self._make(fact)

    def histogram(self, name: str) -> Histogram:
        return self._histograms[name]

    def counter(self, name: str) -> Counter:
        return self._counters[name]

    def gauge(self, name: str) -> Gauge:
        """Scraped from the first time it is asked for: a gauge that nobody has set is missing, not 0."""
        gauge = self._gauges[name]
        if name not in self._told:
            self._told.add(name)
            self._registry.register(gauge)
        return gauge

    def remove(self, **labels: str) -> None:
        """All series that have these labels and values."""
        everything = self._histograms | self._counters | self._gauges
        for name, has in self._labels.items():
            if labels.keys() <= set(has):
                everything[name].remove_by_labels(labels)

    def unset(self, gauge: str, values: tuple[str, ...]) -> None:
        """The gauge has no value for these labels until it is set again."""
        self._gauges[gauge].remove_by_labels(dict(zip(self._labels[gauge], values, strict=True)))

    def exposition(self, accept: str | None) -> tuple[bytes, str]:
        """The text and its content type; OpenMetrics where `accept` asks for it."""
        encode, content_type = choose_encoder(accept or "")
        return encode(self._registry), content_type

    def _make(self, fact: MetricFact) -> None:
        name = fact.name.removeprefix(PREFIX)
        registry = self._registry
        self._labels[name] = fact.labels
        if fact.kind == "histogram":
            self._histograms[name] = Histogram(
                fact.name, fact.help, fact.labels, registry=registry, buckets=fact.buckets
            )
        elif fact.kind == "counter":
            self._counters[name] = Counter(fact.name, fact.help, fact.labels, registry=registry)
        else:
            self._gauges[name] = Gauge(fact.name, fact.help, fact.labels, registry=None)
