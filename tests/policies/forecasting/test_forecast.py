from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_traffic import backtest, made_traffic

from antiphon_policies.forecasting.forecast import Forecast, forecast
from antiphon_policies.forecasting.history import History

DAY = 86_400.0


def told(history: History, now: float, ahead: float = 60.0) -> Forecast:
    found = forecast(history, now, ahead)
    assert found is not None
    return found


def steady(rate: float) -> Callable[[float], float]:
    return lambda _: rate


def ramp(seconds: float) -> Callable[[float], float]:
    return lambda t: 0.1 + 1.9 * min(1.0, max(0.0, (t - 3600) / seconds))


def daily(t: float) -> float:
    return 0.1 + 0.9 * max(0.0, math.sin(2 * math.pi * t / DAY)) ** 4


@pytest.mark.parametrize("rate", [0.02, 0.3, 5.0])
@pytest.mark.parametrize("ahead", [30.0, 120.0])
def test_of_steady_traffic_nine_of_ten_stay_below_the_upper_forecast(rate: float, ahead: float) -> None:
    runs = [backtest(made_traffic(steady(rate), 180.0, 7200.0, seed), ahead, after=3600.0) for seed in (1, 2, 3)]
    assert 0.84 <= np.mean([run.covered for run in runs]) <= 0.97
    assert np.mean([run.error for run in runs]) <= 1.1 * np.mean([run.naive_error for run in runs])


@pytest.mark.parametrize(
    ("seconds", "ahead", "least"), [(600.0, 60.0, 0.82), (600.0, 120.0, 0.72), (3600.0, 300.0, 0.9)]
)
def test_up_a_ramp_the_upper_forecast_holds_and_the_expected_one_is_nearer_than_now(
    seconds: float, ahead: float, least: float
) -> None:
    """Of the steepest part alone; over all of a day the share is nine of ten."""
    after, length = 3600.0 + seconds / 5, 3600.0 + seconds + ahead
    runs = [backtest(made_traffic(ramp(seconds), 180.0, length, s), ahead, after=after, every=4) for s in range(8)]
    assert np.mean([run.covered for run in runs]) >= least
    assert np.mean([run.error for run in runs]) < 0.96 * np.mean([run.naive_error for run in runs])


def test_down_a_ramp_the_expected_forecast_is_nearer_than_now() -> None:
    runs = [
        backtest(made_traffic(lambda t: 2.1 - ramp(900.0)(t), 180.0, 4800.0, s), 120.0, after=3700.0) for s in (1, 2)
    ]
    assert np.mean([run.covered for run in runs]) >= 0.85
    assert np.mean([run.error for run in runs]) < 0.75 * np.mean([run.naive_error for run in runs])


def test_a_day_that_comes_again_is_foretold_half_an_hour_ahead() -> None:
    run = backtest(made_traffic(daily, 180.0, 3.3 * DAY, 1), 1800.0, after=2.3 * DAY, every=60)
    assert 0.85 <= run.covered <= 0.97
    assert run.error < 0.75 * run.naive_error


def test_before_two_days_are_over_no_day_is_foretold() -> None:
    history, traffic = History(), made_traffic(daily, 180.0, 1.9 * DAY, 1)
    for index in range(0, len(traffic.times), 12):
        history.add(traffic.times[index], traffic.sessions[index], traffic.arrivals_per_second[index])
    assert told(history, traffic.times[-1]).season is None


def test_days_that_do_not_resemble_each_other_are_no_season() -> None:
    rng, history = np.random.default_rng(1), History()
    for step, level in enumerate(np.repeat(rng.uniform(0, 100, 3 * 24), 60)):
        history.add(1.7e9 + 60.0 * step, float(level))
    assert told(history, 1.7e9 + 60.0 * (3 * 24 * 60 - 1)).season is None


def test_an_hour_that_comes_again_is_found() -> None:
    history = History()
    for step in range(12 * 300):
        at = 1.7e9 + 5.0 * step
        history.add(at, 100.0 if at % 3600 < 600 else 10.0)
    now = 1.7e9 + 5.0 * (12 * 300 - 1)
    found = told(history, now)
    assert found.season is not None
    assert found.season.period_seconds == 3600
    begin = now - now % 3600
    assert found.season.at(begin + 300) == pytest.approx(100, rel=0.05)
    assert found.season.at(begin + 1800) == pytest.approx(10, rel=0.05)


def test_the_length_of_sessions_is_learned() -> None:
    history, traffic = History(), made_traffic(steady(0.5), 240.0, 7200.0, 1)
    for at, sessions, arrivals in zip(traffic.times, traffic.sessions, traffic.arrivals_per_second, strict=True):
        history.add(at, sessions, arrivals)
    assert told(history, traffic.times[-1]).holding_seconds == pytest.approx(240, rel=0.2)


def test_without_arrivals_the_sessions_alone_are_followed() -> None:
    history = History()
    for step in range(120):
        history.add(1.7e9 + 5.0 * step, 20.0 + max(0, step - 60) * 2.0)
    found = told(history, 1.7e9 + 595.0)
    assert found.holding_seconds is None
    assert found.expected == pytest.approx(138 + 24, rel=0.1)
    assert found.trend.per_second == pytest.approx(0.4, rel=0.1)
    assert found.is_burst


@pytest.mark.parametrize("later", [0, 1, 3, 12, 60])
def test_a_step_is_not_taken_for_a_ramp(later: int) -> None:
    history = History()
    for step in range(200 + later + 1):
        history.add(1.7e9 + 5.0 * step, 5.0 if step < 200 else 100.0)
    found = told(history, 1.7e9 + 5.0 * (200 + later))
    assert 100 <= found.expected <= 105
    assert found.upper <= 130


def test_a_burst_is_seen_within_seconds_and_not_believed_to_grow_for_ever() -> None:
    history, sessions = History(), 5.0
    for step in range(100):
        sessions += 10.0 if step >= 95 else 0.0
        history.add(1.7e9 + 5.0 * step, sessions)
    found = told(history, 1.7e9 + 495.0, 300.0)
    assert found.is_burst
    assert sessions + 20 < found.expected < sessions + 2 * 50


def test_what_is_old_foretells_nothing() -> None:
    history = History()
    assert forecast(history, 1.7e9, 60.0) is None
    history.add(1.7e9, 40.0, 0.2)
    assert forecast(history, 1.7e9 + 61.0, 60.0) is None
    assert told(history, 1.7e9 + 30.0).expected == pytest.approx(40.0)


def test_restless_traffic_gets_a_wider_margin() -> None:
    rng, wide, narrow = np.random.default_rng(1), History(), History()
    for step in range(1440):
        at = 1.7e9 + 5.0 * step
        wide.add(at, float(rng.poisson(20) * 5 if step % 12 == 0 else wide.sessions or 100))
        narrow.add(at, 100.0)
    now = 1.7e9 + 5.0 * 1439
    assert told(wide, now).dispersion > 2 * told(narrow, now).dispersion


@settings(max_examples=60, deadline=None)
@given(
    samples=st.lists(
        st.tuples(st.floats(0, 600), st.floats(0, 1e5), st.none() | st.floats(0, 1e3)), min_size=1, max_size=60
    ),
    ahead=st.floats(0, 3600),
)
def test_whatever_was_seen_a_forecast_is_possible(
    samples: list[tuple[float, float, float | None]], ahead: float
) -> None:
    history, at = History(), 1.7e9
    for step, sessions, arrivals in samples:
        at += step
        history.add(at, sessions, arrivals)
    found = told(history, at, ahead)
    assert 0 <= found.expected <= found.upper < math.inf
    assert found.dispersion >= 1
