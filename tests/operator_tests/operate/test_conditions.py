"""Conditions: all there, their time of transition moving with their status alone; and what of a change is told as an Event."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from antiphon_operator.operate import reasons
from antiphon_operator.operate.conditions import conditions, verdict
from antiphon_operator.operate.news import news

_VERDICTS = st.sampled_from(reasons.REASONS).map(verdict)


@given(st.lists(_VERDICTS, min_size=1, max_size=12))
def test_the_time_of_transition_moves_with_the_status_alone(history: list[Any]) -> None:
    before: list[dict[str, Any]] = []
    changed: dict[str, tuple[str, str]] = {}
    for step, found in enumerate(history):
        (condition,) = conditions([found], before, step, f"t{step}")
        status, since = changed.get(condition["type"], ("", ""))
        if status != condition["status"]:
            since = f"t{step}"
        assert condition["lastTransitionTime"] == since
        assert condition["observedGeneration"] == step
        changed[condition["type"]] = (condition["status"], since)
        before = [one for one in before if one["type"] != condition["type"]] + [condition]


def test_every_reason_says_what_it_means_and_is_of_a_known_condition() -> None:
    for reason in reasons.REASONS:
        assert reason.condition in reasons.CONDITION_TYPES
        assert reason.meaning.endswith(".")
        assert reason.name.isalnum()
    assert len(reasons.BY_NAME) == len(reasons.REASONS)


def test_a_long_message_is_cut() -> None:
    assert len(verdict(reasons.INVALID, ["x" * 5000]).message) <= 2048


def _status(*found: Any, replicas: int = 1) -> dict[str, Any]:
    return {
        "conditions": conditions([verdict(reason) for reason in found], (), 1, "t"),
        "groups": [{"name": "main", "replicas": replicas}],
    }


_USUAL = (reasons.VALID, reasons.ALL_PLACED, reasons.STARTING, reasons.NO_POLICY, reasons.SCALING)


def test_a_new_agent_is_no_news() -> None:
    assert list(news({}, _status(*_USUAL))) == []


def test_what_is_wrong_with_a_new_agent_is_news() -> None:
    found = list(news({}, _status(reasons.REFERENCE_MISSING, reasons.NOT_JUDGED, reasons.NOTHING_RUNS)))
    assert [(told.kind, told.reason) for told in found] == [("Warning", "ReferenceMissing")]


def test_traffic_that_is_not_followed_is_news_at_once() -> None:
    usual = (reasons.TRAFFIC_NOT_FOLLOWED, *_USUAL[1:])
    for before in ({}, _status(*_USUAL)):
        assert [(told.kind, told.reason) for told in news(before, _status(*usual))] == [
            ("Warning", "TrafficNotFollowed")
        ]


def test_ready_and_scaled_are_news_once() -> None:
    before, after = _status(*_USUAL), _status(*_USUAL[:2], reasons.SERVING, *_USUAL[3:], replicas=3)
    assert [told.reason for told in news(before, after)] == ["Serving", "Scaled"]
    assert list(news(after, after)) == []


def test_healed_is_news() -> None:
    before = _status(reasons.REFERENCE_MISSING, reasons.NOT_JUDGED)
    assert [told.reason for told in news(before, _status(reasons.VALID, reasons.ALL_PLACED))] == ["Valid"]
