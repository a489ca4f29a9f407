"""What an application team says of each stage of its pipeline."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListSet
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import Duration, ItemName, MillisecondsOrZero, ObjectName, within
from antiphon_crds.stage_options import (
    AsrOptions,
    DiarizationOptions,
    LipsyncOptions,
    LlmOptions,
    SpeechOptions,
    TtsOptions,
    VadOptions,
)
from antiphon_crds.stages import SwitchableOption


class Batch(Contract):
    """The bounds within which the control loop and the batcher choose."""

    max: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Most items in one batch. Default: the variant's measured `maxBatch`, else 1."""
    max_wait_ms: Annotated[int, Field(ge=0, le=1000)] = 0
    """Longest an item is held back so that a batch fills, in milliseconds. 0: what waits forms the next batch."""


class Concurrency(Contract):
    """How much of a pod one stage may take. What is left out is chosen from the hardware at start-up."""

    workers: Annotated[int, Field(ge=1, le=64)] | None = None
    """Workers of the stage in each pod."""
    max_queue: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Most items waiting; one more is refused with a typed error."""
    max_in_flight: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Most items being worked on at once."""
    cuda_streams: Annotated[int, Field(ge=1, le=32)] | None = None
    """CUDA streams of each worker."""
    intra_op_threads: Annotated[int, Field(ge=1, le=512)] | None = None
    """CPU threads inside one operator."""
    inter_op_threads: Annotated[int, Field(ge=1, le=512)] | None = None
    """CPU threads across operators."""


class LoadStep(Contract):
    """What the stage runs with while at most `upTo` sessions are active; switched inside the pod, within a frame."""

    up_to: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Active sessions of one pod up to which the step holds. Only the last step leaves it out: it holds above all others."""
    batch: Annotated[int, Field(ge=1, le=1024)]
    """Items in a batch."""
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] | None = None
    """JPEG quality of video frames (lipsync)."""
    frames_per_second: Annotated[int, Field(ge=1, le=120)] | None = None
    """Video frames a second (lipsync)."""
    beam_size: Annotated[int, Field(ge=1, le=16)] | None = None
    """Beams of the recognition (asr)."""


LOAD_STEPS_RULES: tuple[Rule, ...] = (
    Rule(
        "size(self.loadSteps) == 0 || !has(self.loadSteps[size(self.loadSteps) - 1].upTo)",
        "the last of the {size(self.loadSteps)} load steps has an upTo; leave it out, so that it holds above all others",
        "loadSteps",
    ),
    Rule(
        "self.loadSteps.filter(s, !has(s.upTo)).size() <= 1",
        "{self.loadSteps.filter(s, !has(s.upTo)).size()} load steps have no upTo; only the last may leave it out",
        "loadSteps",
    ),
    Rule(
        "self.loadSteps.all(s, !has(s.upTo)"
        " || self.loadSteps.filter(t, has(t.upTo) && t.upTo <= s.upTo).size()"
        " == self.loadSteps.filter(t, has(t.upTo) && t.upTo < s.upTo).size() + 1)",
        "two load steps have the same upTo; give each its own",
        "loadSteps",
    ),
)


class Trial(Contract):
    """An A/B trial: a share of the sessions runs another model, measured apart."""

    model: ObjectName
    """Name of the VoiceModel on trial, for the same stage."""
    variants: Annotated[list[ItemName], Field(max_length=16), ListSet()] = []
    """Variants of it that may run. Empty: all."""
    share: Annotated[float, Field(ge=0.001, le=0.5)]
    """Share of new sessions that take it, 0.001 to 0.5."""


class StageRun(Contract):
    """How a stage is run, wherever it is."""

    rules = LOAD_STEPS_RULES

    batch: Batch = Batch()
    """Bounds of batching."""
    concurrency: Concurrency = Concurrency()
    """Workers, queues, threads and streams."""
    load_steps: Annotated[list[LoadStep], Field(max_length=8)] = []
    """Batch and quality by active sessions, from few to many; switched in the pod without waiting for the control loop."""
    switchable: Annotated[list[SwitchableOption], Field(max_length=6), ListSet()] = []
    """Options that actuator `features` may switch by load: off or down from what `options` say, and back. Empty: none."""


class StageBase(StageRun):
    """One stage: which model, which of its variants, and how it is run."""

    model: ObjectName
    """Name of the VoiceModel that serves the stage."""
    variants: Annotated[list[ItemName], Field(max_length=16), ListSet()] = []
    """Variants of the model that the control loop may choose from. Empty: all of the model's."""
    trial: Trial | None = None
    """A model on trial beside this one."""


