"""Whatever a Prometheus answers, it is understood or refused in words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_pages import MadeUpPrometheus, histogram_rows, prometheus, row

from antiphon_operator.observing.answers import freshness_of, growth_of
from antiphon_operator.observing.prometheus import PrometheusClient, PrometheusError, Rows, prometheus_session
from antiphon_operator.observing.queries import STEPS, freshness, growth
from antiphon_operator.observing.series import FAMILIES, Need
from antiphon_operator.observing.settings import PrometheusSettings

KEY = ("team", "hello")
OF = {"namespace": "team", "agent": "hello"}
QUICK = PrometheusSettings(answer_seconds=0.3, largest_answer_bytes=10_000)


def _json(body: Any, status: int = 200) -> Callable[[str], web.StreamResponse]:
    return lambda _question: web.json_response(body, status=status)


def _text(text: str, status: int = 200) -> Callable[[str], web.StreamResponse]:
    return lambda _question: web.Response(text=text, status=status)


def _vector(result: Any, **more: Any) -> Callable[[str], web.StreamResponse]:
    return _json({"status": "success", "data": {"resultType": "vector", "result": result}, **more})


FAULTS: dict[str, tuple[Callable[[str], web.StreamResponse], str]] = {
    "429": (_text("slow down", 429), "HTTP status 429"),
    "500": (_text("oh", 500), "HTTP status 500"),
    "502-html": (_text("<html>", 502), "HTTP status 502"),
    "422": (_json({"status": "error", "error": "too many samples"}, 422), "HTTP status 422: too many samples"),
    "503-json": (_json({"status": "error", "error": "shutting down"}, 503), "HTTP status 503: shutting down"),
    "302": (lambda _question: web.Response(status=302, headers={"Location": "/login"}), "status 302"),
    "malformed": (_text('{"status": "succ'), "is no JSON"),
    "html": (_text("<html>login</html>"), "is no JSON"),
    "null": (_text("null"), "not a success"),
    "list": (_text("[]"), "not a success"),
    "error": (_json({"status": "error", "error": "no"}), "not a success"),
    "matrix": (_json({"status": "success", "data": {"resultType": "matrix", "result": []}}), "no vector"),
    "no-result": (_json({"status": "success", "data": {"resultType": "vector"}}), "no vector"),
    "data-text": (_json({"status": "success", "data": "vector"}), "no vector"),
    "warnings": (_vector([], warnings=["a store is down"]), "warns: a store is down"),
    "huge": (_text(" " * 20_000), "longer than 10000 bytes"),
}


async def _ask(made_up: MadeUpPrometheus, question: str = 'label_replace(up, "what", "age", "", "")') -> Rows:
    async with prometheus(made_up), prometheus_session() as session:
        return await PrometheusClient(session, made_up.url, QUICK, token=lambda: " a-token\n").query(question)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_can_not_be_used_is_refused_in_words(fault: str) -> None:
    answer, why = FAULTS[fault]
    with pytest.raises(PrometheusError, match=why) as refused:
        asyncio.run(_ask(MadeUpPrometheus(answer=answer)))
    assert len(str(refused.value)) <= 200
    assert "a-token" not in str(refused.value)


def test_one_that_hangs_or_is_not_there() -> None:
    with pytest.raises(PrometheusError, match=r"did not answer within 0.3 s"):
        asyncio.run(_ask(MadeUpPrometheus(hangs=True)))

    async def nobody() -> None:
        async with prometheus_session() as session:
            await PrometheusClient(session, "http://127.0.0.1:1", QUICK).query("up")

    with pytest.raises(PrometheusError, match="can't be reached"):
        asyncio.run(nobody())


def test_an_empty_answer_is_no_rows() -> None:
    assert asyncio.run(_ask(MadeUpPrometheus())) == []


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://prometheus", "", "http://"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="is no URL of a Prometheus"):
        PrometheusClient(None, url)  # type: ignore[arg-type]


# --- rows --------------------------------------------------------------------------------------------------------------


def test_rows_of_a_window() -> None:
    rows = [
        *histogram_rows("turn", {0.5: 19.0, 1.0: 20.0}, 8.5, **OF),
        *histogram_rows("stage", {0.1: 4.0}, 0.2, **OF, stage="asr"),
        row("turns:value", 20, **OF, result="completed"),
        row("steps:count", 4, **OF, stage="asr", variant="small"),
        row("steps:sum", 0.2, **OF, stage="asr", variant="small"),
        row("covered", 63, **OF),
        row("turns:value", 20, namespace="team", agent="another", result="completed"),
    ]
    (growth,) = growth_of(rows, {KEY}, 60.0).values()
    assert growth.problems == ()
    assert growth.covered_seconds == 60
    assert {(key.what, key.labels): vector for key, vector in growth.series.items()} == {
        ("turn", ()): (19, 20, 20, 8.5),
        ("stage", ("asr",)): (4, 4, 0.2),
        ("turns", ("completed",)): (20,),
        ("steps", ("asr", "small")): (4, 0.2),
    }


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-3"])
def test_values_that_make_no_sense_leave_only_their_series_out(value: str) -> None:
    rows = [*histogram_rows("turn", {0.5: 19.0}, 8.5, **OF), row("turns:value", 20, **OF, result="completed")]
    rows[0]["value"][1] = value
    (growth,) = growth_of(rows, {KEY}, 60.0).values()
    assert [key.what for key in growth.series] == ["turns"]
    assert growth.problems[0].startswith("antiphon_turn_e2e_seconds: Prometheus gives it the value")


def test_several_series_where_there_should_be_one_are_unknown() -> None:
    rows = [row("turns:value", 20, **OF, result="completed"), row("turns:value", 30, **OF, result="completed")]
    (growth,) = growth_of(rows, {KEY}, 60.0).values()
    assert growth.series == {}
    assert "or several series" in growth.problems[0]


def test_half_a_histogram_is_unknown() -> None:
    rows = histogram_rows("turn", {0.5: 19.0}, 8.5, **OF)
    for part in (rows[:-1], [rows[0], rows[-1]]):
        (growth,) = growth_of(part, {KEY}, 60.0).values()
        assert growth.series == {}
        assert growth.problems


def test_rows_of_freshness() -> None:
    found = freshness_of(
        [
            row("age", 3.5, **OF, pod="a"),
            row("age", "NaN", **OF, pod="b"),
            row("interval", 5),
            row("gpu", 0.5, **OF, pod="a"),
            row("gpu", 7, **OF, pod="b"),
        ]
    )
    assert (found.ages[KEY], found.interval_seconds, found.gpu_utilisation[KEY]) == ({"a": 3.5}, 5, {"a": 0.5})


_json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3)
)
_labels = st.dictionaries(st.sampled_from(["what", "namespace", "agent", "pod", "le", "stage"]), _json_values)
_rows = st.fixed_dictionaries({}, optional={"metric": _labels | _json_values, "value": _json_values})


@settings(max_examples=150, deadline=None)
@given(st.lists(_rows | _json_values, max_size=4))
def test_rows_of_any_form_are_understood_or_refused(rows: Any) -> None:
    for read in (freshness_of, lambda rows: growth_of(rows, {KEY}, 60.0)):
        with contextlib.suppress(PrometheusError):
            read(rows)


# --- questions ---------------------------------------------------------------------------------------------------------


def test_questions_do_not_grow_with_agents_and_name_what_they_are_about() -> None:
    asked = growth([Need(family.what) for family in FAMILIES], 120.0)
    for family in FAMILIES:
        assert f"{family.metric}" in asked
    assert f"[120s:{120 // STEPS}s]" in asked
    assert "timestamp(antiphon_ready" in freshness(120.0)
    assert "stage=~" not in asked
    of_two = growth([Need("stage", "llm"), Need("stage", "asr"), Need("turn")], 60.0)
    assert of_two.count('antiphon_stage_seconds_bucket{agent!="",stage=~"asr|llm"}[60s]') == 1
    assert 'antiphon_turn_e2e_seconds_bucket{agent!=""}[60s]' in of_two
