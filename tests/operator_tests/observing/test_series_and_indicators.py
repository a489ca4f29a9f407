"""What is read is what the runtime tells, and indicators are what a policy means by them."""

from __future__ import annotations

import math
import re
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_pages import VoicePod, agent, objective
from rendered_chart import CHART

from antiphon_crds.stages import Indicator
from antiphon_operator.observing.exposition import PageReader
from antiphon_operator.observing.measuring import durations_ms, measured, recent, work
from antiphon_operator.observing.rounding import rounded_up
from antiphon_operator.observing.series import (
    DURATIONS,
    FAMILIES,
    FAMILY,
    RATIOS,
    UNMEASURED,
    SeriesKey,
    Vector,
    needed,
)
from antiphon_operator.observing.watched import turn_of
from antiphon_runtime.telemetry.declared import reference


def series_of(pod: VoicePod) -> dict[SeriesKey, Vector]:
    """Added up over the labels that are not kept."""
    found: dict[SeriesKey, Vector] = {}
    for key, vector in PageReader().read(pod.page()).series.values():
        found[key] = tuple(map(sum, zip(vector, found.get(key, (0.0,) * len(vector)), strict=True)))
    return found


def test_every_family_is_a_metric_of_the_runtime_with_its_labels() -> None:
    declared = {fact.name: fact for fact in reference()}
    for family in FAMILIES:
        fact = declared[family.metric.removesuffix("_count")]
        assert sorted((*family.keeps, *family.adds_up)) == sorted(fact.labels)
        assert fact.kind == ("counter" if family.metric.endswith("_total") else "histogram")


def test_every_indicator_is_measured_or_said_not_to_be() -> None:
    known = (set(DURATIONS), set(RATIOS), set(UNMEASURED))
    assert set().union(*known) == {word for part in get_args(Indicator) for word in (get_args(part) or (part,))}
    assert sum(map(len, known)) == len(set().union(*known))


def test_ratios_are_those_of_the_charts_alerts() -> None:
    told = (CHART / "templates" / "_objectives.tpl").read_text()
    for indicator, ratio in RATIOS.items():
        (line,) = (line for line in told.splitlines() if f'"{indicator}" (list' in line)
        for what in (ratio.part, *ratio.whole):
            assert FAMILY[what].metric.removesuffix("_count") in line
        assert set().union(*(each.split("|") for each in re.findall(r'=~?\\"([\w|]+)\\"', line))) == ratio.values


def test_times_of_turns() -> None:
    pod = VoicePod()
    pod.turns(*[0.42] * 95, *[0.9] * 5, decided=0.3)
    found = measured(objective("turn", "turn").objective, series_of(pod), 2.0, 60.0)
    assert found is not None
    assert found.durations is not None
    assert (found.durations.count, found.age_seconds, found.covered_seconds) == (100, 2.0, 60.0)
    assert found.durations.mean == pytest.approx(444)
    assert found.durations.quantile(0.95) == pytest.approx(450)
    response = measured(objective("response", "response").objective, series_of(pod), 2.0, 60.0)
    assert response is not None
    assert response.durations is not None
    assert response.durations.quantile(0.5) == pytest.approx(127, abs=25)


def test_time_in_a_stage_has_the_waiting_in_it() -> None:
    pod = VoicePod()
    pod.batch(4, seconds=0.05, wait=0.03, stage="asr", variant="small")
    pod.batch(4, seconds=0.01, wait=0.0, stage="llm", variant="other")
    found = durations_ms(series_of(pod), "stage", ("asr",))
    assert found is not None
    assert found.count == 4
    assert found.mean == pytest.approx(80)
    assert durations_ms(series_of(pod), "stage", ("tts",)) is None


def test_results_and_what_models_have_no_part_in() -> None:
    pod = VoicePod()
    pod.results(*[0.09] * 98, 0.35, 0.35, overhead=0.004)
    series = series_of(pod)
    result = measured(objective("result", "result").objective, series, 1.0, 60.0)
    overhead = measured(objective("overhead", "overhead", percentile=99, target_ms=10).objective, series, 1.0, 60.0)
    assert result is not None
    assert overhead is not None
    assert result.durations is not None
    assert overhead.durations is not None
    assert (result.durations.count, overhead.durations.count) == (100, 100)
    assert result.durations.mean == pytest.approx(95.2)
    assert result.durations.share_within(100) == pytest.approx(0.98)
    assert overhead.durations.mean == pytest.approx(4.0)
    assert overhead.durations.share_within(10) == 1.0


