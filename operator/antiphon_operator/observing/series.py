"""Which of the runtime's metrics the loop reads, and which indicator is made of which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from antiphon_crds.stages import Indicator, Stage

What = Literal[
    "turn", "response", "result", "overhead", "stage", "bargeIn", "sessionStart",
    "sessions", "rejected", "ended", "turns", "answers", "frames", "missedFrames",
    "batches", "steps", "waits",
]  # fmt: skip
Kind = Literal["histogram", "sums", "counter"]
"""`sums`: a histogram of which only `_sum` and `_count` are read."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    what: What
    metric: str
    kind: Kind
    keeps: tuple[str, ...] = ()
    """Labels by which it is told apart."""
    adds_up: tuple[str, ...] = ()
    """Its other labels, over which it is added up."""


FAMILIES: tuple[Family, ...] = (
    Family("turn", "antiphon_turn_e2e_seconds", "histogram", (), ("emulated",)),
    Family("response", "antiphon_turn_response_seconds", "histogram", (), ("emulated",)),
    Family("result", "antiphon_result_seconds", "histogram", (), ("emulated",)),
    Family("overhead", "antiphon_overhead_seconds", "histogram", (), ("emulated",)),
    Family("stage", "antiphon_stage_seconds", "histogram", ("stage",), ("model", "variant", "emulated")),
    Family("bargeIn", "antiphon_barge_in_stop_seconds", "histogram"),
    Family("sessionStart", "antiphon_session_start_seconds", "histogram"),
    Family("sessions", "antiphon_session_start_seconds_count", "counter"),
    Family("rejected", "antiphon_sessions_rejected_total", "counter", (), ("reason",)),
    Family("ended", "antiphon_sessions_ended_total", "counter", ("end",)),
    Family("turns", "antiphon_turns_total", "counter", ("result",)),
    Family("answers", "antiphon_spoken_answers_total", "counter", ("result",)),
    Family("frames", "antiphon_lipsync_frames_total", "counter"),
    Family("missedFrames", "antiphon_lipsync_frame_miss_total", "counter"),
    Family("batches", "antiphon_batch_size", "sums", ("stage", "variant"), ("model", "emulated")),
    Family("steps", "antiphon_step_duration_seconds", "sums", ("stage", "variant"), ("model", "emulated")),
    Family("waits", "antiphon_batch_wait_seconds", "sums", ("stage", "variant"), ("model", "emulated")),
)
FAMILY: Mapping[What, Family] = {family.what: family for family in FAMILIES}

DURATIONS: Mapping[Indicator, What] = {
    "turn": "turn",
    "mouthToEar": "turn",
    "response": "response",
    "result": "result",
    "overhead": "overhead",
    "stage": "stage",
    "bargeIn": "bargeIn",
    "sessionStart": "sessionStart",
}
"""Indicators of latency, and the histogram that has them."""
UNMEASURED: frozenset[Indicator] = frozenset({"frameRate", "recovery"})
"""Indicators of which the runtime has no metric; recovery is judged from the other objectives."""


@dataclass(frozen=True, slots=True)
class RatioOf:
    """A part of a whole, both counted."""

    part: What
    whole: tuple[What, ...]
    """Added up."""
    values: frozenset[str] = frozenset()
    """Of the part's label, those that count. Empty: all."""


RATIOS: Mapping[Indicator, RatioOf] = {
    "rejectedSessions": RatioOf("rejected", ("rejected", "sessions")),
    "droppedSessions": RatioOf("ended", ("ended",), frozenset({"lost", "drained", "failed"})),
    "failedTurns": RatioOf("turns", ("turns",), frozenset({"failed"})),
    "audioUnderruns": RatioOf("answers", ("answers",), frozenset({"underrun"})),
    "missedFrames": RatioOf("missedFrames", ("frames",)),
}
WORK: tuple[What, ...] = ("batches", "steps", "waits")
RATES: tuple[What, ...] = ("sessions", "rejected", "turns")


class Need(NamedTuple):
    """What has to be read for something."""

    what: What
    stage: str = ""
    """Empty: of all stages, where it is told by stage."""


def needed(indicator: Indicator, stage: Stage | None = None) -> frozenset[Need]:
    """Nothing where it is not measured."""
    if indicator in DURATIONS:
        return frozenset({Need(DURATIONS[indicator], stage or "")})
    ratio = RATIOS.get(indicator)
    return frozenset(map(Need, (ratio.part, *ratio.whole))) if ratio is not None else frozenset()


class SeriesKey(NamedTuple):
    """One series of an agent, added up over its pods."""

    what: What
    labels: tuple[str, ...]
    """Values of the labels that its family keeps."""
    bounds: tuple[float, ...] = ()
    """Of a histogram: upper bounds of its buckets in seconds, ascending, the last one infinity."""


Vector = tuple[float, ...]
"""Of a histogram: its cumulative buckets and then the sum. Of sums: count and sum. Of a counter: its value."""
