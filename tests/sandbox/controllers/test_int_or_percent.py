import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.controllers.int_or_percent import scaled


@pytest.mark.parametrize(
    ("value", "total", "up", "down"), [(3, 10, 3, 3), ("25%", 10, 3, 2), ("100%", 7, 7, 7), ("0%", 7, 0, 0)]
)
def test_scaled(value: int | str, total: int, up: int, down: int) -> None:
    assert (scaled(value, total, "up"), scaled(value, total, "down")) == (up, down)


@given(st.integers(0, 100), st.integers(0, 10_000))
def test_rounding_differs_by_one_at_most(percent: int, total: int) -> None:
    up, down = scaled(f"{percent}%", total, "up"), scaled(f"{percent}%", total, "down")
    assert down * 100 <= percent * total <= up * 100
    assert up - down <= 1
