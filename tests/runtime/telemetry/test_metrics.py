"""What happened is what a scrape shows, by the names that are declared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import get_args

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from antiphon_crds.control import SessionCounts
from antiphon_crds.stages import STAGES
from antiphon_crds.voicemodel import Memory, Variant
from antiphon_runtime.batching.observing import Batch, Dropped, Observer, Tick, TickObserver
from antiphon_runtime.machine.devices import GpuFacts, GpuReading
from antiphon_runtime.telemetry.declared import PREFIX, STAGE_BUCKETS, TURN_BUCKETS, MetricFact, reference
from antiphon_runtime.telemetry.labels import RejectionReason, Runs, SessionEnd, SwitchMode
from antiphon_runtime.telemetry.metrics import Metrics
from antiphon_runtime.telemetry.reference import markdown
from antiphon_runtime.turns.timeline import Anchor, Timeline
from antiphon_runtime.voice.listener import InterruptionKind, Listener, TurnResult

FACTS = GpuFacts("GPU-1", "NVIDIA H200", None, "0000:3b:00.0", 150 << 30, 150 << 30)
SAMPLE_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


def variant(name: str = "small") -> Variant:
    return Variant(name=name, engine="espeak", memory=Memory(host="1Gi"))


def whole_turn(seconds_apart: float = 0.1) -> Timeline:
    timeline = Timeline(leading_silence_seconds=0.02)
    for number, anchor in enumerate(Anchor):
        timeline.mark(anchor, number * seconds_apart)
    return timeline


def used() -> Metrics:
    """All that can be told was told."""
    metrics = Metrics()
    for stage in STAGES:
        observer = metrics.observer(stage, "a-model", variant(), emulated=True)
        for end in ("computed", "failed", "hung"):
            observer.on_batch(Batch(2, (0.01, 0.02), 0.05, queued=3, cap=4, end=end))
        observer.on_tick(Tick(stepped=3, seconds=0.09, late_seconds=0.001, overrun=True, skipped=2))
        for why in get_args(Dropped):
            observer.on_dropped(why)
        for mode in get_args(SwitchMode):
            metrics.switched(stage, mode, 3.0)
    tell_of_sessions(metrics)
    metrics.gpu(GpuReading(FACTS, 1 << 30, 0.5, 60.0))
    metrics.ready(True)
    metrics.loop_lag(0.001)
    return metrics


def tell_of_sessions(metrics: Metrics) -> None:
    metrics.turn(whole_turn(), "completed")
    metrics.interrupted("barge_in")
    metrics.speculated("asr", used=True)
    metrics.speculated("llm", used=False)
    metrics.phrase(hit=True)
    metrics.spoke(underruns=2)
    metrics.lipsync_frames(due=30, missed=1)
    metrics.session_started(0.01)
    metrics.session_ended("client")
    metrics.session_rejected("full")
    metrics.sessions(SessionCounts(idle=1, listening=2, speaking=3, resumable=4))
    metrics.capacity(8)


def values(metrics: Metrics) -> dict[str, dict[tuple[str, ...], float]]:
    """By name without prefix, and by the values of the labels in the order of the table; a histogram's sum and count."""
    labels = {fact.name: fact.labels for fact in reference()}
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in parse_plain(metrics.exposition()[0].decode()):
        for sample in family.samples:
            base = re.sub("_(bucket|sum|count)$", "", sample.name)
            if not sample.name.endswith("_bucket"):
                key = tuple(sample.labels[label] for label in labels[base])
                found.setdefault(sample.name.removeprefix(PREFIX), {})[key] = sample.value
    return found


# --- declared and scraped are the same ---------------------------------------------------------------------------------


def test_a_scrape_has_what_is_declared_and_nothing_else() -> None:
    text = used().exposition()[0].decode()
    scraped = {
        (sample.name, tuple(sorted(sample.labels.keys() - {"le"})), family.type)
        for family in parse_plain(text)
        for sample in family.samples
    }
    declared = {
        (fact.name + suffix, tuple(sorted(fact.labels)), fact.kind)
        for fact in reference()
        for suffix in SAMPLE_SUFFIXES[fact.kind]
    }
    assert scraped == declared


