"""Latency of late, for the page: the last turns and steps, without a Prometheus."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from antiphon_crds.stages import Stage
from antiphon_runtime.batching.observing import Batch, Dropped
from antiphon_runtime.stages.loading import StageObserver
from antiphon_runtime.turns.timeline import Timeline
from antiphon_runtime.voice.listener import Nobody, TurnResult

_KEPT = 200


class Recent:
    """The last values of one thing."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=_KEPT)

    def add(self, seconds: float) -> None:
        self._seconds.append(seconds)

    def as_json(self) -> dict[str, Any]:
        ordered = sorted(self._seconds)
        return {"p50_ms": _at(ordered, 0.5), "p95_ms": _at(ordered, 0.95), "samples": len(ordered)}


class RecentTurns(Nobody):
    """A listener that keeps what the user waited for."""

    def __init__(self) -> None:
        self.turns = Recent()

    def turn(self, timeline: Timeline, result: TurnResult) -> None:
        waited = timeline.metrics().get("turn_e2e")
        if waited is not None and result != "failed":
            self.turns.add(waited)


class RecentSteps:
    """An observer that keeps what an item of each stage took, waiting included, and passes all on."""

    def __init__(self, stage: Stage, to: StageObserver, steps: dict[Stage, Recent]) -> None:
        self._to = to
        self._recent = steps[stage] = Recent()

    def on_batch(self, batch: Batch) -> None:
        waits = batch.waits_seconds
        self._recent.add(batch.seconds + (sum(waits) / len(waits) if waits else 0.0))
        self._to.on_batch(batch)

    def on_dropped(self, why: Dropped) -> None:
        self._to.on_dropped(why)

    def follow(self, queued: Callable[[], int], cap: Callable[[], int]) -> None:
        self._to.follow(queued, cap)


def _at(ordered: Sequence[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)] * 1000, 1)
