from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Histogram as Recorder

from antiphon_runtime.bench.histograms import Histogram, Key, gained, histograms

BOUNDS = (0.1, 0.5, 1.0, 2.0)
VALUES = st.lists(st.floats(0.001, 3), max_size=100)


def scraped(values: list[float]) -> dict[Key, Histogram]:
    registry = CollectorRegistry()
    recorder = Recorder("step_seconds", "Steps.", ["stage"], registry=registry, buckets=BOUNDS)
    for value in values:
        recorder.labels("asr").observe(value)
    return histograms(generate_latest(registry).decode())


KEY: Key = ("step_seconds", (("stage", "asr"),))


@given(VALUES, VALUES)
def test_what_was_gained_is_what_came_between(before: list[float], between: list[float]) -> None:
    found = gained(scraped(before), scraped(before + between))
    if not between:
        assert found == {}
        return
    assert found[KEY].count == len(between)
    assert found[KEY].total == pytest.approx(sum(between), abs=1e-6)


@given(VALUES.filter(bool), st.floats(0.01, 0.99))
def test_an_estimate_is_in_the_bucket_of_the_value(values: list[float], share: float) -> None:
    estimate = scraped(values)[KEY].quantile(share)
    exact = sorted(values)[max(math.ceil(share * len(values) - 1e-9) - 1, 0)]
    bounds = (0.0, *BOUNDS, math.inf)
    above = next(index for index, bound in enumerate(bounds) if exact <= bound)
    assert estimate is not None
    assert bounds[above - 1] <= estimate <= bounds[above]


def test_a_server_that_was_started_anew_counts_from_nothing() -> None:
    assert gained(scraped([0.2, 0.2]), scraped([0.3]))[KEY].count == 1


def test_beyond_the_last_bound_it_is_that_bound() -> None:
    assert scraped([50.0])[KEY].quantile(0.5) == 2.0


def test_of_nothing_nothing_is_known() -> None:
    empty = Histogram((1.0, math.inf), (0.0, 0.0), 0.0)
    assert (empty.mean, empty.quantile(0.5)) == (None, None)
