"""The operator's own metrics, all in one place. docs/operator-reference.md is made from here."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from antiphon_policies.seeing.observation import Source

_SOURCES: tuple[Source, ...] = ("prometheus", "scrape", "none")
_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


class Metrics:
    """One registry for each operator: several may live in one process, in tests."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, that nobody reads
        self.registry = CollectorRegistry()
        self.reconciles = Counter(
            "antiphon_operator_reconciles",
            "Visits of an object, by result: settled (nothing to write), changed, held (not accepted or placed), failed.",
            ("result",),
            registry=self.registry,
        )
        self.reconcile_seconds = Histogram(
            "antiphon_operator_reconcile_seconds",
            "Time of a visit, writes included.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.queue_depth = Gauge(
            "antiphon_operator_queue_depth", "Objects that are due and wait for a worker.", registry=self.registry
        )
        self.requests = Counter(
            "antiphon_operator_api_requests",
            "Requests to the Kubernetes API, kopf's included, by verb, resource and HTTP code; code 0: no answer came.",
            ("verb", "resource", "code"),
            registry=self.registry,
        )
        self.writes = Counter(
            "antiphon_operator_writes",
            "Requests that write and were answered with success, Leases apart.",
            ("verb", "resource"),
            registry=self.registry,
        )
        self.watch_age_seconds = Gauge(
            "antiphon_operator_watch_age_seconds",
            "Time since a watch last heard anything of the API server.",
            ("resource",),
            registry=self.registry,
        )
        self.watch_restarts = Counter(
            "antiphon_operator_watch_restarts",
            "Watches that were begun anew, by why.",
            ("resource", "reason"),
            registry=self.registry,
        )
        self.leader = Gauge("antiphon_operator_leader", "1 while this process leads, else 0.", registry=self.registry)
        self.agents = Gauge("antiphon_operator_agents", "VoiceAgents, by phase.", ("phase",), registry=self.registry)
        self.tunings = Counter(
            "antiphon_operator_tunings", "Tunings sent to pods, by result.", ("result",), registry=self.registry
        )

        self.looks = Counter(
            "antiphon_operator_looks",
            "Looks at the metrics of agents, by source (prometheus, scrape) and result (answered, failed).",
            ("source", "result"),
            registry=self.registry,
        )
        self.look_seconds = Histogram(
            "antiphon_operator_look_seconds",
            "Time of a look, by source: all questions to Prometheus, or all pages of pods.",
            ("source",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.seen_agents = Gauge(
            "antiphon_operator_seen_agents",
            "Agents by the source that their last observation is of: prometheus, scrape, or none where nothing is known.",
            ("source",),
            registry=self.registry,
        )
        self.seen_age_seconds = Gauge(
            "antiphon_operator_seen_age_seconds",
            "Age of the oldest measurement in the last observations, by source.",
            ("source",),
            registry=self.registry,
        )

        self.ticks = Counter(
            "antiphon_operator_ticks",
            "Ticks of the control loop, by result (done, failed).",
            ("result",),
            registry=self.registry,
        )
        self.tick_seconds = Histogram(
            "antiphon_operator_tick_seconds",
            "Time of a tick: looking at all agents, deciding, handing on.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.decisions = Counter(
            "antiphon_operator_decisions",
            "Decisions of the control loop, by actuator, reason and outcome; first they are Pending.",
            ("actuator", "reason", "outcome"),
            registry=self.registry,
        )
        self.held = Gauge(
            "antiphon_operator_held_changes",
            "Changes that the last tick wanted and a rule held back, by rule.",
            ("rule",),
            registry=self.registry,
        )

    def saw_question(self, source: Source, result: str, seconds: float) -> None:
        """As the observer tells it."""
        self.looks.labels(source, result).inc()
        self.look_seconds.labels(source).observe(seconds)

    def saw_agents(self, by_source: Mapping[Source, int], oldest_seconds: Mapping[Source, float]) -> None:
        """As the observer tells it. A source that is not in force has no age."""
        self.seen_agents.clear()
        for source in _SOURCES:
            self.seen_agents.labels(source).set(by_source.get(source, 0))
        self.seen_age_seconds.clear()
        for source, age in oldest_seconds.items():
            self.seen_age_seconds.labels(source).set(age)

    def saw_request(self, verb: str, resource: str, code: int, seconds: float) -> None:  # noqa: ARG002 (others may time)
        self.requests.labels(verb, resource, str(code)).inc()
        if verb in _WRITES and 200 <= code < 300 and not resource.startswith("leases"):
            self.writes.labels(verb, resource).inc()
