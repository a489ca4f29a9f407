"""The control API between operator and runtime: `PUT /control/v1/tuning`, `GET /control/v1/state`.

A tuning is the whole of what is wanted, not a change. It carries a generation: the same generation again changes
nothing, an older one is refused with `StaleGeneration`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListMap
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import ItemName, ShortText
from antiphon_crds.stages import Stage

_Count = Annotated[int, Field(ge=0)]
_Message = Annotated[str, Field(max_length=2048)]


class StageTuning(Contract):
    """What one stage is wanted to run with. What is left out stays as the configuration says."""

    stage: Stage
    """The stage."""
    variant: ItemName | None = None
    """Variant to switch to, without losing a session."""
    max_batch: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Most items in one batch."""
    max_wait_ms: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Longest an item is held back so that a batch fills, in milliseconds."""
    workers: Annotated[int, Field(ge=1, le=64)] | None = None
    """Workers of the stage."""
    max_queue: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Most items waiting."""


class Features(Contract):
    """Features that are switched by load. What is left out stays as the configuration says."""

    speculative_asr: bool | None = None
    """Start recognition on a pause."""
    speculative_llm: bool | None = None
    """Start the answer on a stable interim transcript."""
    semantic_vad: bool | None = None
    """Judge the end of a turn also by what was said."""
    diarization: bool | None = None
    """Tell speakers apart."""
    beam_size: Annotated[int, Field(ge=1, le=16)] | None = None
    """Beams of the recognition."""
    vad_filter: bool | None = None
    """Leave out silence inside an utterance before it is recognised."""
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] | None = None
    """JPEG quality of video frames."""
    frames_per_second: Annotated[int, Field(ge=1, le=120)] | None = None
    """Video frames a second."""


class Tuning(Contract):
    """What the operator wants of a pod, as a whole."""

    generation: Annotated[int, Field(ge=0, le=2**53)]
    """Counts the tunings of an agent's placement group; more is newer."""
    stages: Annotated[list[StageTuning], Field(max_length=7), ListMap("stage")] = []
    """Stages to be tuned."""
    features: Features = Features()
    """Features to be switched."""
    max_sessions: Annotated[int, Field(ge=0, le=10000)] | None = None
    """Most sessions admitted; 0 admits none. Default: what the pod measured."""


class StageState(Contract):
    """What one stage runs with."""

    stage: Stage
    """The stage."""
    model: ShortText
    """The VoiceModel."""
    variant: ItemName
    """Variant that serves new turns."""
    engine: ShortText
    """Engine that runs it."""
    emulated: bool = False
    """Whether the stage is emulated; then its answers and times are made up from a profile."""
    switching_to: ItemName | None = None
    """Variant that is being loaded."""
    max_batch: Annotated[int, Field(ge=1)]
    """Cap of the batch in force."""
    max_wait_ms: _Count = 0
    """Longest an item is held back."""
    queued: _Count = 0
    """Items waiting now."""
    memory_bytes: _Count | None = None
    """Memory that it takes. Left out: unknown."""


class SessionCounts(Contract):
    """Live sessions by what they do."""

    idle: _Count = 0
    """Connected, neither side speaks."""
    listening: _Count = 0
    """The user speaks."""
    speaking: _Count = 0
    """The agent works or speaks."""
    resumable: _Count = 0
    """Connection lost, kept for its client to come back."""


class Device(Contract):
    """The accelerator that the pod runs on, and where it is pinned."""

    kind: Literal["cpu", "gpu", "mig"]
    """CPU, a whole GPU or a MIG partition."""
    name: ShortText
    """Product name."""
    profile: ShortText | None = None
    """MIG profile."""
    memory_total_bytes: _Count | None = None
    """Memory of the device."""
    memory_used_bytes: _Count | None = None
    """Memory in use."""
    temperature_celsius: Annotated[float, Field(ge=-50, le=200)] | None = None
    """Temperature. Left out: unknown."""
    numa_node: Annotated[int, Field(ge=0)] | None = None
    """NUMA node that the process is pinned to."""
    pinning: ShortText = ""
    """What was pinned, or why nothing was."""


class State(Contract):
    """What a pod runs with and carries now."""

    generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the tuning that is wholly applied; 0 for the configuration alone."""
    pending_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation that is being applied."""
    phase: Literal["Starting", "Ready", "Draining", "Failed"]
    """Starting until warmed up and measured; Draining refuses new sessions."""
    message: _Message = ""
    """Why it is not Ready, or what of the last tuning failed."""
    sessions: SessionCounts = SessionCounts()
    """Live sessions."""
    capacity: _Count | None = None
    """Sessions that it can hold, as measured at start-up and bounded by tuning. Left out: not measured yet."""
    stages: Annotated[list[StageState], Field(max_length=7), ListMap("stage")] = []
    """What each stage runs with."""
    features: Features = Features()
    """Features in force."""
    device: Device | None = None
    """What it runs on."""

    rules = (
        Rule(
            "self.phase != 'Ready' || has(self.capacity)",
            "phase is {self.phase} and capacity is missing; a pod is Ready once it has measured it",
            "capacity",
        ),
        Rule(
            "!has(self.pendingGeneration) || self.pendingGeneration > self.generation",
            "pendingGeneration is {self.pendingGeneration}; it must be above generation, {self.generation}",
            "pendingGeneration",
        ),
    )


class TuningResult(Contract):
    """Answer to a tuning."""

    accepted: bool
    """Whether it is being applied, or was already."""
    generation: Annotated[int, Field(ge=0)]
    """Generation that is now wanted."""
    reason: Literal["Applying", "Applied", "StaleGeneration", "UnknownVariant", "NoMemory", "Draining", "Invalid"]
    """Why, as one word for programs."""
    message: _Message = ""
    """Why, as a sentence."""
