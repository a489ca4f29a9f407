"""Pages of the runtime are read as prometheus_client reads them; what makes no sense is left out, and told."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_pages import VoicePod
from prometheus_client.parser import text_string_to_metric_families as parse

from antiphon_operator.observing.exposition import PageReader, RawKey
from antiphon_operator.observing.series import FAMILIES, SeriesKey, Vector


def read(text: str) -> dict[RawKey, tuple[SeriesKey, Vector]]:
    return PageReader().read(text).series


def used_pod() -> VoicePod:
    pod = VoicePod()
    pod.turns(0.31, 0.72, 4.0, result="completed")
    pod.turns(0.5, result="failed")
    pod.batch(3, 0.05, stage="asr")
    pod.batch(1, 0.02, stage="llm")
    pod.metrics.session_started(0.02)
    pod.metrics.session_rejected("full")
    return pod


def test_a_page_of_the_runtime_is_read_as_prometheus_client_reads_it() -> None:
    text = used_pod().page()
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
    }
    page = PageReader().read(text)
    assert page.problems == ()
    for raw, (key, vector) in page.series.items():
        family = FAMILIES[raw.family]
        own = tuple(sorted(raw.labels))
        if family.kind == "counter":
            assert samples[family.metric, own] == vector[0]
            continue
        assert samples[f"{family.metric}_sum", own] == vector[-1]
        assert samples[f"{family.metric}_count", own] == vector[-2 if key.bounds else 0]
        for bound, count in zip(key.bounds, vector, strict=False):
            le = "+Inf" if math.isinf(bound) else str(bound)
            assert samples[f"{family.metric}_bucket", tuple(sorted((*own, ("le", le))))] == count
    assert {key.what for key, _ in page.series.values()} >= {
        "turn",
        "response",
        "stage",
        "turns",
        "batches",
        "rejected",
    }


def test_the_second_page_is_read_like_the_first() -> None:
    reader, pod = PageReader(), used_pod()
    first = reader.read(pod.page())
    assert reader.read(pod.page()) == first
    pod.turns(0.2)
    assert reader.read(pod.page()) == PageReader().read(pod.page()) != first


labels = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('"\\\n{},= '), max_size=12)


@settings(max_examples=60, deadline=None)
@given(labels, labels, st.floats(0, 1e12), st.sampled_from(["", " 1700000000000"]))
def test_whatever_stands_in_a_label(end: str, other: str, value: float, timestamp: str) -> None:
    def escaped(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    text = f'antiphon_sessions_ended_total{{end="{escaped(end)}",x="{escaped(other)}"}} {value!r}{timestamp}\n'
    reader = PageReader()
    for _ in range(2):
        ((raw, (key, vector)),) = reader.read(text).series.items()
        assert dict(raw.labels) == {"end": end, "x": other}
        assert (key, vector) == (SeriesKey("ended", (end,)), (value,))


HISTOGRAM = (
    'antiphon_turn_e2e_seconds_bucket{emulated="true",le="0.5"} 3\n'
    'antiphon_turn_e2e_seconds_bucket{emulated="true",le="+Inf"} 5\n'
    'antiphon_turn_e2e_seconds_count{emulated="true"} 5\n'
    'antiphon_turn_e2e_seconds_sum{emulated="true"} 2.5\n'
)


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (HISTOGRAM.replace("} 3", "} NaN"), "the value nan"),
        (HISTOGRAM.replace("} 2.5", "} NaN"), "the value nan"),
        (HISTOGRAM.replace("} 2.5", "} +Inf"), "the value inf"),
        (HISTOGRAM.replace("} 3", "} -3"), "the value -3"),
        (HISTOGRAM.replace("} 3", "} 7"), "less than the one below"),
        (HISTOGRAM.replace('count{emulated="true"} 5', 'count{emulated="true"} 6'), "not that of its buckets"),
        (HISTOGRAM.replace("+Inf", "0.6"), "no bucket +Inf"),
        ("\n".join(HISTOGRAM.splitlines()[:-1]), "the value nan"),
    ],
)
def test_a_series_that_makes_no_sense_is_left_out_alone(spoilt: str, why: str) -> None:
    page = PageReader().read(f'{spoilt}\nantiphon_turns_total{{result="failed"}} 2\n')
    assert [key.what for key, _ in page.series.values()] == ["turns"]
    assert len(page.problems) == 1
    assert page.problems[0].startswith("antiphon_turn_e2e_seconds: ")
    assert why in page.problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>not here</body></html>",
        'antiphon_turns_total{result="failed"} many',
        'antiphon_turns_total{result="failed"',
        HISTOGRAM.replace('"0.5"', '"a lot"'),
        HISTOGRAM.replace('"0.5"', '"-0.5"'),
        "".join(f'antiphon_turns_total{{result="{number}"}} 1\n' for number in range(3000)),
    ],
)
def test_what_is_no_page_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        PageReader().read(text)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200) | st.text(st.sampled_from('antiphon_turns_total{}="\\ 1\n.#'), max_size=80))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        PageReader().read(text)
    except ValueError:
        return


def test_buckets_may_come_in_any_order() -> None:
    lines = HISTOGRAM.splitlines()
    assert read("\n".join(reversed(lines))) == read(HISTOGRAM)


def test_an_unknown_gpu_load_is_none() -> None:
    page = 'antiphon_gpu_utilisation_ratio{{gpu="a",name="x",profile=""}} {}\n'
    reader = PageReader()
    assert reader.read(page.format("0.25")).gpu_utilisation == 0.25
    assert reader.read(page.format("NaN")).gpu_utilisation is None
    assert reader.read(page.format("7")).gpu_utilisation is None
    assert reader.read(HISTOGRAM).gpu_utilisation is None