def test_help_and_buckets_are_scraped_as_declared() -> None:
    families = {family.name: family for family in parse_plain(used().exposition()[0].decode())}
    for fact in reference():
        family = families[fact.name.removesuffix("_total")]
        assert family.documentation == fact.help
        bounds = {float(s.labels["le"]) for s in family.samples if s.name.endswith("_bucket")}
        assert bounds == ({*fact.buckets, float("inf")} if fact.kind == "histogram" else set())


@pytest.mark.parametrize("fact", reference(), ids=lambda fact: str(fact.name))
def test_a_name_follows_the_rules_of_prometheus(fact: MetricFact) -> None:
    assert re.fullmatch(r"antiphon(_[a-z0-9]+)+", fact.name)
    assert fact.help.endswith(".")
    assert (fact.kind == "counter") == fact.name.endswith("_total")
    assert fact.kind != "histogram" or fact.name.endswith("_seconds") or fact.name == "antiphon_batch_size"
    assert not re.search(r"_(count|sum|bucket|created|ms|milliseconds|minutes|mb|gib|percent|gauge)(_|$)", fact.name)
    assert all(re.fullmatch(r"[a-z]+", label) and label not in ("le", "quantile", "session") for label in fact.labels)
    assert list(fact.buckets) == sorted(set(fact.buckets))


def test_no_two_metrics_share_a_family() -> None:
    families = [fact.name.removesuffix("_total") for fact in reference()]
    assert len(families) == len(set(families))


def test_the_buckets_are_those_of_the_reference() -> None:
    buckets = {fact.name: fact.buckets for fact in reference()}
    assert buckets["antiphon_turn_e2e_seconds"] == buckets["antiphon_turn_response_seconds"] == TURN_BUCKETS
    assert max(after - before for before, after in pairwise(TURN_BUCKETS) if after <= 1.0) == pytest.approx(0.05)
    assert {buckets[f"antiphon_{name}_seconds"] for name in ("tts_ttfb", "llm_ttft", "batch_wait")} == {STAGE_BUCKETS}
    assert buckets["antiphon_batch_size"] == tuple(float(2**n) for n in range(8))


def test_the_table_for_people_has_a_row_for_each() -> None:
    rows = markdown().splitlines()
    assert len(rows) == 2 + len(reference())
    assert all(row.count("|") == 5 for row in rows)


def said(families: Iterable[Metric]) -> set[tuple[str, frozenset[tuple[str, str]], float]]:
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items()), sample.value) for sample in samples}


