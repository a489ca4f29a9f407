from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.judging.chances import at_least, evidently_missed


@given(samples=st.integers(0, 200), misses=st.integers(0, 210), share=st.floats(0, 1))
def test_it_is_the_tail_of_the_binomial(samples: int, misses: int, share: float) -> None:
    tail = sum(math.comb(samples, k) * share**k * (1 - share) ** (samples - k) for k in range(misses, samples + 1))
    assert at_least(misses, samples, share) == pytest.approx(tail if misses else 1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("misses", "samples", "evident"), [(0, 10, False), (1, 10, False), (2, 5, True), (3, 40, False)]
)
def test_what_is_evident_of_a_p95(misses: float, samples: float, evident: bool) -> None:
    assert evidently_missed(misses, samples, 0.05) == evident
