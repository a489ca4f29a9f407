"""What a story tells of the order in which the loop acted."""

from __future__ import annotations

from typing import Any

from loop_story import firsts


def sample(at: float, cap: int = 2, variant: str = "better", wanted: int = 1, ready: int = 1) -> dict[str, Any]:
    return {"at": at, "caps": {"asr": cap}, "variants": {"asr": variant}, "wanted": wanted, "ready": ready}


def test_what_came_first_counts_from_the_rise_of_the_load() -> None:
    told = [
        sample(1, cap=32),
        sample(10),
        sample(20, cap=8),
        sample(30, cap=8, wanted=2),
        sample(35, cap=8, variant="quicker", wanted=2),
        sample(40, cap=8, variant="quicker", wanted=2, ready=2),
    ]
    assert firsts(told, 9) == {"batches": 20, "replicas": 30, "variant": 35, "serving": 40}


def test_what_never_came_is_missing() -> None:
    assert firsts([sample(10), sample(20, cap=1)], 9) == {}
    assert firsts([], 9) == {}
