import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_policies.facts import Discipline
from antiphon_policies.predicting.times import Times, added, callers, quantile_ms, stage_times

MANY = 1e9
DISCIPLINES: tuple[Discipline, ...] = ("batches", "streams", "lockstep")
SLACK = 1 + 1e-6
disciplines = st.sampled_from(DISCIPLINES)
services = st.fixed_dictionaries(
    {
        "alpha_ms": st.floats(1, 500),
        "beta_ms": st.floats(0.01, 100),
        "noise": st.floats(0, 0.5),
        "cap": st.sampled_from([1, 2, 4, 8, 16, 32]),
        "sessions": st.integers(1, 200),
        "calls_per_second": st.floats(0, 20),
        "rest_alpha_ms": st.floats(0, 2000),
        "rest_beta_ms": st.floats(0, 20),
        "period_ms": st.floats(20, 1000),
        "duty_cycle": st.floats(0.05, 1),
    }
)


def p95(discipline: Discipline, service: dict[str, Any], **otherwise: float) -> float:
    return float(quantile_ms(stage_times(discipline, **{**service, **otherwise}), 95))


@settings(max_examples=150, deadline=None)
@given(disciplines, services, st.floats(1, 3))
def test_more_calls_never_make_it_quicker(discipline: Discipline, service: dict[str, Any], factor: float) -> None:
    more = p95(discipline, service, calls_per_second=service["calls_per_second"] * factor)
    assert more >= p95(discipline, service) / SLACK * 0.99


@settings(max_examples=150, deadline=None)
@given(disciplines, services, st.sampled_from(["alpha_ms", "beta_ms"]), st.floats(1, 3))
def test_slower_service_never_makes_it_quicker(
    discipline: Discipline, service: dict[str, Any], which: str, factor: float
) -> None:
    slower = p95(discipline, service, **{which: service[which] * factor})
    assert slower >= p95(discipline, service) * 0.97


@settings(max_examples=100, deadline=None)
@given(disciplines, services)
def test_saturated_is_infinite_and_else_it_takes_its_time(discipline: Discipline, service: dict[str, Any]) -> None:
    times = stage_times(discipline, **service)
    told = [float(quantile_ms(times, 95)), float(times.mean_ms), float(times.variance), float(times.third)]
    if times.utilisation >= 1:
        assert all(math.isinf(figure) for figure in told)
    else:
        assert all(math.isfinite(figure) for figure in told)
        least = service["alpha_ms"] if discipline == "lockstep" else service["alpha_ms"] + service["beta_ms"]
        assert times.mean_ms >= least / SLACK


@pytest.mark.parametrize("discipline", ["batches", "streams"])
@pytest.mark.parametrize("used", [0.2, 0.6, 0.9])
def test_one_at_a_time_is_the_queue_of_regular_service(discipline: Discipline, used: float) -> None:
    times = stage_times(discipline, alpha_ms=20, beta_ms=0, noise=0, cap=1, calls_per_second=used * 50, sessions=MANY)
    assert times.utilisation == pytest.approx(used)
    assert times.mean_ms == pytest.approx(20 + 20 * used / (2 * (1 - used)), rel=0.02)


@pytest.mark.parametrize("places", [2, 4, 8])
@pytest.mark.parametrize("used", [0.5, 0.8, 0.9])
def test_streams_of_irregular_length_wait_as_erlang_says(places: int, used: float) -> None:
    """With noise of 1 the variance is that of exponential service."""
    times = stage_times(
        "streams", alpha_ms=100, beta_ms=0, noise=1, cap=places, calls_per_second=used * places * 10, sessions=MANY
    )
    erlang = _erlang_c(places, used) * 100 / places / (1 - used)
    assert times.mean_ms == pytest.approx(100 + erlang, rel=0.08)


