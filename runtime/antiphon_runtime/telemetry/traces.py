"""Sends a trace of every turn to an OpenTelemetry collector, over OTLP/HTTP.

A trace is built when its turn is over, so that nothing of it is in the way of the turn.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from antiphon_crds.runtime_config import Identity
from antiphon_runtime.telemetry.spans import Span, TurnAttributes, part_spans, turn_span
from antiphon_runtime.telemetry.sparing_log import SparingLog
from antiphon_runtime.turns.timeline import Timeline

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span as OpenSpan
    from opentelemetry.trace import Tracer as OpenTracer

_log = logging.getLogger(__name__)
_PATH = "/v1/traces"
_REQUEST_SECONDS = 3.0
"""For one request with all its retries."""
_FLUSH_SECONDS = 5.0
_MOST_WAITING = 4096
"""Spans; the oldest are lost when a collector can't be reached for long."""
_OF_THE_LIBRARY = "opentelemetry"
FLUSHING = "traces-flush"
"""Name of the thread that sends what is left."""


class Tracer(Protocol):
    """Tells of turns that are over."""

    def turn(self, timeline: Timeline, told: TurnAttributes, wall_offset_seconds: float) -> None:
        """`wall_offset_seconds`: what is added to the timeline's clock to get Unix time. Quick, and never raises."""
        ...

    def close(self) -> None:
        """Sends what is left; may block for some seconds, so it is called off the event loop."""
        ...


class NullTracer:
    """For a pod without an endpoint."""

    def turn(self, timeline: Timeline, told: TurnAttributes, wall_offset_seconds: float) -> None:
        pass

    def close(self) -> None:
        pass


def make_tracer(endpoint: str | None, identity: Identity, environment: Mapping[str, str] = os.environ) -> Tracer:
    """`endpoint`: base URL of the collector, or its whole URL for traces."""
    return OtlpTracer(endpoint, identity, environment) if endpoint else NullTracer()


class OtlpTracer:
    """Sends from a thread of its own. A collector that can't be reached costs the traces and a line in the log a minute."""

    def __init__(
        self,
        endpoint: str,
        identity: Identity,
        environment: Mapping[str, str] = os.environ,
        *,
        flush_seconds: float = _FLUSH_SECONDS,
    ) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._flush_seconds = flush_seconds
        self._closed = False
        self._said = SparingLog(_OF_THE_LIBRARY, _log, f"traces to {endpoint}")
        self._exporter: SpanExporter = OTLPSpanExporter(endpoint=traces_url(endpoint), timeout=_REQUEST_SECONDS)
        self._provider = TracerProvider(
            resource=Resource.create(resource_attributes(identity, environment)), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter, max_queue_size=_MOST_WAITING))
        self._tracer: OpenTracer = self._provider.get_tracer("antiphon")
        _log.info("a trace of every turn goes to %s", traces_url(endpoint))

    def turn(self, timeline: Timeline, told: TurnAttributes, wall_offset_seconds: float) -> None:
        if self._closed:
            return
        try:
            self._send(timeline, told, wall_offset_seconds)
        except Exception:
            _log.exception("the trace of a turn could not be made")

    def close(self) -> None:
        """Returns within the time for flushing, whatever the collector does."""
        if self._closed:
            return
        self._closed = True
        flushing = threading.Thread(target=self._flush, name=FLUSHING, daemon=True)
        flushing.start()
        flushing.join(self._flush_seconds)
        if flushing.is_alive():
            _log.warning("the last traces were not sent within %.0f s and are lost", self._flush_seconds)
            self._exporter.shutdown()

    def _flush(self) -> None:
        self._provider.shutdown()
        self._said.close()

    def _send(self, timeline: Timeline, told: TurnAttributes, offset: float) -> None:
        from opentelemetry.context import Context
        from opentelemetry.trace import set_span_in_context

        turn = turn_span(timeline, told)
        if turn is None:
            return
        root = self._begin(turn, Context(), offset)
        for part in part_spans(timeline, told):
            child = self._begin(part, set_span_in_context(root, Context()), offset)
            child.end(_unix_ns(part.end_seconds, offset))
        _set_status(root, told)
        root.end(_unix_ns(turn.end_seconds, offset))

    def _begin(self, span: Span, context: Context, offset: float) -> OpenSpan:
        begun = self._tracer.start_span(
            span.name, context, attributes=span.attributes, start_time=_unix_ns(span.start_seconds, offset)
        )
        for name, at_seconds in span.events:
            begun.add_event(name, timestamp=_unix_ns(at_seconds, offset))
        return begun


def traces_url(endpoint: str) -> str:
    return endpoint if endpoint.rstrip("/").endswith(_PATH) else endpoint.rstrip("/") + _PATH


def resource_attributes(identity: Identity, environment: Mapping[str, str]) -> dict[str, str]:
    """Whose traces these are. What names a pod is told in Kubernetes only."""
    found = {
        "service.name": identity.agent,
        "service.namespace": identity.namespace,
        "service.instance.id": environment.get("HOSTNAME") or socket.gethostname(),
        "gen_ai.agent.name": identity.agent,
        "antiphon.group": identity.group,
    }
    if "KUBERNETES_SERVICE_HOST" not in environment:
        return found
    return found | {
        "k8s.namespace.name": identity.namespace,
        "k8s.pod.name": environment.get("POD_NAME") or found["service.instance.id"],
        **({"k8s.node.name": environment["NODE_NAME"]} if environment.get("NODE_NAME") else {}),
    }


def _set_status(root: OpenSpan, told: TurnAttributes) -> None:
    from opentelemetry.trace import Status, StatusCode

    if told.result == "failed":
        root.set_status(Status(StatusCode.ERROR))
        root.set_attribute("error.type", "failed")


def _unix_ns(at_seconds: float, offset: float) -> int:
    return round((at_seconds + offset) * 1e9)
