"""A whole session in virtual time: scripted engines that take as long as a test says, and a user who speaks in tones."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from virtual_computer import VirtualComputer

from antiphon_crds.control import Features
from antiphon_crds.runtime_config import StageConfig
from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.batching.limits import Limits
from antiphon_runtime.batching.observing import Nobody as UnobservedBatches
from antiphon_runtime.engines.protocols import (
    HEARD_RATE,
    Chat,
    Samples,
    Sound,
    Speech,
    Token,
    Transcript,
    Utterance,
    VadStream,
    Word,
)
from antiphon_runtime.realtime.server_events import ServerEvent
from antiphon_runtime.stages.cast import Cast
from antiphon_runtime.stages.served import Served
from antiphon_runtime.stages.working import Answering, Detecting, Distinguishing, Recognizing, Speaking, Working
from antiphon_runtime.turns.timeline import Timeline
from antiphon_runtime.voice.defaults import AgentOptions
from antiphon_runtime.voice.listener import InterruptionKind, TurnResult
from antiphon_runtime.voice.phrases import Phrases
from antiphon_runtime.voice.session import Agent, Session

RATE = 24_000
FRAME_MS = 20


class _Scripted:
    name = "scripted"
    emulated = True

    def __init__(self, seconds: float, max_batch: int) -> None:
        self.seconds = seconds
        self.max_batch = max_batch
        self.fails: Exception | None = None
        self.is_closed = False

    def warm_up(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True

    def _fail(self) -> None:
        if self.fails is not None:
            raise self.fails


class LoudIsSpeech(_Scripted):
    def open(self) -> VadStream:
        return object()

    def step(self, frames: Sequence[tuple[VadStream, Samples]]) -> list[float]:
        self._fail()
        return [float(np.abs(samples).max() > 0.05) for _, samples in frames]


class ScriptedRecognizer(_Scripted):
    """Says one text after another; the last one again and again. Partial ones of a turn get that turn's text."""

    def __init__(self, seconds: float, max_batch: int, texts: Sequence[str]) -> None:
        super().__init__(seconds, max_batch)
        self.texts = list(texts)
        self.heard: list[Utterance] = []
        self.text_of: Callable[[Utterance], str] | None = None

    def transcribe(self, utterances: Sequence[Utterance]) -> list[Transcript]:
        self._fail()
        self.heard += utterances
        return [self._transcript(utterance) for utterance in utterances]

    def _transcript(self, utterance: Utterance) -> Transcript:
        text = self._text(utterance)
        each = len(utterance.samples) / HEARD_RATE / max(len(text.split()), 1)
        words = [Word(word, index * each, (index + 1) * each) for index, word in enumerate(text.split())]
        return Transcript(text, words=tuple(words) if utterance.words else ())

    def _text(self, utterance: Utterance) -> str:
        if self.text_of is not None:
            return self.text_of(utterance)
        return self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]


class ScriptedModel(_Scripted):
    """`answer_of` writes; the first word takes `seconds`, each other one `word_seconds`."""

    def __init__(self, seconds: float, max_batch: int, answer_of: Callable[[Chat], str]) -> None:
        super().__init__(seconds, max_batch)
        self.answer_of = answer_of
        self.word_seconds = 0.01
        self.chats: list[Chat] = []
        self.cancelled = 0
        self.tool_call: dict[str, Any] | None = None

    async def answer(self, chat: Chat) -> AsyncIterator[Token]:
        self.chats.append(chat)
        finished = False
        try:
            await asyncio.sleep(self.seconds)
            self._fail()
            words = self.answer_of(chat).split(" ")
            for index, word in enumerate(words):
                yield Token(text=word if index == 0 else f" {word}")
                await asyncio.sleep(self.word_seconds)
            if self.tool_call is not None:
                yield Token(tool_call=self.tool_call)
            yield Token(
                finish="tool_calls" if self.tool_call else "stop", prompt_tokens=7, completion_tokens=len(words)
            )
            finished = True
        finally:
            self.cancelled += not finished


