from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_policies.forecasting.admission import active, blocking, places, reserve


@pytest.mark.parametrize(
    ("offered", "count", "blocked"), [(1.0, 1, 0.5), (2.0, 3, 0.2105), (10.0, 10, 0.2146), (100.0, 117, 0.0098)]
)
def test_erlangs_table(offered: float, count: int, blocked: float) -> None:
    assert blocking(offered, count) == pytest.approx(blocked, abs=5e-5)


def test_no_calls_need_no_places_and_no_places_serve_no_calls() -> None:
    assert (blocking(0.0, 0), blocking(0.0, 5), blocking(7.0, 0)) == (1.0, 0.0, 1.0)
    assert places(0.0, 0.01) == 1


@settings(max_examples=50, deadline=None)
@given(offered=st.floats(0.01, 500), most=st.floats(1e-6, 0.9))
def test_places_are_the_fewest_that_will_do(offered: float, most: float) -> None:
    count = places(offered, most)
    assert blocking(offered, count) <= most
    assert count == 0 or blocking(offered, count - 1) > most


@settings(max_examples=50, deadline=None)
@given(offered=st.floats(0, 200), count=st.integers(0, 300))
def test_more_places_refuse_fewer_and_more_calls_are_refused_more(offered: float, count: int) -> None:
    assert blocking(offered, count + 1) <= blocking(offered, count)
    assert blocking(offered + 1, count) >= blocking(offered, count)


def test_simulated_callers_are_refused_as_erlang_says() -> None:
    rng = np.random.default_rng(1)
    ends: list[float] = []
    refused, at, calls = 0, 0.0, 20_000
    for _ in range(calls):
        at += rng.exponential(1.0)
        ends = [end for end in ends if end > at]
        if len(ends) >= 12:
            refused += 1
        else:
            ends.append(at + rng.exponential(10.0))
    assert refused / calls == pytest.approx(blocking(10.0, 12), abs=0.015)


@pytest.mark.parametrize("offered", [-1.0, math.nan, math.inf])
def test_a_load_that_can_not_be_is_refused(offered: float) -> None:
    with pytest.raises(ValueError, match="offered load"):
        blocking(offered, 1)
    with pytest.raises(ValueError, match="offered load"):
        places(offered, 0.1)


def test_a_promise_that_can_not_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be promised"):
        places(1.0, 0.0)
    with pytest.raises(ValueError, match="places can't be"):
        blocking(1.0, -1)


@pytest.mark.parametrize(
    ("rate", "start", "baseline", "kept"), [(0.5, 60, 0, 30), (0.5, 61, 0, 31), (0.0, 60, 2, 2), (0.1, 10, 3.5, 4)]
)
def test_places_are_kept_for_those_who_come_while_a_replica_starts(
    rate: float, start: float, baseline: float, kept: int
) -> None:
    assert reserve(rate, start, baseline) == kept


def test_a_negative_rate_reserves_nothing_but_an_error() -> None:
    with pytest.raises(ValueError, match="negative"):
        reserve(-1.0, 60.0)


@settings(max_examples=60, deadline=None)
@given(sessions=st.integers(1, 120), duty=st.floats(0.01, 0.99), share=st.floats(0.01, 0.999))
def test_active_sessions_are_the_quantile_of_the_binomial(sessions: int, duty: float, share: float) -> None:
    def within(most: int) -> float:
        return sum(math.comb(sessions, k) * duty**k * (1 - duty) ** (sessions - k) for k in range(most + 1))

    found = active(sessions, duty, share)
    assert within(found) >= share - 1e-9
    assert found == 0 or within(found - 1) < share + 1e-9


@pytest.mark.parametrize(("sessions", "duty", "found"), [(0, 0.3, 0), (10, 0.0, 0), (10, 1.0, 10), (1, 0.3, 1)])
def test_active_sessions_at_the_edges(sessions: int, duty: float, found: int) -> None:
    assert active(sessions, duty) == found


def test_active_sessions_of_many() -> None:
    assert active(10_000, 0.3) == pytest.approx(3000 + 1.645 * math.sqrt(2100), abs=2)
    with pytest.raises(ValueError, match="can't be"):
        active(-1, 0.3)