def test_streams_with_room_are_as_many_as_little_says() -> None:
    """Each takes 50 + 2 n to its first result and 150 + 3 n after it, where n are under way: so many come in that time."""
    times = stage_times(
        "streams",
        alpha_ms=50, beta_ms=2, noise=0.1, cap=500, calls_per_second=40, sessions=MANY, rest_alpha_ms=150, rest_beta_ms=3,
    )  # fmt: skip
    under_way = 0.04 * (200 + 5) / (1 - 0.04 * 5)
    assert times.mean_ms == pytest.approx(50 + 2 * (1 + under_way), rel=1e-3)


def test_steps_are_binomial_where_anybody_is_active() -> None:
    times = stage_times(
        "lockstep",
        alpha_ms=10, beta_ms=2, noise=0, cap=64, calls_per_second=1, sessions=6, period_ms=200, duty_cycle=0.25,
    )  # fmt: skip
    chances = np.array([math.comb(6, size) * 0.25**size * 0.75 ** (6 - size) for size in range(7)])
    steps, there = 10 + 2 * np.arange(1, 7), chances[1:].sum()
    mean = float(steps @ chances[1:] / there)
    assert times.utilisation == pytest.approx(there * mean / 200)
    assert times.mean_ms == pytest.approx(mean)
    assert times.variance == pytest.approx(float((steps - mean) ** 2 @ chances[1:] / there))
    assert times.third == pytest.approx(float((steps - mean) ** 3 @ chances[1:] / there))


@pytest.mark.parametrize(
    ("sessions", "duty_cycle", "used"), [(40, 0.3, 0.9), (40, 0.1, 0.9), (8, 0.3, 0.8), (150, 0.5, 0.95)]
)
def test_steps_that_overrun_delay_the_next(sessions: int, duty_cycle: float, used: float) -> None:
    """Held against steps made one after another."""
    random, count, noise = np.random.default_rng(sessions), 200_000, 0.2
    sizes = random.binomial(sessions, duty_cycle, count)
    some = 1 - (1 - duty_cycle) ** sessions
    alpha = used * 100 / (some + 0.2 * sessions * duty_cycle)
    spread = math.sqrt(math.log1p(noise**2))
    took = np.where(sizes > 0, alpha * (1 + 0.2 * sizes) * random.lognormal(-(spread**2) / 2, spread, count), 0.0)
    late, seen = 0.0, []
    for step in took.tolist():
        if step:
            seen.append(late + step)
        late = max(0.0, late + step - 100)
    times = stage_times(
        "lockstep",
        alpha_ms=alpha, beta_ms=0.2 * alpha, noise=noise, cap=64, calls_per_second=1, sessions=sessions, period_ms=100,
        duty_cycle=duty_cycle,
    )  # fmt: skip
    assert times.mean_ms == pytest.approx(np.mean(seen), rel=0.06)
    assert quantile_ms(times, 95) == pytest.approx(np.quantile(seen, 0.95), rel=0.1)


def test_a_stage_in_lockstep_needs_its_period() -> None:
    with pytest.raises(ValueError, match="needs its period"):
        stage_times("lockstep", alpha_ms=1, beta_ms=1, noise=0, cap=1, calls_per_second=1, sessions=1)


@pytest.mark.parametrize("discipline", ["batches", "streams"])
def test_a_session_alone_never_waits(discipline: Discipline) -> None:
    times = stage_times(discipline, alpha_ms=90, beta_ms=10, noise=0.1, cap=1, calls_per_second=5, sessions=1)
    assert times.mean_ms == pytest.approx(100)
    assert times.variance == pytest.approx(100, rel=1e-3)


def test_sessions_with_a_place_each_wait_only_where_they_ask_before_their_last_place_is_free() -> None:
    """Ten seconds from turn to turn; of the places one for each of two sessions, or one more."""
    short, long = (
        np.atleast_1d(stage_times(
            "streams",
            alpha_ms=500, beta_ms=0, noise=0, cap=[2, 3], calls_per_second=0.2, sessions=2, rest_alpha_ms=rest_ms,
        ).waiting_ms)
        for rest_ms in (2000, 8000)
    )  # fmt: skip
    assert short == pytest.approx([0, 0])
    assert long[0] > 100
    assert long[1] == 0


