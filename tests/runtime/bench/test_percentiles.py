from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_runtime.bench.percentiles import json_of, percentile, summary

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200)


@given(VALUES, st.floats(0, 1))
def test_a_percentile_is_numpys(values: list[float], share: float) -> None:
    assert percentile(sorted(values), share) == pytest.approx(float(np.quantile(values, share)), abs=1e-6)


@given(VALUES)
def test_a_summary_is_in_order(values: list[float]) -> None:
    found = summary(values)
    assert found is not None
    assert found.count == len(values)
    assert found.least <= found.p50 <= found.p95 <= found.p99 <= found.most
    assert found.least <= found.mean <= found.most


def test_of_nothing_there_is_no_summary() -> None:
    assert summary([]) is None
    assert json_of(None) is None


def test_json_has_the_words_that_scripts_ask_for() -> None:
    found = json_of(summary([1.0, 2.0, 3.0]))
    assert found == {"count": 3, "mean": 2.0, "p50": 2.0, "p95": 2.9, "p99": 2.98, "min": 1.0, "max": 3.0}
