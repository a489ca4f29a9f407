from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_crds.policy import Guardrails, Objective
from antiphon_crds.stages import RATIO_INDICATORS, RatioIndicator
from antiphon_policies.judging.judgement import Judgement, fewest, judge
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.seeing.observation import Measured

BOUNDS = (50.0, 100.0, 200.0, 300.0, 400.0, 450.0, 500.0, 600.0, 1000.0, 2000.0, math.inf)


def promise(budget_ms: int = 0, **fields: Any) -> EffectiveObjective:
    objective = Objective.model_validate({"name": "it", "indicator": "turn", **fields})
    target = objective.target_ms
    return EffectiveObjective(objective, False, None if target is None else target - budget_ms)


def p95(target_ms: int = 450, **fields: Any) -> EffectiveObjective:
    return promise(percentile=95, targetMs=target_ms, **fields)


def ratio_of(most: float, indicator: RatioIndicator = "rejectedSessions") -> EffectiveObjective:
    return promise(indicator=indicator, maxRatio=most)


def times(*counted: tuple[float, float], age: float = 2.0) -> Measured:
    """So many turns in the bucket of each time."""
    counts = [0.0] * len(BOUNDS)
    for value, count in counted:
        counts[int(np.searchsorted(BOUNDS, value))] += count
    return Measured(age, Distribution(BOUNDS, tuple(counts), sum(value * count for value, count in counted)))


def judged(effective: EffectiveObjective, measured: Measured | None, **more: Any) -> Judgement:
    return judge(effective, measured, Guardrails(), **more)


@pytest.mark.parametrize(
    ("seen", "state", "reason"),
    [
        (times((150, 990), (350, 10)), "Met", "Kept"),
        (times((150, 500), (425, 500)), "AtRisk", "NearTarget"),
        (times((150, 940), (800, 60)), "Breached", "OverTarget"),
        (times((150, 97), (800, 3)), "Met", "Kept"),
        (times((150, 9)), "Unknown", "TooFewSamples"),
        (times((150, 25)), "Met", "Kept"),
        (times((150, 23), (800, 2)), "AtRisk", "FewSamplesOver"),
        (times((150, 20), (800, 6)), "Breached", "OverTarget"),
        (times((800, 3)), "Breached", "OverTarget"),
        (times((150, 5), (800, 1)), "Unknown", "TooFewSamples"),
        (times(), "Unknown", "NoTraffic"),
        (times((150, 990), age=61.0), "Unknown", "Stale"),
        (times((150, 990), age=-600.0), "Unknown", "Stale"),
        (times((150, 990), age=math.nan), "Unknown", "Stale"),
        (None, "Unknown", "NotMeasured"),
        (Measured(2.0), "Unknown", "Implausible"),
    ],
)
def test_the_state_of_a_percentile(seen: Measured | None, state: str, reason: str) -> None:
    found = judged(p95(), seen)
    assert (found.state, found.reason) == (state, reason), found.message


def test_what_is_shown_of_a_percentile() -> None:
    found = judged(p95(), times((150, 960), (800, 40)))
    status = found.status
    assert (status.name, status.target, status.samples) == ("it", 450.0, 1000)
    assert status.observed == pytest.approx(100 + 100 * 950 / 960)
    assert status.attainment == pytest.approx(0.96)
    assert status.error_budget_left == pytest.approx(0.2)
    assert found.ratio == pytest.approx((status.observed or 0) / 450)
    assert found.message == "199 ms of 450 ms over 1000 observations"


def test_what_is_unknown_is_left_out() -> None:
    status = judged(p95(), None).status
    assert (status.observed, status.attainment, status.error_budget_left, status.samples) == (None, None, None, 0)


def test_the_budget_is_added_to_a_turn_and_compared_with_mouth_to_ear() -> None:
    found = judged(p95(indicator="mouthToEar", budget_ms=80), times((350, 1000)))
    assert found.status.observed == pytest.approx(395 + 80)
    assert found.state == "Breached"
    assert found.status.attainment == pytest.approx(0.7)
    assert judged(p95(indicator="mouthToEar", budget_ms=30), times((250, 1000))).state == "Met"