class ScriptedVoice(_Scripted):
    """Speaks a tone of 60 ms a character, in one piece."""

    sample_rate = RATE
    voices: Sequence[str] = ("anna", "ben")

    def __init__(self, seconds: float, max_batch: int) -> None:
        super().__init__(seconds, max_batch)
        self.said: list[str] = []
        self.silence_seconds = 0.3

    async def speak(self, speech: Speech) -> AsyncIterator[Sound]:
        self.said.append(speech.text)
        await asyncio.sleep(self.seconds)
        self._fail()
        silence = np.zeros(int(self.silence_seconds * RATE), np.float32)
        yield Sound(np.concatenate((silence, _tone(0.06 * len(speech.text)))))


class LoudnessIsVoice(_Scripted):
    """Voices are as different as they are loud."""

    def embed(self, stretches: Sequence[Samples]) -> list[Samples]:
        self._fail()
        return [self._direction(float(np.median(np.abs(stretch)))) for stretch in stretches]

    @staticmethod
    def _direction(loudness: float) -> Samples:
        """A tone of amplitude 0.3 has a median of 0.21, one of 0.6 has 0.42."""
        directions: Samples = np.eye(2, dtype=np.float32)
        direction: Samples = directions[int(loudness > 0.32)]
        return direction


@dataclass(slots=True)
class Heard:
    """What a listener was told."""

    turns: list[tuple[Timeline, TurnResult]] = field(default_factory=list)
    interruptions: list[InterruptionKind] = field(default_factory=list)
    speculations: list[tuple[str, bool]] = field(default_factory=list)
    phrases: list[bool] = field(default_factory=list)
    underruns: list[int] = field(default_factory=list)

    def turn(self, timeline: Timeline, result: TurnResult) -> None:
        self.turns.append((timeline, result))

    def interrupted(self, kind: InterruptionKind) -> None:
        self.interruptions.append(kind)

    def speculated(self, stage: str, used: bool) -> None:
        self.speculations.append((stage, used))

    def phrase(self, hit: bool) -> None:
        self.phrases.append(hit)

    def spoke(self, underruns: int) -> None:
        self.underruns.append(underruns)


