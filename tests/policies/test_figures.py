"""Figures with so many digits."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.figures import all_amounts, significant


@given(st.floats(1e-9, 1e9), st.integers(1, 6))
def test_what_is_left_out_is_less_than_the_digits_tell(value: float, digits: int) -> None:
    found = significant(value, digits)
    assert found == pytest.approx(value, rel=0.51 * 10 ** (1 - digits))
    assert significant(found, digits) == found


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True)))
def test_amounts_are_finite_and_not_negative(figures: list[float]) -> None:
    assert all_amounts(figures) == all(math.isfinite(figure) and figure >= 0 for figure in figures)
