from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_policies.forecasting.history import History
from antiphon_policies.forecasting.rings import Ring, quantile

_samples = st.lists(st.tuples(st.integers(0, 120) | st.just(250), st.floats(0, 1000)), min_size=1, max_size=60)


@settings(max_examples=80, deadline=None)
@given(samples=_samples, start=st.integers(0, 400), length=st.integers(0, 400), later=st.integers(-50, 300))
def test_means_are_those_of_all_steps_that_are_still_kept(
    samples: list[tuple[int, float]], start: int, length: int, later: int
) -> None:
    ring, at, kept = Ring(10.0, 20), 0.0, dict[int, list[float]]()
    for step, value in samples:
        at += step
        ring.add(at, value)
        kept.setdefault(math.floor(at / 10), []).append(value)
    newest = math.floor(at / 10)
    alive = {slot: float(np.mean(values)) for slot, values in kept.items() if slot > newest - 20}
    from_then, to_then = at - start, at - start + length
    wanted = [mean for slot, mean in alive.items() if from_then <= slot * 10 < to_then]
    found = ring.mean(from_then, to_then)
    assert found == (pytest.approx(np.mean(wanted), abs=1e-6) if wanted else None)
    last = math.floor((at + later) / 10)
    expected = [alive.get(slot, math.nan) for slot in range(last - 19, last + 1)]
    if later >= 0:
        np.testing.assert_allclose(ring.series(at + later), expected, atol=1e-6)
    else:
        known = ring.series(at + later)
        shown = ~np.isnan(known)
        np.testing.assert_allclose(known[shown], np.array(expected)[shown], atol=1e-6)


def test_an_empty_ring_knows_nothing() -> None:
    ring = Ring(5.0, 10)
    assert ring.mean(0.0, 100.0) is None
    assert np.isnan(ring.series(100.0)).all()


def test_what_comes_late_is_left_out() -> None:
    ring = Ring(5.0, 10)
    for at, value in ((100.0, 1.0), (90.0, 50.0), (101.0, 3.0)):
        ring.add(at, value)
    assert ring.mean(0.0, 200.0) == 2.0


def test_a_history_keeps_the_last_minutes_fine_and_the_last_weeks_coarse() -> None:
    history = History()
    for step in range(int(16 * 86_400 / 60)):
        history.add(60.0 * step, step / 1440)
    now = 16 * 86_400.0
    assert history.mean("sessions", now - 120, now) == pytest.approx(16.0, abs=0.01)
    assert history.mean("sessions", now - 6 * 3600, now) == pytest.approx(15.875, abs=0.01)
    assert history.mean("sessions", now - 10 * 86_400, now - 9 * 86_400) == pytest.approx(6.5, abs=0.01)
    assert np.count_nonzero(~np.isnan(history.coarse(now - 600))) > 2 * 7 * 144


@pytest.mark.parametrize("sessions", [None, math.nan, math.inf, -1.0])
def test_what_is_not_known_is_not_kept(sessions: float | None) -> None:
    history = History()
    history.add(0.0, sessions, 1.0)
    assert (history.last, history.first) == (None, None)
    history.add(5.0, 3.0, math.nan)
    assert (history.sessions, history.arrivals_per_second) == (3.0, None)
    history.add(4.0, 9.0, 1.0)
    assert history.sessions == 3.0


def test_what_was_found_serves_until_a_step_is_over() -> None:
    history, sought = History(), list[float]()

    def find(_: History, now: float) -> float:
        sought.append(now)
        return now

    assert [history.once("it", 60.0, now, find) for now in (0.0, 59.0, 60.0)] == [0.0, 0.0, 60.0]
    assert sought == [0.0, 60.0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_quantiles_are_those_of_numpy(values: list[float], share: float) -> None:
    assert quantile(np.array(values), share) == pytest.approx(float(np.quantile(values, share)), rel=1e-12, abs=1e-9)