def test_both_formats_say_the_same() -> None:
    metrics = used()
    plain, plain_type = metrics.exposition("text/plain")
    openly, open_type = metrics.exposition("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert plain_type.startswith("text/plain")
    assert open_type.startswith("application/openmetrics-text")
    assert openly.endswith(b"# EOF\n")

    families = open_metrics.text_string_to_metric_families(openly.decode())  # type: ignore[no-untyped-call]
    assert said(parse_plain(plain.decode())) == said(families)


def test_two_of_them_know_nothing_of_each_other() -> None:
    one, other = Metrics(), Metrics()
    one.session_started(1.0)
    assert values(other)["session_start_seconds_count"] == {(): 0}


# --- turns ------------------------------------------------------------------------------------------------------------


def test_a_turn_goes_to_the_variants_in_force() -> None:
    metrics = Metrics()
    metrics.observer("llm", "writer", variant("q4"), emulated=False)
    metrics.observer("tts", "voice", variant(), emulated=False)
    metrics.turn(whole_turn(), "completed")
    found = values(metrics)
    assert found["turn_e2e_seconds_sum"] == {("false",): pytest.approx(1.0)}
    assert found["overhead_seconds_count"] == {("false",): 2}
    assert found["overhead_seconds_sum"] == {("false",): pytest.approx(0.3 + 1.1)}
    assert found["result_seconds_sum"] == {("false",): pytest.approx(1.2)}
    assert found["llm_ttft_seconds_sum"] == {("llm", "writer", "q4", "false"): pytest.approx(0.1)}
    assert found["tts_ttfa_seconds_sum"] == {("tts", "voice", "small", "false"): pytest.approx(0.12)}
    assert found["barge_in_stop_seconds_sum"] == {(): pytest.approx(0.1)}


def test_a_turn_goes_to_the_variants_that_made_it_where_it_says_so() -> None:
    metrics = Metrics()
    before = metrics.observer("llm", "writer", variant("q4"), emulated=False)
    metrics.observer("llm", "writer", variant("q8"), emulated=False)
    metrics.turn(whole_turn(), "completed", [before.runs])
    assert set(values(metrics)["llm_ttft_seconds_sum"]) == {("llm", "writer", "q4", "false")}


def test_one_emulated_stage_makes_the_turn_emulated() -> None:
    metrics = Metrics()
    metrics.observer("llm", "writer", variant(), emulated=True)
    metrics.observer("tts", "voice", variant(), emulated=False)
    metrics.turn(whole_turn(), "completed")
    assert set(values(metrics)["turn_e2e_seconds_count"]) == {("true",)}


def test_a_missing_anchor_gives_nothing_and_the_turn_counts() -> None:
    metrics = Metrics()
    metrics.observer("llm", "writer", variant(), emulated=False)
    timeline = Timeline()
    timeline.mark(Anchor.USER_STOPPED, 1.0)
    timeline.mark(Anchor.DECIDED, 1.5)
    metrics.turn(timeline, "failed")
    found = values(metrics)
    counted = {name for name, series in found.items() if name.endswith("_count") and any(series.values())}
    assert counted == {"turn_eou_delay_seconds_count"}
    assert found["turns_total"] == {(result,): float(result == "failed") for result in get_args(TurnResult)}


def test_counters_that_have_a_ratio_have_its_whole() -> None:
    metrics = Metrics()
    for underruns in (0, 0, 3):
        metrics.spoke(underruns)
    metrics.lipsync_frames(due=30, missed=2)
    found = values(metrics)
    assert found["spoken_answers_total"] == {("smooth",): 2, ("underrun",): 1}
    assert found["audio_underrun_total"] == {(): 3}
    assert (found["lipsync_frame_miss_total"][()], found["lipsync_frames_total"][()]) == (2, 30)


def test_what_has_not_happened_yet_is_zero_not_missing() -> None:
    found = values(Metrics())
    assert found["sessions_ended_total"] == {(end,): 0 for end in get_args(SessionEnd)}
    assert found["sessions_rejected_total"] == {(reason,): 0 for reason in get_args(RejectionReason)}
    assert found["interruptions_total"] == {(kind,): 0 for kind in get_args(InterruptionKind)}


def test_sessions_and_capacity() -> None:
    metrics = Metrics()
    assert "session_capacity" not in values(metrics)
    metrics.sessions(SessionCounts(idle=1, listening=2, speaking=3, resumable=4))
    metrics.capacity(8)
    found = values(metrics)
    assert found["sessions"] == {("idle",): 1, ("listening",): 2, ("speaking",): 3, ("resumable",): 4}
    assert found["session_capacity"] == {(): 8}


# --- stages -----------------------------------------------------------------------------------------------------------


def test_batches_and_ticks_of_a_variant() -> None:
    metrics = Metrics()
    observer = metrics.observer("asr", "hearer", variant(), emulated=False)
    observer.on_batch(Batch(2, (0.01, 0.03), 0.05, queued=3, cap=4, end="computed"))
    observer.on_batch(Batch(1, (0.02,), 9.0, queued=1, cap=4, end="failed"))
    observer.on_tick(Tick(stepped=5, seconds=0.1, late_seconds=0.5, overrun=True, skipped=6))
    observer.on_dropped("deadline")
    runs = observer.runs
    found = values(metrics)
    assert found["batch_size_sum"][runs] == 8
    assert found["batch_wait_seconds_sum"][runs] == pytest.approx(0.56)
    assert found["step_duration_seconds_sum"][runs] == pytest.approx(0.15)
    assert found["stage_seconds_count"][runs] == 3
    assert found["stage_seconds_sum"][runs] == pytest.approx(0.06 + 0.08 + 0.6)
    assert (found["tick_overrun_total"][runs], found["tick_skipped_total"][runs]) == (1, 6)
    assert (found["queued"][runs], found["batch_cap"][runs]) == (1, 4)
    assert found["batches_total"] == {(*runs, "computed"): 1, (*runs, "failed"): 1, (*runs, "hung"): 0}
    assert found["work_dropped_total"][*runs, "deadline"] == 1


def test_a_queue_that_is_followed_is_asked_at_each_scrape() -> None:
    metrics, queue = Metrics(), [1, 2, 3]
    observer = metrics.observer("asr", "hearer", variant(), emulated=False)
    observer.follow(lambda: len(queue), lambda: 7)
    assert (values(metrics)["queued"][observer.runs], values(metrics)["batch_cap"][observer.runs]) == (3, 7)
    queue.clear()
    assert values(metrics)["queued"][observer.runs] == 0


def in_force(metrics: Metrics) -> dict[str, float]:
    return {key[2]: value for key, value in values(metrics).get("variant_info", {}).items()}


def test_a_switch_leaves_the_old_variant_until_it_is_forgotten() -> None:
    metrics = Metrics()
    old = metrics.observer("llm", "writer", variant("q8"), emulated=False)
    metrics.observer("llm", "writer", variant("q4"), emulated=False)
    assert in_force(metrics) == {"q8": 0, "q4": 1}
    metrics.forget(old.runs)
    assert in_force(metrics) == {"q4": 1}
    old.on_batch(Batch(1, (0.0,), 0.1, 0, 1, "hung"))
    assert {key for series in values(metrics).values() for key in series if "q8" in key} == set()


def test_a_variant_that_came_back_before_its_old_load_was_gone_stays() -> None:
    metrics = Metrics()
    first = metrics.observer("llm", "writer", variant("q8"), emulated=False)
    between = metrics.observer("llm", "writer", variant("q4"), emulated=False)
    metrics.observer("llm", "writer", variant("q8"), emulated=False)
    metrics.forget(first.runs)
    metrics.forget(between.runs)
    assert in_force(metrics) == {"q8": 1}


def test_a_model_on_trial_does_not_end_the_stages_own() -> None:
    metrics = Metrics()
    metrics.observer("llm", "writer", variant("own"), emulated=False)
    metrics.observer("llm", "other-writer", variant("trial"), emulated=False)
    assert in_force(metrics) == {"own": 1, "trial": 1}


def test_forgetting_what_was_never_there_is_harmless() -> None:
    metrics = used()
    before = metrics.exposition()
    metrics.forget(Runs("llm", "nobody", "nothing", "false"))
    assert metrics.exposition() == before


# --- machine ----------------------------------------------------------------------------------------------------------


def test_what_a_gpu_no_longer_tells_is_missing() -> None:
    metrics = Metrics()
    metrics.gpu(GpuReading(FACTS, 1 << 30, 0.5, 60.0))
    assert values(metrics)["gpu_temperature_celsius"] == {("GPU-1", "NVIDIA H200", ""): 60.0}
    metrics.gpu(GpuReading(FACTS, 2 << 30))
    found = values(metrics)
    assert found["gpu_memory_used_bytes"] == {("GPU-1", "NVIDIA H200", ""): 2 << 30}
    assert "gpu_temperature_celsius" not in found


def test_it_is_what_sessions_and_batchers_tell() -> None:
    def told(_listener: Listener, _observer: Observer, _ticks: TickObserver) -> str:
        return "this is checked by types"

    metrics = Metrics()
    observer = metrics.observer("speech", "all", variant(), emulated=False)
    assert told(metrics, observer, observer)