class VoiceWorld:
    """Made on a virtual loop. Events come as (loop's time, event)."""

    def __init__(
        self,
        *,
        texts: Sequence[str] = ("What time is it?",),
        answer: str = "It is noon. Go and eat.",
        options: AgentOptions | None = None,
        without: Sequence[Stage] = (),
        diarizes: bool = False,
        features: Features | None = None,
    ) -> None:
        self.vad = LoudIsSpeech(0.001, 32)
        self.asr = ScriptedRecognizer(0.1, 4, texts)
        self.llm = ScriptedModel(0.05, 4, lambda _: answer)
        self.tts = ScriptedVoice(0.05, 4)
        self.heard = Heard()
        self.events: list[tuple[float, ServerEvent]] = []
        self.features = features or Features(speculative_asr=True, speculative_llm=True)
        names: tuple[Stage, ...] = ("vad", "asr", "llm", "tts", *(("diarization",) if diarizes else ()))
        chosen: frozenset[Stage] = frozenset(name for name in names if name not in without)
        self.encoder = LoudnessIsVoice(0.02, 8)
        self.options = options or AgentOptions(stages=chosen)
        self.cast = self._cast(chosen)
        self._ids = itertools.count(1)
        agent = Agent(self.options, Phrases(64, self.heard.phrase), lambda: self.features, self.heard)
        self.session = Session(agent, self.cast, new_id=lambda kind: f"{kind}_{next(self._ids)}", send=self._take)
        self.session.take(self.session.protocol.open())
        self._phase = 0

    # --- the client ------------------------------------------------------------------------------------------------

    def feed(self, kind: str, **fields: Any) -> None:
        self.session.feed(json.dumps({"type": kind, **fields}))

    async def say(self, ms: int, loudness: float = 0.3) -> None:
        """The user speaks, in real time."""
        await self._sound(ms, loudness)

    async def wait(self, ms: int) -> None:
        """The user is silent; the microphone is open."""
        await self._sound(ms, 0.0)

    async def close(self) -> None:
        await self.session.close()
        for served in (self.cast.vad, self.cast.asr, self.cast.llm, self.cast.tts, self.cast.diarization):
            if served is not None:
                await served.close()

    # --- what came -------------------------------------------------------------------------------------------------

    def kinds(self, *, audio: bool = False) -> list[str]:
        """Types of the events; of audio deltas in a row one, if they are asked for."""
        named = [event["type"] for _, event in self.events]
        kept = [name for name in named if audio or name != "response.output_audio.delta"]
        return [name for index, name in enumerate(kept) if index == 0 or name != kept[index - 1]]

    def of(self, kind: str) -> list[ServerEvent]:
        return [event for _, event in self.events if event["type"] == kind]

    def times(self, kind: str) -> list[float]:
        return [at for at, event in self.events if event["type"] == kind]

    def audio_seconds(self, response_id: str | None = None) -> float:
        deltas = [e for e in self.of("response.output_audio.delta") if response_id in (None, e["response_id"])]
        return sum(len(base64.b64decode(event["delta"])) for event in deltas) / 2 / RATE

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _sound(self, ms: int, loudness: float) -> None:
        for _ in range(ms // FRAME_MS):
            samples = loudness * np.sin(np.arange(FRAME_MS * RATE // 1000) * 0.1 + self._phase)
            audio = base64.b64encode((samples * 32767).astype("<i2").tobytes()).decode()
            self.feed("input_audio_buffer.append", audio=audio)
            await asyncio.sleep(FRAME_MS / 1000)

    def _take(self, events: Sequence[ServerEvent]) -> None:
        now = asyncio.get_running_loop().time()
        self.events += [(now, event) for event in events]

    def _cast(self, chosen: frozenset[Stage]) -> Cast:
        limits, quiet = Limits(max_batch=8, hang_seconds=5.0), UnobservedBatches()
        made: dict[Stage, Callable[[], Working[Any]]] = {
            "vad": lambda: Detecting("m", variant(), self.vad, limits, quiet, self._computer(self.vad)),
            "asr": lambda: Recognizing("m", variant(), self.asr, limits, quiet, self._computer(self.asr)),
            "llm": lambda: Answering("m", variant(), self.llm, limits, quiet),
            "tts": lambda: Speaking("m", variant(), self.tts, limits, quiet),
            "diarization": lambda: Distinguishing(
                "m", variant(), self.encoder, limits, quiet, self._computer(self.encoder)
            ),
        }
        return Cast(**{stage: _served(stage, make()) for stage, make in made.items() if stage in chosen})

    @staticmethod
    def _computer(engine: _Scripted) -> Callable[[str], VirtualComputer]:
        return lambda _: VirtualComputer(lambda: engine.seconds)


def variant(name: str = "v") -> Variant:
    profile = {"hardware": "x", "alphaMs": 1, "betaMs": 0, "item": "x", "basis": "Measured", "origin": "a test"}
    return Variant.model_validate(
        {"name": name, "engine": "emulated", "memory": {"host": "1Mi"}, "profiles": [profile]}
    )


def stage_config(stage: Stage, *names: str) -> StageConfig:
    variants = [variant(name) for name in names or ("v",)]
    return StageConfig(stage=stage, model="m", variants=variants, variant=variants[0].name)


def _served(stage: Stage, working: Working[Any]) -> Served[Any]:
    served: Served[Any] = Served(stage_config(stage), "m")
    served.put(working)
    return served


def _tone(seconds: float) -> Samples:
    samples: Samples = (0.2 * np.sin(np.arange(int(seconds * RATE)) * 0.1)).astype(np.float32)
    return samples