def test_a_mean_is_judged_by_the_mean_and_has_no_error_budget() -> None:
    mean = promise(mean=True, targetMs=450)
    found = judged(mean, times((150, 80), (1500, 20)))
    assert (found.state, found.status.observed, found.status.error_budget_left) == ("AtRisk", 420.0, None)
    assert found.status.attainment == pytest.approx(0.8)
    assert judged(mean, times((150, 70), (1500, 30))).state == "Breached"
    assert judged(mean, times((1500, 10))).state == "AtRisk"
    assert judged(mean, times((150, 10))).state == "Met"
    assert judged(mean, times((1500, 4))).state == "Unknown"


@pytest.mark.parametrize(
    ("part", "whole", "state"),
    [
        (0, 1000, "Met"),
        (0, 1, "Met"),
        (5, 1000, "Met"),
        (9.5, 1000, "AtRisk"),
        (11, 1000, "Breached"),
        (1, 20, "AtRisk"),
        (2, 20, "Breached"),
        (0, 0, "Unknown"),
    ],
)
def test_the_state_of_a_ratio(part: float, whole: float, state: str) -> None:
    assert judged(ratio_of(0.01), Measured(1.0, part=part, whole=whole)).state == state


def test_what_is_shown_of_a_ratio() -> None:
    status = judged(ratio_of(0.01), Measured(1.0, part=5, whole=1000)).status
    assert (status.target, status.observed, status.samples) == (0.01, 0.005, 1000)
    assert status.attainment == 0.995
    assert status.error_budget_left == pytest.approx(0.5)
    overspent = judged(ratio_of(0.01), Measured(1.0, part=40, whole=1000)).status
    assert overspent.error_budget_left == pytest.approx(-3.0)


def test_where_no_miss_is_permitted_one_is_a_breach() -> None:
    never = ratio_of(0.0, "droppedSessions")
    assert judged(never, Measured(1.0, part=0, whole=3)).state == "Met"
    missed = judged(never, Measured(1.0, part=1, whole=1000))
    assert (missed.state, missed.status.error_budget_left) == ("Breached", None)
    assert missed.ratio is not None
    assert math.isfinite(missed.ratio)


@pytest.mark.parametrize(("part", "state"), [(3000, "Met"), (2600, "AtRisk"), (2000, "Breached")])
def test_of_a_frame_rate_more_is_better(part: float, state: str) -> None:
    rate = promise(indicator="frameRate", mean=True, minPerSecond=25)
    found = judged(rate, Measured(1.0, part=part, whole=100))
    assert (found.state, found.status.observed) == (state, part / 100)
    assert found.ratio == pytest.approx(25 / (part / 100))


def test_a_frame_rate_is_told_by_the_times_between_frames_too() -> None:
    rate = promise(indicator="frameRate", percentile=95, minPerSecond=8)
    found = judged(rate, times((75, 1000)))
    assert (found.state, found.status.samples) == ("Met", 1000)
    assert found.status.observed == pytest.approx(1000 / 97.5)
    assert judged(rate, times((75, 500), (150, 500))).state == "Breached"


@pytest.mark.parametrize(
    "durations",
    [
        Distribution((100.0, math.inf), (math.nan, 3.0), 100.0),
        Distribution((100.0, math.inf), (-1.0, 300.0), 100.0),
        Distribution((100.0, math.inf), (100.0, math.inf), 100.0),
        Distribution((100.0, math.inf), (100.0, 1.0), -100.0),
        Distribution((100.0, math.inf), (100.0, 1.0), math.inf),
        Distribution((math.nan, math.inf), (100.0, 1.0), 100.0),
        Distribution((100.0, 100.0, math.inf), (100.0, 1.0, 1.0), 100.0),
        Distribution((100.0, math.inf), (100.0,), 100.0),
        Distribution((1e6, 1e7, math.inf), (0.0, 1000.0, 0.0), 5e9),
    ],
)
def test_times_that_can_not_be_are_unknown(durations: Distribution) -> None:
    assert judged(p95(), Measured(1.0, durations)).reason == "Implausible"


