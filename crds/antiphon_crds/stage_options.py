"""What each stage of a pipeline can be told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon_crds.base import Contract, ListSet
from antiphon_crds.rules import Rule
from antiphon_crds.scalars import Duration, Language, LongText, MemoryQuantity, Ratio, ShortText, within


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
