"""What the pipeline asks of an engine: one small protocol for each stage.

Audio is mono float32 in [-1, 1]. What is heard has 16 kHz; a voice has the rate of its model. An engine is loaded once
and serves all sessions. Stages that compute in one go (vad, asr, diarization) take a batch in a plain call, which the
batcher makes off the event loop, never two at a time. Stages that speak as they go (llm, tts) are async iterators:
closing one (`aclose`) ends the work within one step.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]
HEARD_RATE = 16_000
"""Samples a second of all audio that is heard."""
VAD_SAMPLES = 512
"""Samples of one frame of voice activity detection: 32 ms."""


class Engine(Protocol):
    """What all engines have in common."""

    name: str
    """As a variant's `engine` names it."""
    emulated: bool
    """Its answers and times are made up from a profile; every answer says so."""

    def warm_up(self) -> None:
        """Runs once what will run later, so that no caller waits for it. Off the event loop."""
        ...

    def close(self) -> None:
        """Gives back memory, threads and processes."""
        ...


class EngineError(Exception):
    """The engine failed; the text is fit for a log and for an `error` event."""


# --- vad -----------------------------------------------------------------------------------------------------------


class VadStream(Protocol):
    """The memory that one session's audio needs between frames. Opaque."""


class Vad(Engine, Protocol):
    """Tells speech from silence, frame by frame."""

    def open(self) -> VadStream: ...

    def step(self, frames: Sequence[tuple[VadStream, Samples]]) -> list[float]:
        """Probability of speech in each frame of VAD_SAMPLES; each stream appears once and moves on."""
        ...


# --- asr -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is to be recognised."""

    samples: Samples
    language: str = "en"
    prompt: str = ""
    """What was said before, or words to expect."""
    beam_size: int = 1
    final: bool = True
    """The last word on this utterance; a partial one may be coarser."""
    words: bool = False
    """Times of words are wanted."""


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class Transcript:
    text: str
    language: str = "en"
    words: tuple[Word, ...] = ()
    no_speech_probability: float | None = None


class Recognizer(Engine, Protocol):
    max_batch: int
    """Utterances that it can take at once."""

    def transcribe(self, utterances: Sequence[Utterance]) -> list[Transcript]: ...


# --- llm -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation that wants an answer. Messages are OpenAI's chat messages."""

    messages: Sequence[Mapping[str, Any]]
    max_tokens: int = 256
    temperature: float = 0.0
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] = "auto"
    stop: Sequence[str] = ()
    session: str = ""
    """Of the same session prompts only grow: a cache may be kept by it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer: text, a piece of a tool call, or the end."""

    text: str = ""
    tool_call: Mapping[str, Any] | None = None
    """OpenAI's delta of a tool call: index, id, function.name, function.arguments."""
    finish: Literal["stop", "length", "tool_calls"] | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Both are told with the last one."""


class LanguageModel(Engine, Protocol):
    max_batch: int
    """Conversations that it answers at once."""

    def answer(self, chat: Chat) -> AsyncIterator[Token]: ...


# --- tts -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Speech:
    """A piece of text to be spoken."""

    text: str
    voice: str = ""
    """Empty: the model's own."""
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of speech. Its leading silence is part of it."""

    samples: Samples
    marks: tuple[tuple[str, float, float], ...] = field(default=())
    """Phonemes with start and end in seconds from the beginning of `samples`, where the engine knows them."""


class Synthesizer(Engine, Protocol):
    sample_rate: int
    max_batch: int
    voices: Sequence[str]

    def speak(self, speech: Speech) -> AsyncIterator[Sound]: ...


# --- diarization ---------------------------------------------------------------------------------------------------


class SpeakerEncoder(Engine, Protocol):
    """Turns a stretch of one voice into a direction; voices are told apart by the angle between them."""

    def embed(self, stretches: Sequence[Samples]) -> list[Samples]:
        """Unit vectors."""
        ...
