"""The cap finds the largest batch that the objective allows, and stays within the operator's bound."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.batching.adaptive_cap import BACK_OFF, AdaptiveCap
from antiphon_runtime.batching.limits import Limits

seconds = st.floats(0.001, 1.0)


@given(st.integers(1, 128), seconds, st.lists(st.tuples(st.integers(1, 128), seconds)))
def test_it_stays_within_the_bound(bound: int, objective: float, batches: list[tuple[int, float]]) -> None:
    cap = AdaptiveCap(Limits(max_batch=bound, objective_seconds=objective))
    for size, taken in batches:
        cap.learn(size, taken)
        assert 1 <= cap.cap <= bound


@given(st.integers(2, 128), st.floats(0, 0.05), st.floats(0.001, 0.01), seconds)
def test_under_load_it_settles_just_below_the_largest_batch_in_time(
    bound: int, alpha: float, beta: float, objective: float
) -> None:
    cap = AdaptiveCap(Limits(max_batch=bound, objective_seconds=objective))
    best = max((size for size in range(1, bound + 1) if alpha + beta * size <= objective), default=1)
    for _ in range(2 * bound):
        cap.learn(cap.cap, alpha + beta * cap.cap)
    for _ in range(bound):
        assert int(min(best + 1, bound) * BACK_OFF) <= cap.cap <= min(best + 1, bound)
        cap.learn(cap.cap, alpha + beta * cap.cap)


def test_without_an_objective_it_is_the_bound() -> None:
    cap = AdaptiveCap(Limits(max_batch=8))
    cap.learn(8, 1e9)
    assert cap.cap == 8
    cap.tune(Limits(max_batch=32))
    assert cap.cap == 32


def test_a_lower_bound_holds_at_once_and_a_higher_one_is_grown_into() -> None:
    limits = Limits(max_batch=8, objective_seconds=0.1)
    cap = AdaptiveCap(limits)
    cap.tune(replace(limits, max_batch=4))
    assert cap.cap == 4
    cap.tune(replace(limits, max_batch=8))
    assert cap.cap == 4
    cap.learn(4, 0.01)
    assert cap.cap == 5


def test_a_slow_single_item_does_not_lower_it() -> None:
    cap = AdaptiveCap(Limits(max_batch=8, objective_seconds=0.1))
    cap.learn(1, 5.0)
    assert cap.cap == 8
