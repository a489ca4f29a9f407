from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.estimating.bias import Bias, Comparison, learn

SEEN = Comparison(400.0, 520.0, turns=200, age_seconds=2, utilisation=0.6, steady_seconds=200, window_seconds=120)


def after(times: int, **seen: Any) -> Bias:
    bias = Bias()
    for _ in range(times):
        bias = learn(bias, replace(SEEN, **seen))
    return bias


def test_under_load_the_ratio_is_learned_and_shortens_the_slack() -> None:
    found = after(60)
    assert found.ratio == pytest.approx(1.3, rel=0.01)
    assert found.slack == pytest.approx(1 / 1.3, rel=0.01)
    assert found.overhead_ms == 0.0


def test_at_rest_the_overhead_is_learned_until_predictions_fit() -> None:
    bias = Bias()
    for _ in range(60):
        bias = learn(bias, replace(SEEN, utilisation=0.1, predicted_ms=400.0 + bias.overhead_ms))
    assert bias.overhead_ms == pytest.approx(120.0, rel=0.01)
    assert bias.ratio == 1.0


def test_what_was_too_low_is_mended_sooner_than_what_was_too_high() -> None:
    up, down = after(1).ratio, after(1, measured_ms=400.0 / 1.3).ratio
    assert math.log(up) > -2 * math.log(down) > 0


def test_few_turns_move_it_less() -> None:
    assert 1.0 < after(1, turns=40).ratio < after(1, turns=400).ratio


@pytest.mark.parametrize(
    "unfit",
    [
        {"turns": 29},
        {"age_seconds": 60},
        {"age_seconds": -5},
        {"steady_seconds": 130},
        {"utilisation": 1.2},
        {"measured_ms": math.nan},
        {"measured_ms": math.inf},
        {"measured_ms": 520_000.0},
        {"measured_ms": 0.0},
        {"predicted_ms": math.inf},
    ],
)
def test_what_can_not_be_compared_leaves_it_as_it_was(unfit: dict[str, float]) -> None:
    assert after(5, **unfit) == Bias()


@given(
    st.lists(
        st.builds(
            replace,
            st.just(SEEN),
            predicted_ms=st.floats(1, 5000),
            measured_ms=st.floats(1, 5000),
            utilisation=st.floats(0, 1),
            turns=st.floats(0, 1e4),
        ),
        max_size=30,
    ),
    st.floats(1, 5000),
)
def test_it_never_makes_predictions_bold(seen: list[Comparison], model_ms: float) -> None:
    bias = Bias()
    for comparison in seen:
        bias = learn(bias, comparison)
    assert (model_ms + bias.overhead_ms) * bias.ratio >= 0.8 * model_ms * (1 - 1e-9)
    assert 0 <= bias.overhead_ms <= 1000
    assert 0.4 - 1e-9 <= bias.slack <= 1.25 + 1e-9
