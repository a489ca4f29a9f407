"""One call of each stage, as a session would make it: what it took, and whether the stage did what it should."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import numpy as np

from antiphon_crds.runtime_config import StageOptions
from antiphon_crds.stage_options import AsrOptions, DiarizationOptions, TtsOptions
from antiphon_crds.stages import Stage
from antiphon_runtime.engines.protocols import HEARD_RATE, VAD_SAMPLES, Chat, EngineError, Samples, Speech, Utterance
from antiphon_runtime.stages.working import Answering, Detecting, Distinguishing, Recognizing, Speaking

Piece = TypeVar("Piece")
UTTERANCE_SECONDS = 3.0
ANSWER_TOKENS = 24
SENTENCE = "Yes, the table by the window is free for four on Friday evening."
_QUESTION = "Is the table by the window still free on Friday evening for the four of us?"
_LOUDNESS = 0.05
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Taken:
    """`first_seconds`: until the call was done, or gave its first piece; then so many pieces one after another."""

    first_seconds: float
    later_seconds: float = 0.0
    later_pieces: int = 0

    @property
    def seconds(self) -> float:
        return self.first_seconds + self.later_seconds

    @property
    def step_seconds(self) -> float:
        return self.later_seconds / self.later_pieces if self.later_pieces else 0.0


@dataclass(slots=True)
class Material:
    """What is said in the probes: noise, until the pod's own voice has spoken."""

    utterance: Samples = field(default_factory=lambda: _voice_like(round(UTTERANCE_SECONDS * HEARD_RATE)))
    is_speech: bool = False

    def take(self, samples: Samples, rate: int) -> None:
        """Speech, at any rate; as much of it as an utterance has. Too little of it is no use."""
        at = np.arange(round(UTTERANCE_SECONDS * HEARD_RATE)) * (rate / HEARD_RATE)
        if at[-1] <= len(samples) - 1:
            self.utterance = np.interp(at, np.arange(len(samples)), samples).astype(np.float32)
            self.is_speech = True


Probe: TypeAlias = Callable[[Any, StageOptions, Material], Awaitable[Taken]]


async def _frame(detecting: Detecting, _: StageOptions, material: Material) -> Taken:
    stream = detecting.open()
    started = _now()
    await detecting.step(stream, [material.utterance[:VAD_SAMPLES]], session=_somebody())
    return Taken(_now() - started)


async def _utterance(recognizing: Recognizing, options: StageOptions, material: Material) -> Taken:
    """Noise is heard as a partial utterance, or an engine might hear it a second time, with more effort."""
    asked = options.asr or AsrOptions()
    utterance = Utterance(
        material.utterance, asked.language or "", asked.prompt or "", asked.beam_size, final=material.is_speech
    )
    started = _now()
    await recognizing.transcribe(utterance, session=_somebody())
    return Taken(_now() - started)


async def _answer(answering: Answering, options: StageOptions, _: Material) -> Taken:
    """Without a session, so that nothing of it is kept but the instructions that all answers begin with."""
    instructions = options.llm.instructions if options.llm else None
    before = [{"role": "system", "content": instructions}] if instructions else []
    question = {"role": "user", "content": f"{next(_numbers)}. {_QUESTION}"}
    return (await _pieces(answering.answer(Chat([*before, question], max_tokens=ANSWER_TOKENS)), "a token"))[0]


async def _sentence(speaking: Speaking, options: StageOptions, material: Material) -> Taken:
    asked = options.tts or TtsOptions()
    speech = Speech(SENTENCE, asked.voice or "", asked.speed)
    taken, sounds = await _pieces(speaking.speak(speech), "a sound")
    if not material.is_speech and not speaking.engine.emulated:
        material.take(np.concatenate([sound.samples for sound in sounds]), speaking.engine.sample_rate)
    return taken


async def _window(distinguishing: Distinguishing, options: StageOptions, material: Material) -> Taken:
    samples = (options.diarization or DiarizationOptions()).window_ms * HEARD_RATE // 1000
    started = _now()
    await distinguishing.embed(np.resize(material.utterance, samples), session=_somebody())
    return Taken(_now() - started)


PROBES: Mapping[Stage, Probe] = {
    "vad": _frame,
    "asr": _utterance,
    "llm": _answer,
    "tts": _sentence,
    "diarization": _window,
}


async def _pieces(stream: AsyncGenerator[Piece, None], what: str) -> tuple[Taken, list[Piece]]:
    started = _now()
    times: list[float] = []
    given: list[Piece] = []
    async with aclosing(stream):
        async for piece in stream:
            times.append(_now())
            given.append(piece)
    if not given:
        raise EngineError(f"it gave not even {what}")
    return Taken(times[0] - started, times[-1] - times[0], len(times) - 1), given


def _voice_like(samples: int) -> Samples:
    """Noise that comes and goes as syllables do: an engine takes for it about what it takes for speech."""
    times = np.arange(samples) / HEARD_RATE
    noise = np.random.default_rng(0).standard_normal(samples)
    syllables: Samples = (_LOUDNESS * noise * (1 + np.sin(2 * np.pi * 4 * times))).astype(np.float32)
    return syllables


def _somebody() -> object:
    """A session of its own, so that calls of one round go together in a batch."""
    return ("capacity", next(_numbers))


def _now() -> float:
    return asyncio.get_running_loop().time()
