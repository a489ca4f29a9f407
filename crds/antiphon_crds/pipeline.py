"""What an application team says of each stage of its pipeline."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListSet
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import (
    Duration,
    ItemName,
    Language,
    LongText,
    MemoryQuantity,
    MillisecondsOrZero,
    ObjectName,
    Ratio,
    ShortText,
    within,
)
from antiphon_crds.stages import SwitchableOption

# --- how a stage is run --------------------------------------------------------------------------------------------


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


LOAD_STEPS_RULES = (
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


class StageBase(Contract):
    """One stage: which model, which of its variants, and how it is run."""

    rules = LOAD_STEPS_RULES

    model: ObjectName
    """Name of the VoiceModel that serves the stage."""
    variants: Annotated[list[ItemName], Field(max_length=16), ListSet()] = []
    """Variants of the model that the control loop may choose from. Empty: all of the model's."""
    batch: Batch = Batch()
    """Bounds of batching."""
    concurrency: Concurrency = Concurrency()
    """Workers, queues, threads and streams."""
    load_steps: Annotated[list[LoadStep], Field(max_length=8)] = []
    """Batch and quality by active sessions, from few to many; switched in the pod without waiting for the control loop."""
    switchable: Annotated[list[SwitchableOption], Field(max_length=6), ListSet()] = []
    """Options that actuator `features` may switch by load: off or down from what `options` say, and back. Empty: none."""
    trial: Trial | None = None
    """A model on trial beside this one."""


# --- what each stage can be told -----------------------------------------------------------------------------------


class VadOptions(Contract):
    """How speech and its end are found."""

    threshold: Annotated[float, Field(ge=0.001, le=0.999)] = 0.5
    """Speech probability from which a frame counts as speech."""
    min_speech_ms: Annotated[int, Field(ge=0, le=5000)] = 100
    """Shortest speech that counts, in milliseconds."""
    end_of_speech_ms: Annotated[int, Field(ge=50, le=5000)] = 320
    """Silence after which the user's turn is over, in milliseconds."""
    prefix_padding_ms: Annotated[int, Field(ge=0, le=2000)] = 300
    """Audio kept from before the detected start, in milliseconds."""
    semantic: bool = False
    """Judge the end of a turn also by what was said."""
    barge_in: bool = True
    """Stop the agent when the user speaks."""
    reopen_grace_ms: Annotated[int, Field(ge=0, le=5000)] = 800
    """Time in which a user who goes on speaking continues the same turn, in milliseconds."""


class AsrOptions(Contract):
    """How speech is turned into words."""

    language: Language | None = None
    """Language spoken, such as `en` or `pt-BR`. Default: the model detects it."""
    beam_size: Annotated[int, Field(ge=1, le=16)] = 1
    """Beams of the search; 1 is greedy."""
    window_seconds: Annotated[float, Field(ge=1, le=30)] | None = None
    """Length to which audio is padded, in seconds. Default: the engine's."""
    vad_filter: bool = False
    """Let the engine leave out silence inside an utterance before it recognises it."""
    speculative: bool = True
    """Start on a pause, before the turn is surely over."""
    prompt: ShortText | None = None
    """Words to expect, such as names."""


class LlmOptions(Contract):
    """How the answer is made."""

    instructions: LongText | None = None
    """The system prompt."""
    max_new_tokens: Annotated[int, Field(ge=1, le=8192)] = 120
    """Most tokens of one answer."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Sampling temperature; 0 is greedy."""
    max_context_tokens: Annotated[int, Field(ge=128, le=1048576)] | None = None
    """Most tokens of context. Default: the model's."""
    speculative: bool = True
    """Start on a stable interim transcript; thrown away when the final one differs."""
    prefix_cache: bool = True
    """Keep the attention cache of a session's earlier turns."""


