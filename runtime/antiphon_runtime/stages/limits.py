"""The limits of a stage's queue: configuration, then load, then tuning, within what the engine can do."""

from __future__ import annotations

from antiphon_crds.control import StageTuning
from antiphon_crds.pipeline import LoadStep
from antiphon_crds.runtime_config import StageConfig
from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.batching.limits import Limits

_OBJECTIVE_SECONDS: dict[Stage, float] = {"vad": 0.016, "asr": 0.4, "diarization": 0.25}
"""Longest that one batch should take; the cap adapts to it. Half a frame of audio, a turn's share, half a usual step."""
_HANG_SECONDS: dict[Stage, float] = {"vad": 5.0, "asr": 30.0, "llm": 30.0, "tts": 15.0, "diarization": 15.0}
_DEFAULT_QUEUE = 1000


def limits_of(
    config: StageConfig, variant: Variant, engine_most: int, tuning: StageTuning | None = None, active_sessions: int = 0
) -> Limits:
    """`engine_most`: the largest batch that the engine takes."""
    tuned = tuning or StageTuning(stage=config.stage)
    step = load_step(config, active_sessions)
    wanted = tuned.max_batch or (step.batch if step else None) or config.batch.max or engine_most
    wait_ms = config.batch.max_wait_ms if tuned.max_wait_ms is None else tuned.max_wait_ms
    return Limits(
        max_batch=min(wanted, engine_most),
        max_wait_seconds=wait_ms / 1000,
        max_queue=tuned.max_queue or config.concurrency.max_queue or _DEFAULT_QUEUE,
        objective_seconds=None if variant.engine == "emulated" else _OBJECTIVE_SECONDS.get(config.stage),
        hang_seconds=_HANG_SECONDS.get(config.stage),
    )


def load_step(config: StageConfig, active_sessions: int) -> LoadStep | None:
    """The step in force: the first, from few sessions to many, that still holds."""
    by_load = sorted(config.load_steps, key=lambda step: (step.up_to is None, step.up_to or 0))
    return next((step for step in by_load if step.up_to is None or active_sessions <= step.up_to), None)
