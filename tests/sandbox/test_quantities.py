"""Amounts of resources are read exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_sandbox.quantities import amount_of, canonical

_UNITS = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    **{suffix: Fraction(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Fraction(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}
_SUFFIXES = st.sampled_from(sorted(_UNITS))


@given(st.integers(0, 10**12), _SUFFIXES)
def test_a_whole_number_counts_units(number: int, suffix: str) -> None:
    assert amount_of(f"{number}{suffix}") == number * _UNITS[suffix]


@given(st.decimals(0, 10**9, places=6), _SUFFIXES)
def test_a_decimal_loses_at_most_what_is_below_a_billionth_and_is_rounded_up(number: object, suffix: str) -> None:
    exact = Fraction(str(number)) * _UNITS[suffix]
    found = amount_of(f"{number:f}{suffix}")
    assert exact <= found < exact + Fraction(1, 10**9)


@given(st.integers(0, 10**9), _SUFFIXES)
def test_less_than_nothing_mirrors_it(number: int, suffix: str) -> None:
    assert amount_of(f"-{number}{suffix}") == -amount_of(f"+{number}{suffix}")


@given(st.integers(0, 10**12), st.integers(-9, 6))
def test_an_exponent_is_a_power_of_ten(number: int, exponent: int) -> None:
    assert amount_of(f"{number}e{exponent}") == number * Fraction(10) ** exponent


@given(st.decimals(0, 10**9, places=3), _SUFFIXES)
def test_the_canonical_form_is_the_same_amount_and_its_own(number: object, suffix: str) -> None:
    once = canonical(f"{number:f}{suffix}")
    assert amount_of(once) == amount_of(f"{number:f}{suffix}")
    assert canonical(once) == once


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "1gi", "0x10", "1e", ".", "--1", "1Kii", "1,5", "nan", "inf"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        amount_of(text)
