"""One loaded and warm variant of a stage, with what brings the calls of many sessions to its engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from typing import Generic, TypeAlias, TypeVar

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.batching.batcher import Batcher
from antiphon_runtime.batching.compute_thread import Computer, ComputeThread
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Observer
from antiphon_runtime.batching.streams import Streams
from antiphon_runtime.engines.protocols import (
    Chat,
    Engine,
    LanguageModel,
    Recognizer,
    Samples,
    Sound,
    SpeakerEncoder,
    Speech,
    Synthesizer,
    Token,
    Transcript,
    Utterance,
    Vad,
    VadStream,
)

E = TypeVar("E", bound=Engine)
_Frames: TypeAlias = tuple[VadStream, Sequence[Samples]]
StartComputer: TypeAlias = Callable[[str], Computer]
"""Where the engine computes, by the stage's name."""


class Working(Generic[E]):
    """Made on the event loop. `tune` takes limits within what the engine can do."""

    def __init__(self, stage: Stage, model: str, variant: Variant, engine: E, queue: _Queue) -> None:
        self.stage: Stage = stage
        self.model = model
        self.variant = variant
        self.engine = engine
        self.memory_bytes: int | None = None
        """Main memory that loading it took, where it could be told."""
        self._queue = queue

    @property
    def label(self) -> str:
        return f"{self.model}/{self.variant.name}"

    @property
    def queued(self) -> int:
        return self._queue.queued

    @property
    def cap(self) -> int:
        """Cap of the next batch."""
        return self._queue.cap

    @property
    def limits(self) -> Limits:
        return self._queue.limits

    def tune(self, limits: Limits) -> None:
        self._queue.tune(limits)

    async def close(self) -> None:
        """After what it was asked to do; then the engine gives back what it holds."""
        await self._queue.close(drain=True)
        await asyncio.to_thread(self.engine.close)


_Queue = Streams | Batcher  # type: ignore[type-arg]


class Detecting(Working[Vad]):
    """Tells speech from silence."""

    def __init__(
        self,
        model: str,
        variant: Variant,
        engine: Vad,
        limits: Limits,
        observer: Observer,
        start_computer: StartComputer = ComputeThread,
    ) -> None:
        self._batcher: Batcher[_Frames, list[float]] = Batcher(
            self._step, limits, name="vad", observer=observer, once_per_session=True, start_computer=start_computer
        )
        super().__init__("vad", model, variant, engine, self._batcher)

    def open(self) -> VadStream:
        return self.engine.open()

    def step(self, stream: VadStream, frames: Sequence[Samples], *, session: Hashable) -> asyncio.Future[list[float]]:
        """Probability of speech in each of the stream's next frames. More than one where the stream is behind."""
        return self._batcher.submit((stream, frames), session=session)

    def _step(self, items: Sequence[_Frames]) -> list[list[float]]:
        """The first frames of all streams at once, then the second ones of those that have more."""
        found: list[list[float]] = [[] for _ in items]
        for turn in range(max((len(frames) for _, frames in items), default=0)):
            due = [index for index, (_, frames) in enumerate(items) if turn < len(frames)]
            probabilities = self.engine.step([(items[index][0], items[index][1][turn]) for index in due])
            for index, probability in zip(due, probabilities, strict=True):
                found[index].append(probability)
        return found


class Recognizing(Working[Recognizer]):
    """Hears words."""

    def __init__(
        self,
        model: str,
        variant: Variant,
        engine: Recognizer,
        limits: Limits,
        observer: Observer,
        start_computer: StartComputer = ComputeThread,
    ) -> None:
        self._batcher: Batcher[Utterance, Transcript] = Batcher(
            engine.transcribe, limits, name="asr", observer=observer, bisect=True, start_computer=start_computer
        )
        super().__init__("asr", model, variant, engine, self._batcher)

    async def transcribe(self, utterance: Utterance, *, session: Hashable) -> Transcript:
        """Cancelling it takes it out of the queue. A partial one gives way to later ones of the same session."""
        return await self._batcher.submit(utterance, session=session, final=utterance.final)


class Answering(Working[LanguageModel]):
    """Answers."""

    def __init__(self, model: str, variant: Variant, engine: LanguageModel, limits: Limits, observer: Observer) -> None:
        self._streams = Streams(limits, name="llm", observer=observer)
        super().__init__("llm", model, variant, engine, self._streams)

    def answer(self, chat: Chat, *, final: bool = True) -> AsyncGenerator[Token, None]:
        """`final`: it surely counts; a speculative answer gives way to those that do."""
        return self._streams.run(lambda: self.engine.answer(chat), final=final)


class Speaking(Working[Synthesizer]):
    """Speaks."""

    def __init__(self, model: str, variant: Variant, engine: Synthesizer, limits: Limits, observer: Observer) -> None:
        self._streams = Streams(limits, name="tts", observer=observer)
        super().__init__("tts", model, variant, engine, self._streams)

    def speak(self, speech: Speech, *, final: bool = True) -> AsyncGenerator[Sound, None]:
        return self._streams.run(lambda: self.engine.speak(speech), final=final)


class Distinguishing(Working[SpeakerEncoder]):
    """Tells voices apart."""

    def __init__(
        self,
        model: str,
        variant: Variant,
        engine: SpeakerEncoder,
        limits: Limits,
        observer: Observer,
        start_computer: StartComputer = ComputeThread,
    ) -> None:
        self._batcher: Batcher[Samples, Samples] = Batcher(
            engine.embed, limits, name="diarization", observer=observer, bisect=True, start_computer=start_computer
        )
        super().__init__("diarization", model, variant, engine, self._batcher)

    async def embed(self, samples: Samples, *, session: Hashable) -> Samples:
        """Direction of the voice."""
        return await self._batcher.submit(samples, session=session)