@pytest.mark.parametrize(
    ("part", "whole"),
    [(None, 5.0), (5.0, None), (math.nan, 5.0), (-1.0, 5.0), (6.0, 5.0), (1.0, math.inf), (0.0, -1.0)],
)
def test_parts_that_can_not_be_are_unknown(part: float | None, whole: float | None) -> None:
    assert judged(ratio_of(0.01), Measured(1.0, part=part, whole=whole)).reason == "Implausible"


def test_a_budget_that_burns_just_now_is_a_risk_before_the_window_is_lost() -> None:
    window, calm, fire = times((150, 965), (800, 35)), times((150, 200)), times((150, 80), (800, 20))
    assert judged(p95(), window).state == "Met"
    assert judged(p95(), window, recent=calm).state == "Met"
    found = judged(p95(), window, recent=fire)
    assert (found.state, found.reason) == ("AtRisk", "BurnsFast")
    assert judged(p95(), times((150, 999), (800, 1)), recent=fire).state == "Met"
    assert judged(p95(), window, recent=times((150, 3), (800, 1))).state == "Met"


@pytest.mark.parametrize(("percentile", "told", "sure"), [(50, 2, 10), (95, 20, 100), (99, 100, 500)])
def test_how_many_observations_it_takes(percentile: float, told: int, sure: int) -> None:
    assert tuple(map(math.ceil, fewest(p95().objective.model_copy(update={"percentile": percentile})))) == (told, sure)


@pytest.mark.parametrize("share", [0.04, 0.05])
def test_chance_alone_seldom_makes_a_breach_of_few_observations(share: float) -> None:
    rng = np.random.default_rng(1)
    late = rng.binomial(60, share, 2000)
    breached = [judged(p95(), times((150, 60 - count), (800, count))).state == "Breached" for count in map(float, late)]
    assert np.mean(breached) <= 0.05


_count = st.floats(0, 1e6) | st.sampled_from([0.0, 1.0, math.nan, math.inf, -1.0, 1e300])
_objectives = st.one_of(
    st.builds(p95, st.integers(1, 600_000)),
    st.builds(lambda target: promise(mean=True, targetMs=target), st.integers(1, 600_000)),
    st.builds(lambda target, p: promise(percentile=p, targetMs=target), st.integers(100, 1000), st.floats(1, 99.99)),
    st.builds(ratio_of, st.floats(0, 1), st.sampled_from(RATIO_INDICATORS)),
    st.builds(lambda least: promise(indicator="frameRate", mean=True, minPerSecond=least), st.floats(1, 1000)),
    st.builds(lambda budget: p95(450, indicator="mouthToEar", budget_ms=budget), st.integers(0, 600)),
)
_measured = st.builds(
    Measured,
    st.floats(-10, 100) | st.just(math.nan),
    st.none()
    | st.builds(
        lambda counts, total: Distribution(BOUNDS, tuple(counts), total),
        st.lists(_count, min_size=11, max_size=11),
        _count,
    ),
    st.none() | _count,
    st.none() | _count,
)


@settings(max_examples=200, deadline=None)
@given(effective=_objectives, measured=_measured, recent=st.none() | _measured)
def test_whatever_is_measured_a_judgement_is_possible(
    effective: EffectiveObjective, measured: Measured, recent: Measured | None
) -> None:
    found = judged(effective, measured, recent=recent)
    assert (found.state == "Unknown") or (found.ratio is not None and math.isfinite(found.ratio))
    assert not found.missing or (found.state == "Unknown" and found.status.observed is None)
    if not 0 <= measured.age_seconds <= 60:
        assert found.state == "Unknown"
    if found.status.samples == 0 and found.state != "Unknown":
        assert (found.status.observed or 0) > 0


@settings(max_examples=100, deadline=None)
@given(counts=st.lists(st.integers(0, 300), min_size=11, max_size=11), more=st.integers(1, 300))
def test_more_late_turns_never_make_it_better(counts: list[int], more: int) -> None:
    order = {"Unknown": 0, "Met": 0, "AtRisk": 1, "Breached": 2}

    def state(late: int) -> str:
        found = (*map(float, counts[:-1]), float(counts[-1] + late))
        return judged(p95(), Measured(1.0, Distribution(BOUNDS, found, 1.0))).state

    assert order[state(more)] >= order[state(0)]
