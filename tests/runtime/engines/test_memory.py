"""What an engine takes it gives back: a second load, after the first was closed, ends where the first did."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_models import engine

_STATUS = Path("/proc/self/status")


def _resident_mib() -> float:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the system does not tell")


@pytest.mark.skipif(not _STATUS.exists(), reason="the system does not tell how much memory is resident")
@pytest.mark.parametrize(
    ("model", "variant", "weights_mib"),
    [
        ("whisper-cpu", "tiny.en-int8", 40),
        ("smollm2", "135m-q4", 94),
        ("hibari", "heart-int8", 30),
        ("ge2e", "fp32", 6),
    ],
)
def test_closing_gives_the_memory_back(model: str, variant: str, weights_mib: float) -> None:
    closed = []
    for _ in range(3):
        with engine(model, variant):
            loaded = _resident_mib()
        closed.append(_resident_mib())
        assert loaded - closed[-1] > 0.8 * weights_mib
    assert closed[-1] - closed[0] < 0.25 * weights_mib + 4
