from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.bench.line_fit import fit, spread

PARTS = st.floats(0.01, 1000)
SIZES = st.lists(st.integers(1, 64), min_size=2, max_size=8, unique=True)


@given(PARTS, PARTS, SIZES)
def test_points_on_a_line_give_that_line(alpha: float, beta: float, sizes: list[int]) -> None:
    line = fit({size: alpha + beta * size for size in sizes})
    assert line.alpha == pytest.approx(alpha, rel=1e-3, abs=1e-3 * (alpha + beta * max(sizes)))
    assert line.beta == pytest.approx(beta, rel=1e-3, abs=1e-3)


@given(st.dictionaries(st.integers(1, 64), PARTS, min_size=1, max_size=8))
def test_no_part_is_below_zero(means: dict[int, float]) -> None:
    line = fit(means)
    assert line.alpha >= 0
    assert line.beta >= 0
    assert line.alpha + line.beta > 0


def test_one_size_alone_says_nothing_of_a_fixed_part() -> None:
    line = fit({4: 20.0})
    assert (line.alpha, line.beta) == (0.0, 5.0)


def test_nothing_has_no_line() -> None:
    with pytest.raises(ValueError, match="no batch size"):
        fit({})


def test_spread_is_a_share_of_the_mean() -> None:
    assert spread({1: [9.0, 11.0], 2: [18.0, 22.0]}) == pytest.approx(0.1)
    assert spread({1: [3.0, 3.0]}) == 0.0
    assert spread({}) == 0.0
