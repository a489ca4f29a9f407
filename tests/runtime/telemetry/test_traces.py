"""A collector on loopback gets every turn as one trace; one that can't be reached is nobody's trouble."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from trace_collector import Collector, collecting

from antiphon_crds.runtime_config import Identity
from antiphon_runtime.telemetry.labels import Runs
from antiphon_runtime.telemetry.spans import TurnAttributes
from antiphon_runtime.telemetry.traces import (
    FLUSHING,
    NullTracer,
    OtlpTracer,
    make_tracer,
    resource_attributes,
    traces_url,
)
from antiphon_runtime.turns.timeline import Anchor, Timeline

IDENTITY = Identity(agent="concierge", namespace="hotel", group="voice")
OFFSET_SECONDS = 1_700_000_000.0
TOLD = TurnAttributes(
    "sess_1",
    "completed",
    ran=(Runs("asr", "hearer", "base", "false"), Runs("llm", "writer", "q4", "true")),
    engines={"llm": "vllm"},
    input_tokens=12,
    output_tokens=7,
)


@pytest.fixture(autouse=True)
def _nothing_goes_on_behind() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if thread.name == FLUSHING:
            thread.join(10)
            assert not thread.is_alive()


def timeline(at: dict[Anchor, float]) -> Timeline:
    made = Timeline()
    for anchor, seconds in at.items():
        made.mark(anchor, seconds)
    return made


def whole_turn() -> Timeline:
    order = {anchor: float(number) for number, anchor in enumerate(Anchor)}
    of_others = (Anchor.BARGE_IN, Anchor.LAST_SENT, Anchor.SPEAKERS_ASKED, Anchor.SPEAKERS_KNOWN, Anchor.RESULT_SENT)
    return timeline({anchor: at for anchor, at in order.items() if anchor not in of_others})


def said(attributes: Any) -> dict[str, str | int | float | bool]:
    return {pair.key: _value(pair) for pair in attributes}


def _value(pair: KeyValue) -> Any:
    kind = pair.value.WhichOneof("value")
    assert kind is not None
    return getattr(pair.value, kind)


def sent(*turns: Timeline, told: TurnAttributes = TOLD) -> Collector:
    """The collector, after it got them all."""
    with collecting() as collector:
        tracer = OtlpTracer(collector.url, IDENTITY, {})
        for turn in turns:
            tracer.turn(turn, told, OFFSET_SECONDS)
        tracer.close()
    return collector


def test_a_whole_turn_is_one_trace_with_the_times_of_its_parts() -> None:
    collector = sent(whole_turn())
    spans = {span.name: span for span in collector.spans}
    times: dict[str, object] = {
        name: (span.start_time_unix_nano / 1e9 - OFFSET_SECONDS, span.end_time_unix_nano / 1e9 - OFFSET_SECONDS)
        for name, span in spans.items()
    }
    assert times == {
        "turn": (pytest.approx(0), pytest.approx(10)),
        "endpointing": (pytest.approx(0), pytest.approx(3)),
        "recognition": (pytest.approx(0), pytest.approx(2)),
        "answer": (pytest.approx(4), pytest.approx(6)),
        "speech": (pytest.approx(7), pytest.approx(10)),
    }
    assert {span.trace_id for span in spans.values()} == {spans["turn"].trace_id}
    assert {span.parent_span_id for name, span in spans.items() if name != "turn"} == {spans["turn"].span_id}
    assert not spans["turn"].parent_span_id
    assert [event.name for event in spans["answer"].events] == ["answer_began"]
    assert {path for path, _ in collector.requests} == {"/v1/traces"}


def test_it_says_who_made_the_turn_and_how_fast() -> None:
    collector = sent(whole_turn())
    found = {span.name: said(span.attributes) for span in collector.spans}
    assert found["answer"] == {
        "gen_ai.operation.name": "chat",
        "gen_ai.conversation.id": "sess_1",
        "gen_ai.provider.name": "vllm",
        "gen_ai.request.model": "writer",
        "gen_ai.response.time_to_first_chunk": 1.0,
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 7,
        "antiphon.stage": "llm",
        "antiphon.variant": "q4",
        "antiphon.emulated": True,
    }
    assert found["recognition"]["antiphon.emulated"] is False
    turn = found["turn"]
    assert (turn["antiphon.emulated"], turn["antiphon.turn.result"], turn["gen_ai.output.type"]) == (
        True,
        "completed",
        "speech",
    )
    assert turn["antiphon.turn_e2e_seconds"] == 10.0
    assert turn["antiphon.turn_overhead_seconds"] == 3.0
    resource = said(collector.resources[0].resource.attributes)
    assert (resource["service.name"], resource["service.namespace"], resource["antiphon.group"]) == (
        "concierge",
        "hotel",
        "voice",
    )


def test_missing_anchors_leave_out_their_parts() -> None:
    turn = timeline({Anchor.USER_STOPPED: 1.0, Anchor.DECIDED: 1.5, Anchor.ANSWER_ASKED: 2.0, Anchor.SPEECH_ASKED: 3.0})
    turn.mark(Anchor.FIRST_SOUND, 2.5)
    assert {span.name for span in sent(turn).spans} == {"turn", "endpointing"}


def test_a_turn_in_which_nothing_happened_has_no_trace() -> None:
    assert sent(Timeline()).spans == []


def test_a_failed_turn_is_an_error() -> None:
    collector = sent(whole_turn(), told=TurnAttributes("sess_1", "failed"))
    (turn,) = [span for span in collector.spans if span.name == "turn"]
    assert turn.status.code == Status.STATUS_CODE_ERROR


def test_each_turn_is_a_trace_of_its_own() -> None:
    assert len({span.trace_id for span in sent(*[whole_turn()] * 20).spans}) == 20


def test_an_interruption_is_a_part_too() -> None:
    turn = whole_turn()
    turn.mark(Anchor.BARGE_IN, 9.0)
    turn.mark(Anchor.LAST_SENT, 9.25)
    (span,) = [span for span in sent(turn).spans if span.name == "interruption"]
    assert span.end_time_unix_nano - span.start_time_unix_nano == pytest.approx(0.25e9, rel=1e-6)


# --- collectors that do not work ---------------------------------------------------------------------------------------


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_nobody_at_the_address_costs_one_line_and_no_time(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    tracer = OtlpTracer(f"http://127.0.0.1:{port}", IDENTITY, {}, flush_seconds=0.5)
    before = time.perf_counter()
    for _ in range(2000):
        tracer.turn(whole_turn(), TOLD, OFFSET_SECONDS)
    assert time.perf_counter() - before < 5
    begun = time.perf_counter()
    tracer.close()
    assert time.perf_counter() - begun < 2
    about_the_collector = [record for record in warnings(caplog) if "traces to" in record.getMessage()]
    assert len(about_the_collector) == 1
    assert len(warnings(caplog)) <= 2


def test_a_collector_that_never_answers_does_not_keep_the_pod_from_ending() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tracer = OtlpTracer(f"http://127.0.0.1:{silent.getsockname()[1]}", IDENTITY, {}, flush_seconds=0.3)
        tracer.turn(whole_turn(), TOLD, OFFSET_SECONDS)
        begun = time.perf_counter()
        tracer.close()
        assert time.perf_counter() - begun < 2


def test_a_collector_that_refuses_is_said_once_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    with collecting(status=400) as collector:
        tracer = OtlpTracer(collector.url, IDENTITY, {})
        tracer.turn(whole_turn(), TOLD, OFFSET_SECONDS)
        tracer.close()
    (line,) = warnings(caplog)
    assert "400" in line.getMessage()


def test_after_its_end_it_takes_turns_and_sends_none() -> None:
    with collecting() as collector:
        tracer = OtlpTracer(collector.url, IDENTITY, {})
        tracer.close()
        tracer.turn(whole_turn(), TOLD, OFFSET_SECONDS)
        tracer.close()
    assert collector.spans == []
    assert logging.getLogger("opentelemetry").propagate


# --- addresses and names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ["http://otel:4318", "http://otel:4318/", "http://otel:4318/v1/traces"])
def test_an_endpoint_may_have_the_path_or_not(endpoint: str) -> None:
    assert traces_url(endpoint) == "http://otel:4318/v1/traces"


def test_without_an_endpoint_nothing_is_traced() -> None:
    tracer = make_tracer(None, IDENTITY)
    assert isinstance(tracer, NullTracer)
    tracer.turn(whole_turn(), TOLD, OFFSET_SECONDS)
    tracer.close()


def test_a_pod_is_named_in_kubernetes_only() -> None:
    assert not any(name.startswith("k8s.") for name in resource_attributes(IDENTITY, {"HOSTNAME": "desk"}))
    inside = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "concierge-voice-0", "NODE_NAME": "gpu-1"}
    found = resource_attributes(IDENTITY, inside)
    assert found["k8s.pod.name"] == found["service.instance.id"] == "concierge-voice-0"
    assert (found["k8s.namespace.name"], found["k8s.node.name"]) == ("hotel", "gpu-1")