def test_few_sessions_rarely_take_all_places() -> None:
    times = stage_times("streams", alpha_ms=100, beta_ms=0, noise=0, cap=4, calls_per_second=20, sessions=[5, 1000])
    few, many = np.atleast_1d(times.waiting_ms)
    assert few < 0.5 * many


@pytest.mark.parametrize("discipline", ["batches", "streams"])
def test_fewer_sessions_that_ask_as_much_wait_less(discipline: Discipline) -> None:
    found = stage_times(
        discipline, alpha_ms=90, beta_ms=10, noise=0.1, cap=2, calls_per_second=12, sessions=[4, 10, 50, 1000]
    )
    assert (np.diff(found.mean_ms) > 0).all()


@pytest.mark.parametrize("discipline", ["batches", "streams"])
@pytest.mark.parametrize("sessions", [5, 20, 100])
def test_no_session_waits_longer_than_it_takes_to_ask_again(discipline: Discipline, sessions: int) -> None:
    """However near to saturation: who waits asks nothing."""
    calls = 0.99 / 0.1
    times = stage_times(
        discipline, alpha_ms=100, beta_ms=0, noise=0.1, cap=1, calls_per_second=calls, sessions=sessions
    )
    assert times.mean_ms < 0.8 * 1000 * sessions / calls


@pytest.mark.parametrize("discipline", ["batches", "streams"])
def test_regular_sessions_do_not_calm_what_irregular_service_makes(discipline: Discipline) -> None:
    plain, noisy = stage_times(
        discipline, alpha_ms=100, beta_ms=0, noise=[0.0, 0.5], cap=1, calls_per_second=9.8, sessions=30
    ).mean_ms
    assert noisy > 1.3 * plain


def test_calls_beside_those_waited_for_come_as_from_more_sessions() -> None:
    assert callers(20, 0) == 20
    assert callers(20, 0.5) > 40


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_arrays_are_broadcast_and_parts_make_no_difference(discipline: Discipline) -> None:
    alpha, cap, calls = np.linspace(5, 100, 40), np.array([1, 2, 4, 8]), np.linspace(0, 12, 80)
    figures = {"beta_ms": 3, "noise": 0.1, "sessions": 50, "rest_alpha_ms": 30, "period_ms": 500, "duty_cycle": 0.2}
    times = stage_times(discipline, alpha_ms=alpha[:, None, None], cap=cap[:, None], calls_per_second=calls, **figures)
    one = stage_times(discipline, alpha_ms=alpha[7], cap=cap[2], calls_per_second=calls[30], **figures)
    assert quantile_ms(times, 99).shape == (40, 4, 80)
    assert quantile_ms(added([times, times]), 99)[7, 2, 30] == pytest.approx(float(quantile_ms(added([one, one]), 99)))


def test_the_quantile_of_plain_shapes() -> None:
    normal, exponential = _times(100, 25, 0), _times(1, 1, 2)
    assert quantile_ms(normal, 95) == pytest.approx(100 + 5 * 1.6449, rel=1e-3)
    assert quantile_ms(exponential, 95) == pytest.approx(math.log(20), rel=0.02)
    assert quantile_ms(exponential, 50) == pytest.approx(math.log(2), rel=0.03)


def _times(mean: float, variance: float, third: float) -> Times:
    return Times(np.asarray(0.1), np.asarray(float(mean)), np.asarray(float(variance)), np.asarray(float(third)))


def _erlang_c(places: int, used: float) -> float:
    offered = places * used
    blocked = 1.0
    for place in range(1, places + 1):
        blocked = offered * blocked / (place + offered * blocked)
    return blocked / (1 - used * (1 - blocked))
