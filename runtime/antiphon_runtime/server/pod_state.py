"""What `GET /control/v1/state` tells."""

from __future__ import annotations

from antiphon_crds.control import Device, StageState, State
from antiphon_runtime.server.pod import Pod
from antiphon_runtime.stages.cast import Part


def state_of(pod: Pod, device: Device) -> State:
    tuner = pod.tuner
    return State(
        generation=tuner.applied_generation,
        pending_generation=tuner.pending_generation,
        phase=pod.phase,
        message=(pod.message or tuner.message)[:2048],
        sessions=pod.sessions.counts(),
        capacity=pod.admission.capacity,
        stages=[state for part in pod.stages if (state := _stage_state(part)) is not None],
        features=tuner.features,
        device=device,
    )


def _stage_state(part: Part) -> StageState | None:
    """None: nothing is loaded just now."""
    working = part.served.current
    if working is None:
        return None
    return StageState(
        stage=part.config.stage,
        model=part.served.model,
        variant=working.variant.name,
        engine=working.variant.engine,
        emulated=working.engine.emulated,
        switching_to=part.served.switching_to,
        max_batch=working.cap,
        max_wait_ms=round(working.limits.max_wait_seconds * 1000),
        queued=working.queued,
        memory_bytes=working.memory_bytes,
    )
