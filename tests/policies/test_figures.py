"""Figures with so many digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.figures import significant


@given(st.floats(1e-9, 1e9), st.integers(1, 6))
def test_what_is_left_out_is_less_than_the_digits_tell(value: float, digits: int) -> None:
    found = significant(value, digits)
    assert found == pytest.approx(value, rel=0.51 * 10 ** (1 - digits))
    assert significant(found, digits) == found
