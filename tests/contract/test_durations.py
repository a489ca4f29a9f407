from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.durations import parse_cpu_cores, parse_duration_seconds, parse_quantity_bytes


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("1.5h", 5400), ("0s", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "900", "s", "1d", "-1s", "1 s", "1s\n", "1e3s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration; write it like"):
        parse_duration_seconds(text)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 999))
def test_parts_of_a_duration_add_up(minutes: int, seconds: int, milliseconds: int) -> None:
    parsed = parse_duration_seconds(f"{minutes}m{seconds}s{milliseconds}ms")
    assert parsed == pytest.approx(minutes * 60 + seconds + milliseconds / 1000)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("20Gi", 20 * 2**30), ("1.5Mi", 3 * 2**19), ("2k", 2000), ("3T", 3 * 10**12)]
)
def test_quantities(text: str, size: int) -> None:
    assert parse_quantity_bytes(text) == size


@pytest.mark.parametrize("text", ["", "0Gi", "20GB", "Gi", "-1Gi", "1 Gi", "1e3"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity of memory"):
        parse_quantity_bytes(text)


@pytest.mark.parametrize(("text", "cores"), [("500m", 0.5), ("2", 2.0), ("1.5", 1.5), ("0.25", 0.25)])
def test_cpu(text: str, cores: float) -> None:
    assert parse_cpu_cores(text) == cores


@pytest.mark.parametrize("text", ["", "0", "0m", "0.0", "m", "2 cores"])
def test_what_is_no_cpu(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity of CPU"):
        parse_cpu_cores(text)