class VadStage(StageBase):
    """Voice activity detection and the end of a turn."""

    turn_end_model: ObjectName | None = None
    """Name of a VoiceModel of stage vad that judges, from the sound, whether a turn is over. Default: silence decides."""
    options: VadOptions = VadOptions()
    """Options of the stage."""


class AsrStage(StageBase):
    """Speech recognition."""

    options: AsrOptions = AsrOptions()
    """Options of the stage."""


class LlmStage(StageBase):
    """The language model, which may hear audio itself (an audio LLM)."""

    options: LlmOptions = LlmOptions()
    """Options of the stage."""


class TtsStage(StageBase):
    """Speech synthesis."""

    options: TtsOptions = TtsOptions()
    """Options of the stage."""


class DiarizationStage(StageBase):
    """Who spoke when."""

    options: DiarizationOptions = DiarizationOptions()
    """Options of the stage."""


class LipsyncStage(StageBase):
    """A face that moves with the speech."""

    options: LipsyncOptions = LipsyncOptions()
    """Options of the stage."""


class SpeechStage(StageBase):
    """A speech-to-speech model in place of asr, llm and tts."""

    options: SpeechOptions = SpeechOptions()
    """Options of the stage."""


class Pipeline(Contract):
    """The stages: a cascade around `llm`, one `speech` model, or listening alone (`asr`, `diarization`)."""

    vad: VadStage | None = None
    """Voice activity detection. Needed where turns are taken: with asr or llm."""
    asr: AsrStage | None = None
    """Speech recognition. Left out where the llm hears audio itself."""
    llm: LlmStage | None = None
    """Language model. Exactly one of llm and speech, unless the agent only listens."""
    tts: TtsStage | None = None
    """Speech synthesis of the llm's answer. Left out, the agent answers in text."""
    diarization: DiarizationStage | None = None
    """Speaker diarization."""
    lipsync: LipsyncStage | None = None
    """Lip-sync video of what is spoken."""
    speech: SpeechStage | None = None
    """Speech-to-speech model. Exactly one of llm and speech, unless the agent only listens."""

    rules = (
        Rule(
            "!(has(self.llm) && has(self.speech))",
            "llm '{self.llm.model}' and speech '{self.speech.model}' are both given; keep exactly one of llm and speech",
            "speech",
        ),
        Rule(
            "has(self.llm) || has(self.speech) || has(self.asr) || has(self.diarization)",
            "the pipeline has no stage that hears or answers; give exactly one of llm and speech,"
            " or asr or diarization for an agent that only listens",
        ),
        Rule(
            "!has(self.tts) || has(self.llm)",
            "tts '{self.tts.model}' has no llm whose answer it could speak; add llm or leave tts out",
            "tts",
        ),
        Rule(
            "!has(self.asr) || !has(self.speech)",
            "asr '{self.asr.model}' stands beside speech '{self.speech.model}', which hears by itself; leave asr out",
            "asr",
        ),
        Rule(
            "!has(self.lipsync) || has(self.tts) || has(self.speech)",
            "lipsync '{self.lipsync.model}' has nothing spoken to follow; add tts or speech, or leave lipsync out",
            "lipsync",
        ),
        Rule(
            "has(self.vad) || !(has(self.asr) || has(self.llm))",
            "the pipeline has no vad, so no turn of an asr or llm would end; add vad, for instance model silero-vad",
            "vad",
        ),
    )


class Audio(Contract):
    """The audio path between the client and the pipeline."""

    sample_rate_hz: Literal[8000, 16000, 24000, 48000] = 24000
    """Sample rate of the client's audio, in hertz."""
    frame_ms: Annotated[int, Field(ge=5, le=200)] = 20
    """Length of one frame of audio, in milliseconds."""
    buffer: Annotated[Duration, within("100ms", "60s")] = "5s"
    """Most unread input kept for a session; older audio is dropped and counted."""
    playback_delay_ms: MillisecondsOrZero = 20
    """Audio that the client holds back before it plays, in milliseconds. A policy's budget.playbackMs has to cover it."""
    shared_memory: bool = True
    """Pass audio between processes of a pod without copying."""