def test_shares_of_sessions_and_turns() -> None:
    pod = VoicePod()
    for _ in range(9):
        pod.metrics.session_started(0.02)
    pod.metrics.session_rejected("full")
    for end in ("client", "lost", "drained", "idle"):
        pod.metrics.session_ended(end)
    pod.turns(0.4, 0.4, 0.4)
    pod.turns(0.4, result="failed")
    pod.metrics.spoke(0)
    pod.metrics.spoke(3)
    pod.metrics.lipsync_frames(100, 7)
    parts = {}
    for indicator in RATIOS:
        found = measured(objective("one", indicator).objective, series_of(pod), 0.0, 60.0)
        assert found is not None
        parts[indicator] = (found.part, found.whole)
    assert parts == {
        "rejectedSessions": (1, 10),
        "droppedSessions": (2, 4),
        "failedTurns": (1, 4),
        "audioUnderruns": (1, 2),
        "missedFrames": (7, 100),
    }


def test_what_was_not_seen_is_unknown() -> None:
    for indicator in (*DURATIONS, *RATIOS, *UNMEASURED):
        stage = {"stage": "asr"} if indicator == "stage" else {}
        assert measured(objective("one", indicator, **stage).objective, {}, 0.0, 60.0) is None
    assert all(needed(indicator) == frozenset() for indicator in UNMEASURED)


def test_what_is_recent_counts_as_the_agents_own_objective() -> None:
    pod = VoicePod()
    pod.turns(0.8, decided=0.7)
    pod.results(0.09)
    series = series_of(pod)
    for objectives, mean in (
        ([], 800),
        ([objective("a", "response")], 100),
        ([objective("a", "bargeIn")], 800),
        ([objective("a", "result")], 90),
    ):
        found = recent(turn_of(agent(objectives=objectives)), series, 0.0, 30.0)
        assert found is not None
        assert found.durations is not None
        assert found.durations.mean == pytest.approx(mean)


def test_the_work_of_stages() -> None:
    pod = VoicePod()
    pod.batch(3, seconds=0.06, wait=0.01)
    pod.batch(1, seconds=0.04, wait=0.02)
    pod.batch(2, seconds=0.02, wait=0.0, variant="large")
    small, large = sorted(work(series_of(pod), ["asr", "tts"], 5.0), key=lambda each: -each.batches)
    assert (small.stage, small.variant, small.seconds, small.batches, small.items) == ("asr", "small", 5.0, 2, 4)
    assert [small.busy_ms, small.waits, small.wait_ms] == pytest.approx([100, 4, 50])
    assert (large.variant, large.items) == ("large", 2)
    assert work(series_of(pod), ["tts"], 5.0) == ()


def test_histograms_with_other_buckets_are_added_up() -> None:
    """While a runtime with finer buckets is rolled out."""
    coarse = SeriesKey("turn", (), (0.5, 1.0, math.inf)), (4.0, 8.0, 10.0, 7.0)
    fine = SeriesKey("turn", (), (0.25, 0.5, math.inf)), (1.0, 2.0, 3.0, 1.5)
    found = durations_ms(dict((coarse, fine)), "turn")
    assert found is not None
    assert found.bounds == (250, 500, 1000, math.inf)
    assert (found.counts, found.total) == ((1, 5, 4, 3), 8500)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(1, 86400), min_size=1, max_size=12), st.integers(1, 4))
def test_windows_are_rounded_up_to_few(windows: list[float], most: int) -> None:
    found = rounded_up(windows, most)
    assert set(found) == set(windows)
    assert len(set(found.values())) <= most
    assert all(asked >= window for window, asked in found.items())
    assert set(found.values()) <= set(windows)


def test_the_nearest_windows_become_one() -> None:
    assert rounded_up([60, 120, 130, 3600, 86400], 4) == {60: 60, 120: 130, 130: 130, 3600: 3600, 86400: 86400}
