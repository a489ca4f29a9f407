"""Observations put together by hand, for controllers that are looked at without a world."""

from __future__ import annotations

from collections.abc import Sequence

from antiphon_crds.stages import Stage
from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.seeing.observation import Measured, Observation, PodSeen, StageSeen, StageWork

_STEP_MS = 10.0


def seen_pods(
    at: float,
    utilisations: Sequence[float | None] = (),
    *,
    starting: int = 0,
    queued: int | None = None,
    sessions: int | None = 10,
    p95_ms: float | None = None,
    turns_per_second: float | None = None,
    work: Sequence[StageWork] = (),
) -> Observation:
    """One ready pod for each utilisation, each with as many waiting calls, and pods that start."""
    stages: dict[Stage, StageSeen] = {"asr": StageSeen("large-fp16", 16, queued)}
    pods = [
        PodSeen(f"ready-{number}", "main", True, sessions=sessions, capacity=64, stages=stages, gpu_utilisation=used)
        for number, used in enumerate(utilisations)
    ]
    pods += [PodSeen(f"starting-{number}", "main", False) for number in range(starting)]
    return Observation(
        at,
        "simulator",
        tuple(pods),
        replicas={"main": len(pods)},
        recent=None if p95_ms is None else Measured(0.0, durations_with_p95(p95_ms)),
        turns_per_second=turns_per_second,
        work=tuple(work),
    )


def durations_with_p95(p95_ms: float) -> Distribution:
    """All in one bucket of 10 ms, whose 95th percentile it is."""
    lower = p95_ms - 0.95 * _STEP_MS
    return Distribution((lower, lower + _STEP_MS, float("inf")), (0.0, 100.0, 0.0), 100 * p95_ms)
