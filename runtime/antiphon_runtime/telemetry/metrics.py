"""All metrics of the runtime, told in its own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from itertools import product
from typing import Literal, get_args

from antiphon_crds.control import SessionCounts
from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.machine.devices import GpuReading
from antiphon_runtime.telemetry.instruments import Instruments
from antiphon_runtime.telemetry.labels import RejectionReason, Runs, SessionEnd, SwitchMode, emulated_label
from antiphon_runtime.telemetry.stage_metrics import StageMetrics
from antiphon_runtime.turns.timeline import Timeline
from antiphon_runtime.voice.listener import InterruptionKind, TurnResult

_OVERHEAD = "overhead"
"""Of turns and of results in one histogram: an agent has the ones or the others."""
_STAGE_OF_PART: tuple[tuple[str, Stage], ...] = (("llm_", "llm"), ("tts_", "tts"))


class Metrics:
    """Has its own registry, so that there may be several. It is a Listener of sessions, and makes observers of batchers.

    No label is ever made of what a client sent.
    """

    def __init__(self) -> None:
        self._instruments = Instruments()
        self._engines: dict[Runs, str] = {}
        """Of every variant that is loaded; the last one of a stage serves its new turns."""
        self._loads: Counter[Runs] = Counter()
        self.ready(False)
        self._zero("turns_total", get_args(TurnResult))
        self._zero("interruptions_total", get_args(InterruptionKind))
        self._zero("sessions_ended_total", get_args(SessionEnd))
        self._zero("sessions_rejected_total", get_args(RejectionReason))
        self._zero("spoken_answers_total", ("smooth", "underrun"))
        self._zero("phrase_cache_total", ("hit", "miss"))
        self._zero("speculation_total", ("asr", "llm"), ("used", "discarded"))

    # --- turns -----------------------------------------------------------------------------------------------------

    def turn(self, timeline: Timeline, result: TurnResult, ran: Iterable[Runs] = ()) -> None:
        """A turn is over. `ran`: the variants that made it; a stage that is not among them had the one in force."""
        self._instruments.counter("turns_total").labels(result).inc()
        runs = self._in_force() | {each.stage: each for each in ran}
        emulated = emulated_label(any(each.emulated == "true" for each in runs.values()))
        for name, seconds in timeline.metrics().items():
            self._turn_part(name, seconds, runs, emulated)

    def interrupted(self, kind: InterruptionKind) -> None:
        self._instruments.counter("interruptions_total").labels(kind).inc()

    def speculated(self, stage: Literal["asr", "llm"], used: bool) -> None:
        self._instruments.counter("speculation_total").labels(stage, "used" if used else "discarded").inc()

    def phrase(self, hit: bool) -> None:
        self._instruments.counter("phrase_cache_total").labels("hit" if hit else "miss").inc()

    def spoke(self, underruns: int) -> None:
        """An answer's audio was sent."""
        self._instruments.counter("spoken_answers_total").labels("underrun" if underruns else "smooth").inc()
        self._instruments.counter("audio_underrun_total").inc(underruns)

    def lipsync_frames(self, due: int, missed: int) -> None:
        self._instruments.counter("lipsync_frames_total").inc(due)
        self._instruments.counter("lipsync_frame_miss_total").inc(missed)

    # --- sessions --------------------------------------------------------------------------------------------------

    def session_started(self, seconds: float) -> None:
        """It took so long from the client's connecting to its being ready."""
        self._instruments.histogram("session_start_seconds").observe(seconds)

    def session_ended(self, end: SessionEnd) -> None:
        self._instruments.counter("sessions_ended_total").labels(end).inc()

    def session_rejected(self, reason: RejectionReason) -> None:
        self._instruments.counter("sessions_rejected_total").labels(reason).inc()

    def sessions(self, counts: SessionCounts) -> None:
        gauge = self._instruments.gauge("sessions")
        for state in SessionCounts.model_fields:
            gauge.labels(state).set(getattr(counts, state))

    def capacity(self, sessions: int) -> None:
        self._instruments.gauge("session_capacity").set(sessions)

    # --- stages ----------------------------------------------------------------------------------------------------

    def observer(self, stage: Stage, model: str, variant: Variant, emulated: bool) -> StageMetrics:
        """For a variant that serves the stage's new turns from now on. What served this model's before finishes."""
        runs = Runs(stage, model, variant.name, emulated_label(emulated))
        self._loads[runs] += 1
        self._finishing(stage, model)
        self._engines.pop(runs, None)
        self._engines[runs] = variant.engine
        self._info(runs, 1)
        return StageMetrics(self._instruments, runs)

    def forget(self, runs: Runs) -> None:
        """It is unloaded: its series end, unless it was loaded again meanwhile."""
        self._loads[runs] -= 1
        if self._loads[runs] <= 0:
            del self._loads[runs]
            self._engines.pop(runs, None)
            self._instruments.remove(**runs._asdict())

    def switched(self, stage: Stage, mode: SwitchMode, seconds: float) -> None:
        self._instruments.histogram("variant_switch_seconds").labels(stage, mode).observe(seconds)

    # --- machine ---------------------------------------------------------------------------------------------------

    def ready(self, ready: bool) -> None:
        self._instruments.gauge("ready").set(ready)

    def loop_lag(self, seconds: float) -> None:
        self._instruments.histogram("event_loop_lag_seconds").observe(seconds)

    def gpu(self, reading: GpuReading) -> None:
        labels = (reading.facts.uuid, reading.facts.name, reading.facts.profile or "")
        self._gauge_or_nothing("gpu_memory_used_bytes", labels, reading.memory_used_bytes)
        self._gauge_or_nothing("gpu_memory_total_bytes", labels, reading.facts.memory_total_bytes)
        self._gauge_or_nothing("gpu_utilisation_ratio", labels, reading.utilisation_ratio)
        self._gauge_or_nothing("gpu_temperature_celsius", labels, reading.temperature_celsius)

    # --- scraping --------------------------------------------------------------------------------------------------

    def exposition(self, accept: str | None = None) -> tuple[bytes, str]:
        """Body and content type of a scrape; `accept` as the request's header says."""
        return self._instruments.exposition(accept)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _turn_part(self, name: str, seconds: float, runs: dict[Stage, Runs], emulated: str) -> None:
        histogram = self._instruments.histogram(f"{_OVERHEAD if name.endswith(_OVERHEAD) else name}_seconds")
        stage = next((stage for prefix, stage in _STAGE_OF_PART if name.startswith(prefix)), None)
        if name.startswith(("turn_", "result")):
            histogram.labels(emulated).observe(seconds)
        elif stage is None:
            histogram.observe(seconds)
        elif stage in runs:
            histogram.labels(*runs[stage]).observe(seconds)

    def _in_force(self) -> dict[Stage, Runs]:
        return {runs.stage: runs for runs in self._engines}

    def _finishing(self, stage: Stage, model: str) -> None:
        for runs in self._engines:
            if (runs.stage, runs.model) == (stage, model):
                self._info(runs, 0)

    def _info(self, runs: Runs, in_force: int) -> None:
        labels = (runs.stage, runs.model, runs.variant, self._engines[runs], runs.emulated)
        self._instruments.gauge("variant_info").labels(*labels).set(in_force)

    def _gauge_or_nothing(self, name: str, labels: tuple[str, ...], value: float | None) -> None:
        """What can't be read any more is missing, not what it was."""
        if value is None:
            self._instruments.unset(name, labels)
        else:
            self._instruments.gauge(name).labels(*labels).set(value)

    def _zero(self, counter: str, *words: Collection[str]) -> None:
        """A series that is there from the start shows its first increment as one."""
        for values in product(*words):
            self._instruments.counter(counter).labels(*values)
