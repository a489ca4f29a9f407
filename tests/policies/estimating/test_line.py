from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.estimating.line import Line

_points = st.lists(st.tuples(st.floats(1, 32), st.floats(1, 1000), st.floats(0.1, 100)), min_size=1, max_size=20)


@given(points=_points, reference=st.floats(1, 32))
def test_it_is_the_same_line_from_wherever_it_is_told(
    points: list[tuple[float, float, float]], reference: float
) -> None:
    here = Line(1.0, 100.0, 10.0, 400.0, 25.0)
    there = here.moved(reference)
    for size, took, variance in points:
        here, there = here.learned(size, took, variance), there.learned(size, took, variance)
    for size in (1.0, 5.0, 32.0):
        assert there.mean_ms(size) == pytest.approx(here.mean_ms(size), rel=1e-5, abs=1e-3)
        assert there.variance(size) == pytest.approx(here.variance(size), rel=1e-4, abs=1e-4)


def test_it_finds_what_least_squares_find() -> None:
    rng = np.random.default_rng(1)
    sizes = rng.uniform(1, 10, 200)
    times = 50 + 7 * sizes + rng.standard_normal(200)
    line = Line(1.0, 1.0, 1.0, 1e9, 1e9)
    for size, took in zip(sizes, times, strict=True):
        line = line.learned(float(size), float(took), 1.0)
    slope, alpha = np.polyfit(sizes, times, 1)
    assert (line.slope_ms, line.mean_ms(0.0)) == pytest.approx((slope, alpha), rel=1e-3)


@given(level=st.floats(-10, 1000), slope=st.floats(-100, 100), least=st.floats(0, 10), reference=st.floats(1, 64))
def test_bounded_it_is_possible_and_as_it_was_at_the_size_that_is_seen(
    level: float, slope: float, least: float, reference: float
) -> None:
    bounded = Line(reference, level, slope, 1.0, 1.0).bounded(least)
    assert bounded.mean_ms(0.0) >= -1e-9 * max(1.0, abs(level))
    assert bounded.slope_ms >= min(least, bounded.level_ms / reference)
    assert bounded.level_ms == max(level, 1e-6)
