"""Every metric of the runtime: what is not in this table can't be told, and what is in it is documented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

PREFIX = "antiphon_"
Kind: TypeAlias = Literal["histogram", "counter", "gauge"]

TURN_BUCKETS = (
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0,
    1.25, 1.5, 2.0, 3.0, 5.0, 10.0,
)  # fmt: skip
"""Up to a second as fine as targets are set: a percentile is known to 50 ms or better."""
STAGE_BUCKETS = (
    0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.0,
)  # fmt: skip
SIZE_BUCKETS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
SWITCH_BUCKETS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""As fine as 20 ms of audio need it: a loop later than that is heard."""

_RUNS = ("stage", "model", "variant", "emulated")
_GPU = ("gpu", "name", "profile")


@dataclass(frozen=True, slots=True)
class MetricFact:
    """One metric."""

    name: str
    """With prefix and unit, as it is scraped; a histogram's without `_bucket`, `_sum` and `_count`."""
    kind: Kind
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram's buckets, in the metric's unit; the last one, +Inf, is left out."""


def _seconds(name: str, help: str, *labels: str, buckets: tuple[float, ...] = STAGE_BUCKETS) -> MetricFact:  # noqa: A002
    return MetricFact(f"{PREFIX}{name}_seconds", "histogram", labels, help, buckets)


def _total(name: str, help: str, *labels: str) -> MetricFact:  # noqa: A002
    return MetricFact(f"{PREFIX}{name}_total", "counter", labels, help)


def _now(name: str, help: str, *labels: str) -> MetricFact:  # noqa: A002
    return MetricFact(f"{PREFIX}{name}", "gauge", labels, help)


_TURNS = (
    _seconds(
        "turn_e2e",
        "From the user's last speech to the first audio of the answer that can be heard.",
        "emulated",
        buckets=TURN_BUCKETS,
    ),
    _seconds(
        "turn_response",
        "From the decision that the user's turn is over to the first audio of the answer that can be heard.",
        "emulated",
        buckets=TURN_BUCKETS,
    ),
    _seconds(
        "result",
        "Of an agent that only listens: from the end of a turn's audio to its words sent, and its speakers where they are"
        " told apart.",
        "emulated",
    ),
    _seconds(
        "overhead",
        "Time from the decision that the turn is over to the first audio, or to the result sent, in which no model was"
        " waited for. Waiting for a place in a model's batch is waiting for the model.",
        "emulated",
        buckets=LAG_BUCKETS,
    ),
    _seconds("turn_transcription_delay", "From the user's last speech to the final transcript.", "emulated"),
    _seconds("turn_eou_delay", "From the user's last speech to the decision that the turn is over.", "emulated"),
    _seconds("llm_ttft", "From asking the model for the answer to its first token.", *_RUNS),
    _seconds("llm_first_sentence", "From asking the model for the answer to its first clause.", *_RUNS),
    _seconds("tts_ttfb", "From asking the voice for the first clause to its first piece of audio.", *_RUNS),
    _seconds("tts_ttfa", "As tts_ttfb, and the silence with which the audio begins.", *_RUNS),
    _seconds("barge_in_stop", "From the user's speaking over the agent to the last audio of it that was sent."),
    _total("turns", "Turns that are over; those without an answer count too.", "result"),
    _total("interruptions", "Times the user spoke over the agent, by what became of it.", "kind"),
    _total("speculation", "Work that was begun before it was known to be wanted.", "stage", "result"),
    _total("phrase_cache", "Clauses to be spoken that were looked up in the phrase cache.", "result"),
    _total("spoken_answers", "Answers of which audio was sent; the whole that audio_underrun is a part of.", "result"),
    _total("audio_underrun", "Times a client had played all its audio while more of the answer was to come."),
    _total("lipsync_frames", "Video frames that were due."),
    _total("lipsync_frame_miss", "Video frames that were not there when they were due."),
)
_SESSIONS = (
    _seconds("session_start", "From a client's connecting to its session's being ready."),
    _now("sessions", "Live sessions, by what they do.", "state"),
    _now("session_capacity", "Sessions that the pod can hold. Missing until it is measured."),
    _total("sessions_ended", "Sessions that ended.", "end"),
    _total("sessions_rejected", "Sessions that were refused at once.", "reason"),
)
_STAGES = (
    MetricFact(
        f"{PREFIX}batch_size",
        "histogram",
        _RUNS,
        "Items computed at once: a batch, or the slots of a tick.",
        SIZE_BUCKETS,
    ),
    _seconds(
        "batch_wait", "From an item's submission to the start of its batch; of a tick, how late it began.", *_RUNS
    ),
    _seconds("step_duration", "Time to compute a batch or a tick; one that failed is left out.", *_RUNS),
    _seconds(
        "stage",
        "From an item's submission to its result, or to the first piece of it; of a tick, how late it ended. What failed"
        " or was dropped is left out, partial results are not.",
        *_RUNS,
    ),
    _total("batches", "Batches by how they ended.", *_RUNS, "end"),
    _total("work_dropped", "Items that ended without being computed.", *_RUNS, "why"),
    _total("tick_overrun", "Ticks that took longer than their period.", *_RUNS),
    _total("tick_skipped", "Ticks left out because they were too late to be made up for.", *_RUNS),
    _now("queued", "Items waiting.", *_RUNS),
    _now("batch_cap", "Most items of the next batch.", *_RUNS),
    _now(
        "variant_info",
        "1: new turns get this variant. 0: it finishes what it began.",
        "stage",
        "model",
        "variant",
        "engine",
        "emulated",
    ),
    _seconds(
        "variant_switch",
        "From the wish for another variant to its serving new turns.",
        "stage",
        "mode",
        buckets=SWITCH_BUCKETS,
    ),
)
_MACHINE = (
    _now("ready", "1: new sessions are taken."),
    _seconds("event_loop_lag", "How late the event loop does what is due.", buckets=LAG_BUCKETS),
    _now("gpu_memory_used_bytes", "Memory of the GPU or MIG partition in use.", *_GPU),
    _now("gpu_memory_total_bytes", "Memory of the GPU or MIG partition.", *_GPU),
    _now("gpu_utilisation_ratio", "Share of time in which the GPU computed. Missing for a MIG partition.", *_GPU),
    _now("gpu_temperature_celsius", "Temperature of the GPU.", *_GPU),
)
_FACTS = (*_TURNS, *_SESSIONS, *_STAGES, *_MACHINE)


def reference() -> list[MetricFact]:
    """All metrics, in the order in which people read of them."""
    return list(_FACTS)
