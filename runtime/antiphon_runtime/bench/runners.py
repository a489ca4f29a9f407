"""Runs one batch of an engine, whatever its stage, and tells how long it took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_runtime.bench.texts import INSTRUCTIONS, SENTENCES
from antiphon_runtime.engines.protocols import (
    HEARD_RATE,
    VAD_SAMPLES,
    Chat,
    EngineError,
    LanguageModel,
    Recognizer,
    Samples,
    SpeakerEncoder,
    Speech,
    Synthesizer,
    Utterance,
    Vad,
    VadStream,
)

_ANSWER_TOKENS = 32


@dataclass(frozen=True, slots=True)
class Run:
    """One batch."""

    seconds: float
    """Until its last item was done; of what streams, until the last one's first piece."""
    total_seconds: float
    """Until all of it was done."""
    pieces: int = 0
    """That were streamed, all items together."""
    step_seconds: tuple[float, ...] = ()
    """Of what streams: mean time of a later piece, for each item that had one."""
    audio_seconds: float = 0.0
    """Sound heard or made."""


@dataclass(frozen=True)
class Runner:
    item: str
    """What one item is."""
    step: str | None
    """What a later step is, where there may be some."""
    largest: int | None
    """Most items that the engine takes at once. None: no bound of its own."""
    run: Callable[[int], Awaitable[Run]]
    """A batch of so many."""


def runner(stage: Stage, engine: Any, heard: Sequence[Samples], seconds: float) -> Runner:
    """`heard`: what is given to stages that listen, each so many seconds long, at 16 kHz."""
    if stage not in _RUNNERS:
        raise EngineError(f"stage {stage} can't be measured; what can: {', '.join(_RUNNERS)}")
    return _RUNNERS[stage](engine, heard, seconds)


def _vad(engine: Vad, heard: Sequence[Samples], seconds: float) -> Runner:  # noqa: ARG001 (a frame has its own length)
    streams: list[VadStream] = []
    sound = np.concatenate(heard)
    at = count()

    async def run(size: int) -> Run:
        streams.extend(engine.open() for _ in range(size - len(streams)))
        frames = [(stream, _frame(sound, next(at))) for stream in streams[:size]]
        return _timed(lambda: engine.step(frames), size * VAD_SAMPLES / HEARD_RATE)

    return Runner(f"frame of {1000 * VAD_SAMPLES // HEARD_RATE} ms", None, None, run)


def _frame(sound: Samples, index: int) -> Samples:
    at = index % (len(sound) // VAD_SAMPLES) * VAD_SAMPLES
    return sound[at : at + VAD_SAMPLES]


def _asr(engine: Recognizer, heard: Sequence[Samples], seconds: float) -> Runner:
    async def run(size: int) -> Run:
        utterances = [Utterance(samples) for samples in _some(heard, size)]
        return _timed(lambda: engine.transcribe(utterances), size * seconds)

    return Runner(f"utterance of {seconds:g} s", None, engine.max_batch, run)


def _diarization(engine: SpeakerEncoder, heard: Sequence[Samples], seconds: float) -> Runner:
    async def run(size: int) -> Run:
        stretches = _some(heard, size)
        return _timed(lambda: engine.embed(stretches), size * seconds)

    return Runner(f"window of {seconds:g} s", None, None, run)


def _llm(engine: LanguageModel, heard: Sequence[Samples], seconds: float) -> Runner:  # noqa: ARG001 (it does not listen)
    asked = count()

    async def one(number: int) -> _Stream:
        question = f"{SENTENCES[number % len(SENTENCES)]} (Question {number}.)"  # no cache knows it as a whole
        messages = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": question}]
        stream = _Stream()
        chat = Chat(messages, max_tokens=_ANSWER_TOKENS, session=f"bench-{number}")
        async with aclosing(engine.answer(chat)) as tokens:  # type: ignore[type-var]
            async for token in tokens:
                if token.text:
                    stream.piece()
        return stream

    async def run(size: int) -> Run:
        return _together(await asyncio.gather(*(one(next(asked)) for _ in range(size))), "answer")

    return Runner("answer, up to its first token", "token", engine.max_batch, run)


def _tts(engine: Synthesizer, heard: Sequence[Samples], seconds: float) -> Runner:  # noqa: ARG001 (it does not listen)
    asked = count()

    async def one(number: int) -> _Stream:
        stream = _Stream()
        async with aclosing(engine.speak(Speech(SENTENCES[number % len(SENTENCES)]))) as sounds:  # type: ignore[type-var]
            async for sound in sounds:
                stream.piece(len(sound.samples) / engine.sample_rate)
        return stream

    async def run(size: int) -> Run:
        return _together(await asyncio.gather(*(one(next(asked)) for _ in range(size))), "speech")

    return Runner("sentence, up to its first audio", "piece of audio", engine.max_batch, run)


class _Stream:
    """When the pieces of one answer came."""

    def __init__(self) -> None:
        self.asked = time.perf_counter()
        self.times: list[float] = []
        self.audio_seconds = 0.0

    def piece(self, audio_seconds: float = 0.0) -> None:
        self.times.append(time.perf_counter() - self.asked)
        self.audio_seconds += audio_seconds


def _together(streams: Sequence[_Stream], what: str) -> Run:
    if not all(stream.times for stream in streams):
        raise EngineError(f"an {what} of the engine's was empty; there is nothing to measure")
    steps = tuple(
        (stream.times[-1] - stream.times[0]) / (len(stream.times) - 1) for stream in streams if len(stream.times) > 1
    )
    return Run(
        max(stream.times[0] for stream in streams),
        max(stream.times[-1] for stream in streams),
        sum(len(stream.times) for stream in streams),
        steps,
        sum(stream.audio_seconds for stream in streams),
    )


def _some(heard: Sequence[Samples], size: int) -> list[Samples]:
    return [heard[index % len(heard)] for index in range(size)]


def _timed(work: Callable[[], object], audio_seconds: float) -> Run:
    began = time.perf_counter()
    work()
    taken = time.perf_counter() - began
    return Run(taken, taken, audio_seconds=audio_seconds)


_Make: TypeAlias = Callable[[Any, Sequence[Samples], float], Runner]
_RUNNERS: dict[Stage, _Make] = {"vad": _vad, "asr": _asr, "llm": _llm, "tts": _tts, "diarization": _diarization}
