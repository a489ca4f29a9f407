from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from compared_traces import AZURE_SESSIONS, GENERATED, HIGH, azure, azure_from

SECONDS = 3600.0


@pytest.mark.parametrize("name", GENERATED)
def test_a_trace_is_the_seeds_alone_and_has_the_load_that_it_says(name: str) -> None:
    one, same, other = (GENERATED[name].make(SECONDS, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.starts, same.starts)
    assert not np.array_equal(one.starts, other.starts)
    live = one.live(np.arange(0.0, SECONDS, 10.0))
    assert HIGH / 3 < live.max() < HIGH * 1.6
    assert live.min() < HIGH / 3


def test_requests_of_the_csv_become_calls() -> None:
    rows = "\n".join(
        f"2023-11-16 18:{minute:02}:{second:02}.0000000,374,44" for minute in range(60) for second in range(60)
    )
    trace = azure(f"TIMESTAMP,ContextTokens,GeneratedTokens\n{rows}\n").make(SECONDS, np.random.default_rng(1))
    live = trace.live(np.arange(600.0, SECONDS, 10.0))
    assert abs(live.mean() - AZURE_SESSIONS) < 0.25 * AZURE_SESSIONS


def test_without_the_file_there_is_no_azure(tmp_path: Path) -> None:
    assert azure_from(tmp_path / "none.csv") is None
