"""Metrics that lie are taken for unknown, and honest ones are left alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from guarded_agent import BOUNDS, FACTS, NOW, OBJECTIVE, look, pods, prediction, times_around
from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.guarding.sanity import Believed, Sighting, believed, sighted
from antiphon_policies.predicting.prediction import Prediction
from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.seeing.observation import Measured, Observation, StageWork

NAME = OBJECTIVE.name


def judged(seen: Observation, **more: Any) -> Believed:
    return believed(seen, seen.at, FACTS, more.get("sightings", {}), more.get("predicted"))


def told(durations: Distribution | None = None, age_seconds: float = 5.0, **more: Any) -> Observation:
    return look(measured={NAME: Measured(age_seconds, durations, **more)})


def times(milliseconds: float, count: float) -> Distribution:
    honest = times_around(300)
    return replace(honest, counts=tuple(count if each else 0.0 for each in honest.counts), total=milliseconds * count)


@given(st.floats(5, 20_000), st.floats(1, 1e6), st.floats(-4, 1e6), st.integers(0, 200))
def test_what_can_be_is_believed(mean_ms: float, count: float, age_seconds: float, sessions: int) -> None:
    seen = replace(told(times(mean_ms, count), age_seconds), pods=pods(4, sessions))
    assert judged(seen) == Believed(seen)


@pytest.mark.parametrize(
    ("durations", "age_seconds", "word"),
    [
        (times(math.nan, 100), 5.0, "no number"),
        (times(math.inf, 100), 5.0, "no number"),
        (times(300, math.nan), 5.0, "no number"),
        (times(-300, 100), 5.0, "negative"),
        (times(300, -100), 5.0, "negative"),
        (times(300_000, 100), 5.0, "can't be"),
        (times(0, 100), 5.0, "0 ms"),
        (times(300, 100), -600.0, "clock"),
        (times(300, 100), math.nan, "clock"),
    ],
)
def test_lies_about_an_objective(durations: Distribution, age_seconds: float, word: str) -> None:
    found = judged(told(durations, age_seconds))
    (lie,) = found.lies
    assert lie.grave
    assert word in lie.message
    assert NAME not in found.seen.measured


def test_a_thousand_times_more_or_less_than_predicted() -> None:
    assert judged(told(times(0.3, 100)), predicted=prediction(0.7)).lies
    assert judged(told(times(20, 100)), predicted=prediction(0.00003)).lies
    assert not judged(told(times(300, 100)), predicted=prediction(math.inf)).lies
    assert not judged(told(times(300, 100)), predicted=Prediction({}, {}, math.nan)).lies


def test_ratios() -> None:
    assert not judged(told(part=3.0, whole=100.0)).lies
    assert not judged(told(part=100.4, whole=100.0)).lies
    for part, whole in ((-1.0, 100.0), (math.nan, 100.0), (300.0, 100.0), (3.0, math.inf)):
        assert judged(told(part=part, whole=whole)).lies


def test_constant_while_turns_are_taken() -> None:
    durations = times(300, 100)
    sightings: dict[str, Sighting] = {}
    for tick in range(30):
        seen = replace(told(durations), at=NOW + 5 * tick)
        found = judged(seen, sightings=sightings)
        sightings = dict(sighted(sightings, seen.measured, seen.at))
        assert bool(found.lies) == (tick * 5 >= 90)
    # It stays a lie where somebody has taken it out of the observation before it is remembered.
    cleaned = replace(told(durations), measured={}, at=NOW + 155)
    sightings = dict(sighted(sightings, cleaned.measured, cleaned.at))
    assert judged(replace(told(durations), at=NOW + 160), sightings=sightings).lies
    quiet = replace(told(durations), at=NOW + 160, turns_per_second=0.0)
    assert not judged(quiet, sightings=sightings).lies
    assert not judged(replace(told(times(301, 100)), at=NOW + 160), sightings=sightings).lies


@pytest.mark.parametrize("sessions", [-1, 12_000])
def test_sessions_that_cannot_be(sessions: int) -> None:
    found = judged(look(pods=(*pods(3), *pods(1, sessions))))
    assert found.lies[0].grave
    assert found.seen.sessions is None


def test_other_lies_about_pods() -> None:
    early = judged(look(pods=pods(1, age_seconds=-600.0)))
    assert early.lies
    assert early.seen.pods[0].age_seconds == math.inf
    assert judged(look(pods=pods(1, capacity=20_000))).seen.pods[0].capacity is None
    hot = judged(look(pods=pods(1, gpu_temperature_celsius=85_000.0, gpu_utilisation=math.nan)))
    assert (hot.seen.pods[0].gpu_temperature_celsius, hot.seen.pods[0].gpu_utilisation) == (None, None)
    assert not hot.lies


def with_rate(seen: Observation, name: str, rate: float) -> Observation:
    more: Any = {name: rate}
    return replace(seen, **more)


@pytest.mark.parametrize("rate", [math.nan, math.inf, -1.0, 1e6])
@pytest.mark.parametrize("name", ["turns_per_second", "arrivals_per_second", "rejected_per_second"])
def test_rates_that_cannot_be(name: str, rate: float) -> None:
    found = judged(with_rate(look(), name, rate))
    assert getattr(found.seen, name) is None
    assert found.lies


def test_work_that_cannot_be_and_recent_turns() -> None:
    work = StageWork("llm", "fp16", 5.0, 10.0, 20.0, 400.0)
    found = judged(look(work=(work, replace(work, busy_ms=-1.0)), recent=Measured(5.0, times(300_000, 100))))
    assert found.seen.work == (work,)
    assert found.seen.recent is None
    assert [lie.grave for lie in found.lies] == [True, False]
    assert len(BOUNDS) == len(times(1, 1).counts)
