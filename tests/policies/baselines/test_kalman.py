from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_policies.baselines.kalman import Seen, StageFilter, call_ms


def seen_at(alpha: float, beta: float, load: float, noise: float = 1.0) -> Seen:
    """What a stage of these figures shows with its own device, a share `load` of which beta takes."""
    rate = load / beta
    size = max(1.0, rate * alpha / (1 - load))
    return Seen(size, (alpha + beta * size) * noise, call_ms(alpha, beta, load) * noise, rate)


def learned(alpha: float, beta: float, looks: list[Seen]) -> tuple[StageFilter, int]:
    filtered = StageFilter(alpha, beta)
    return filtered, sum(filtered.update(look) for look in looks)


@given(st.floats(20, 200), st.floats(1, 20), st.floats(0.6, 1.6), st.floats(0.6, 1.6))
@settings(max_examples=60, deadline=None)
def test_it_learns_alpha_and_beta_from_a_changing_load(alpha: float, beta: float, off: float, other_off: float) -> None:
    loads = [0.2, 0.5, 0.7, 0.4, 0.6, 0.3] * 20
    filtered, _ = learned(alpha * off, beta * other_off, [seen_at(alpha, beta, load) for load in loads])
    assert abs(filtered.alpha_ms - alpha) < 0.05 * alpha
    assert abs(filtered.beta_ms - beta) < 0.1 * beta + 0.2


def test_an_outlier_is_left_out() -> None:
    filtered, taken = learned(100, 10, [seen_at(100, 10, 0.5)] * 30)
    assert taken == 30
    before = filtered.alpha_ms
    assert not filtered.update(seen_at(100, 10, 0.5, noise=5.0))
    assert filtered.alpha_ms == before


def test_a_lasting_change_is_taken_in_the_end() -> None:
    filtered, _ = learned(100, 10, [seen_at(100, 10, 0.5)] * 30)
    slower = seen_at(200, 10, 0.5)
    for _ in range(400):
        filtered.update(slower)
    assert abs(filtered.alpha_ms + filtered.beta_ms * slower.batch_size - slower.batch_ms) < 0.1 * slower.batch_ms


def test_a_shared_device_explains_the_waits() -> None:
    look = Seen(1.0, 80.0, 80.0 / 0.5, 0.001, device_busy=0.5)
    filtered, _ = learned(77.5, 2.5, [look] * 50)
    assert abs(call_ms(filtered.alpha_ms, filtered.beta_ms, 0.5) - 160) < 10


@given(st.lists(st.tuples(st.floats(1, 40), st.floats(1, 5000), st.floats(1, 9000), st.floats(0, 0.2)), max_size=40))
@settings(max_examples=60, deadline=None)
def test_it_stays_positive_and_finite_whatever_it_sees(looks: list[tuple[float, float, float, float]]) -> None:
    filtered, _ = learned(100, 10, [Seen(*look) for look in looks])
    assert np.isfinite([filtered.alpha_ms, filtered.beta_ms]).all()
    assert filtered.alpha_ms > 0
    assert filtered.beta_ms > 0