class PhraseCache(Contract):
    """Speech of frequent phrases, kept by voice, text, variant and format."""

    entries: Annotated[int, Field(ge=0, le=100000)] = 256
    """Most phrases kept; 0 turns the cache off."""
    warm: Annotated[list[ShortText], Field(max_length=256), ListSet()] = []
    """Phrases that are synthesised before the pod is ready."""


class TtsOptions(Contract):
    """How the answer is spoken."""

    voice: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Name of the voice. Default: the model's first."""
    speed: Annotated[float, Field(ge=0.25, le=4)] = 1.0
    """Speaking rate; 1 is the voice's own."""
    first_chunk_ms: Annotated[int, Field(ge=10, le=2000)] = 80
    """Length of the first chunk of audio sent, in milliseconds; short is quick."""
    chunk_ms: Annotated[int, Field(ge=10, le=5000)] = 240
    """Length of the later chunks, in milliseconds."""
    trim_leading_silence: bool = True
    """Cut the silence that a model puts before its first sound."""
    phrase_cache: PhraseCache = PhraseCache()
    """Cache of frequent phrases."""


class DiarizationOptions(Contract):
    """How speakers are told apart."""

    window_ms: Annotated[int, Field(ge=250, le=30000)] = 3000
    """Audio judged at once, in milliseconds."""
    step_ms: Annotated[int, Field(ge=50, le=30000)] = 500
    """Time from one window to the next, in milliseconds."""
    max_speakers: Annotated[int, Field(ge=1, le=32)] = 8
    """Most speakers in a session."""
    similarity: Ratio = 0.7
    """Cosine similarity from which two windows are one speaker."""

    rules = (
        Rule(
            "self.stepMs <= self.windowMs",
            "stepMs is {self.stepMs}, longer than windowMs {self.windowMs}, which leaves gaps; make it at most {self.windowMs}",
            "stepMs",
        ),
    )


class FrameCache(Contract):
    """Faces and their background frames, kept in memory."""

    memory: MemoryQuantity = "4Gi"
    """Most main memory of the cache."""
    eviction: Literal["LFU", "LRU"] = "LFU"
    """What goes first when it is full: the least frequently or the least recently used."""
    idle: Annotated[Duration, within("10s", "24h")] = "30m"
    """Time unused after which an entry goes anyway."""
    background_frames: Annotated[int, Field(ge=1, le=100000)] = 600
    """Background frames kept of each face."""


class LipsyncOptions(Contract):
    """How the face is drawn."""

    face: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Name of the face. Default: the model's first."""
    frames_per_second: Annotated[int, Field(ge=1, le=120)] = 30
    """Video frames a second that a speaking session is promised."""
    min_frames_per_second: Annotated[int, Field(ge=1, le=120)] = 25
    """Frames a second it may fall to under peak load."""
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = 85
    """JPEG quality of the frames."""
    encoders: Annotated[int, Field(ge=1, le=128)] = 8
    """Parallel JPEG encoders of each pod."""
    idle_frames: bool = True
    """Serve silence from cached idle frames; it then costs no inference."""
    prepare_first_frame: bool = True
    """Draw the first frame when the user stops speaking, before the answer's audio is there."""
    cache: FrameCache = FrameCache()
    """Cache of faces and backgrounds."""

    rules = (
        Rule(
            "self.minFramesPerSecond <= self.framesPerSecond",
            "minFramesPerSecond is {self.minFramesPerSecond}; it must be at most framesPerSecond, {self.framesPerSecond}",
            "minFramesPerSecond",
        ),
    )


class SpeechOptions(Contract):
    """How a full-duplex speech-to-speech model is run."""

    instructions: LongText | None = None
    """The role, as text."""
    voice: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Name of the voice prompt. Default: the model's first."""
    frame_ms: Annotated[int, Field(ge=10, le=1000)] = 80
    """Length of one frame in which the model hears and speaks, in milliseconds."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """Sampling temperature."""
    step_margin: Annotated[float, Field(ge=0.1, le=1)] = 0.8
    """Share of a frame that the p99 of a step may take; capacity is derived from it."""


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
