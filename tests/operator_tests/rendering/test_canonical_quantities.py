"""Amounts as the API server stores them; the sandbox's own reading of quantities is the judge."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from drawn_plans import amounts_of_cpu, amounts_of_memory
from hypothesis import given
from hypothesis import strategies as st

from antiphon_operator.rendering.quantities import cpu_cores, cpu_quantity, memory_quantity, stored_memory
from antiphon_sandbox.quantities import amount_of, canonical


@pytest.mark.parametrize(
    ("given_amount", "stored"),
    [("1024Mi", "1Gi"), ("9.5Gi", "9728Mi"), ("20000M", "20G"), ("1.5", "2"), ("1000", "1k"), ("1.0005Ki", "1025")],
)
def test_memory_as_it_is_stored(given_amount: str, stored: str) -> None:
    assert stored_memory(given_amount) == stored


@pytest.mark.parametrize(
    ("given_amount", "stored"), [("0.5", "500m"), ("500m", "500m"), ("1000m", "1"), ("24", "24"), ("0.0001", "1m")]
)
def test_cpu_as_it_is_stored(given_amount: str, stored: str) -> None:
    assert cpu_quantity(cpu_cores(given_amount)) == stored


@given(amounts_of_memory)
def test_memory_is_canonical_and_at_least_what_was_asked_for(text: str) -> None:
    stored = stored_memory(text)
    assert canonical(stored) == stored
    assert amount_of(stored) == math.ceil(amount_of(text))


@given(amounts_of_cpu)
def test_cpu_is_canonical_and_rounded_up_to_a_thousandth(text: str) -> None:
    stored = cpu_quantity(cpu_cores(text))
    assert canonical(stored) == stored
    assert amount_of(stored) == Fraction(math.ceil(amount_of(text) * 1000), 1000)


@given(st.integers(0, 2**60))
def test_bytes_are_canonical_and_exact(amount_bytes: int) -> None:
    stored = memory_quantity(amount_bytes)
    assert canonical(stored) == stored
    assert amount_of(stored) == amount_bytes
