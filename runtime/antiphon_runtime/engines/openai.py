"""Any server with OpenAI's HTTP API: hears, answers or speaks elsewhere. Another pod of ours is such a server too.

Options: `model` (the server's name for it; needed), `apiKeyFile`, `timeoutSeconds` of silence, `maxBatch` requests at
once, `extra` (more fields of each request; null leaves one out). asr: `words` (the server can tell their times). llm:
`maxTokensName`, where it is not `max_tokens`. tts: `voice` (the default one), `voices` (all that may be asked for),
`sampleRate` of its pcm.
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import count, label, option
from antiphon_runtime.engines.openai_answers import spoken, streamed
from antiphon_runtime.engines.openai_http import Address, Connections, with_version
from antiphon_runtime.engines.protocols import (
    HEARD_RATE,
    Chat,
    Engine,
    EngineError,
    Samples,
    Sound,
    Speech,
    Token,
    Transcript,
    Utterance,
    Word,
)

_SHORTEST_SAMPLES = HEARD_RATE // 10
"""Servers refuse less, and nobody says a word in it."""
_MAX_BATCH = {"asr": 16, "llm": 32, "tts": 16}
SPOKEN_RATE = 24_000
"""Samples a second of OpenAI's pcm."""


@dataclass(frozen=True)
class Asked:
    """What every request has in common."""

    model: str
    max_batch: int
    extra: Mapping[str, Any] = field(default_factory=dict)

    def body(self, **fields: Any) -> dict[str, Any]:
        merged = {"model": self.model} | fields | dict(self.extra)
        return {name: value for name, value in merged.items() if value is not None}


class _Remote:
    name = "openai"
    emulated = False

    def __init__(self, connections: Connections, asked: Asked) -> None:
        self.max_batch = asked.max_batch
        self.connections = connections
        self._asked = asked

    def close(self) -> None:
        self.connections.close()

    def _run_once(self, pieces: Callable[[], AsyncIterator[Any]]) -> None:
        """In an event loop of its own."""

        async def story() -> None:
            try:
                async for _ in pieces():
                    pass
            finally:
                await self.connections.leave_loop()

        asyncio.run(story())


class OpenAiRecognizer(_Remote):
    """The utterances of a batch are asked for side by side."""

    path = "/audio/transcriptions"

    def __init__(self, connections: Connections, asked: Asked, *, tells_words: bool) -> None:
        super().__init__(connections, asked)
        self._tells_words = tells_words
        self._threads = ThreadPoolExecutor(self.max_batch, thread_name_prefix=self.name)

    def transcribe(self, utterances: Sequence[Utterance]) -> list[Transcript]:
        if len(utterances) == 1:
            return [self._transcribe(utterances[0])]
        try:
            return list(self._threads.map(self._transcribe, utterances))
        except RuntimeError as error:
            raise EngineError(f"{self.name} is closed") from error

    def warm_up(self) -> None:
        self.transcribe([Utterance(np.zeros(HEARD_RATE, np.float32))])

    def close(self) -> None:
        super().close()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _transcribe(self, utterance: Utterance) -> Transcript:
        if len(utterance.samples) < _SHORTEST_SAMPLES:
            return Transcript("", utterance.language)
        with_words = utterance.words and self._tells_words
        fields = self._asked.body(
            language=utterance.language.partition("-")[0].lower() or None,
            prompt=utterance.prompt or None,
            temperature=0.0,
            response_format="verbose_json" if with_words else "json",
            **{"timestamp_granularities[]": "word"} if with_words else {},
        )
        file = ("speech.wav", wav(utterance.samples), "audio/wav")
        reply = self.connections.post(self.path, data=fields, files={"file": file})
        try:
            return _transcript(reply.json(), utterance)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            said = " ".join(reply.text.split())[:200]
            raise EngineError(self.connections.told(self.path, f"this is no transcript: {said}")) from error


class OpenAiLanguageModel(_Remote):
    """Answers may be asked for from one event loop at a time. A server that is told so stops when one is closed."""

    path = "/chat/completions"

    def __init__(self, connections: Connections, asked: Asked, *, max_tokens_name: str = "max_tokens") -> None:
        super().__init__(connections, asked)
        self._max_tokens_name = max_tokens_name

    async def answer(self, chat: Chat) -> AsyncIterator[Token]:
        body = self._body(chat)
        async with aclosing(self.connections.retried(lambda: self._attempt(body))) as tokens:
            async for token in tokens:
                yield token

    def warm_up(self) -> None:
        self._run_once(lambda: self.answer(Chat([{"role": "user", "content": "Hi"}], max_tokens=1)))

    async def _attempt(self, body: Mapping[str, Any]) -> AsyncGenerator[Token, None]:
        async with self.connections.stream(self.path, body) as response:
            try:
                async with aclosing(streamed(response.aiter_bytes())) as tokens:
                    async for token in tokens:
                        yield token
            except EngineError as error:
                raise type(error)(self.connections.told(self.path, str(error))) from error

    def _body(self, chat: Chat) -> dict[str, Any]:
        tools = [dict(tool) for tool in chat.tools]
        return self._asked.body(
            messages=[dict(message) for message in chat.messages],
            temperature=chat.temperature,
            stop=list(chat.stop) or None,
            tools=tools or None,
            tool_choice=chat.tool_choice if tools else None,
            stream=True,
            stream_options={"include_usage": True},
            **{self._max_tokens_name: chat.max_tokens},
        )


class OpenAiSynthesizer(_Remote):
    """Speeches may be asked for from one event loop at a time."""

    path = "/audio/speech"

    def __init__(self, connections: Connections, asked: Asked, *, voices: Sequence[str], sample_rate: int) -> None:
        super().__init__(connections, asked)
        self.voices = voices
        self.sample_rate = sample_rate

    async def speak(self, speech: Speech) -> AsyncIterator[Sound]:
        if not speech.text.strip():
            return
        body = self._asked.body(
            input=speech.text,
            voice=speech.voice or next(iter(self.voices), None),
            response_format="pcm",
            speed=speech.speed if speech.speed != 1.0 else None,
        )
        async with aclosing(self.connections.retried(lambda: self._attempt(body))) as sounds:
            async for sound in sounds:
                yield sound

    def warm_up(self) -> None:
        self._run_once(lambda: self.speak(Speech("Hello.")))

    async def _attempt(self, body: Mapping[str, Any]) -> AsyncGenerator[Sound, None]:
        async with self.connections.stream(self.path, body) as response:
            kind = response.headers.get("content-type", "").partition(";")[0]
            try:
                async with aclosing(spoken(response.aiter_bytes(), kind)) as sounds:
                    async for sound in sounds:
                        yield sound
            except EngineError as error:
                raise type(error)(self.connections.told(self.path, str(error))) from error


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int) -> Engine:  # noqa: ARG001 (has no weights)
    if variant.url is None:
        raise EngineError(f"{label(variant)} has no url")
    key_file = option(variant, "apiKeyFile", "")
    seconds = option(variant, "timeoutSeconds", 30.0)
    if seconds <= 0:
        raise EngineError(f"{label(variant)}: option timeoutSeconds is {seconds}; give more than 0")
    address = Address(with_version(variant.url), Path(key_file) if key_file else None, seconds)
    model = option(variant, "model", "")
    if not model:
        raise EngineError(f"{label(variant)} needs option model: the name by which {variant.url} knows it")
    return client(stage, variant, Connections("openai", address), model)


KINDS: Mapping[Stage, type[Any]] = {"asr": OpenAiRecognizer, "llm": OpenAiLanguageModel, "tts": OpenAiSynthesizer}


def client(
    stage: Stage, variant: Variant, connections: Connections, model: str, kinds: Mapping[Stage, type[Any]] = KINDS
) -> Engine:
    """The engine that asks this server, without a check that it is there. `kinds` are made as those of this file are."""
    measured = variant.profiles[0].max_batch if variant.profiles else _MAX_BATCH[stage]
    asked = Asked(model, count(variant, "maxBatch", measured), _extra(variant))
    given: dict[str, Any]
    if stage == "asr":
        given = {"tells_words": option(variant, "words", True)}
    elif stage == "llm":
        given = {"max_tokens_name": option(variant, "maxTokensName", "max_tokens")}
    else:
        given = {"voices": _voices(variant), "sample_rate": count(variant, "sampleRate", SPOKEN_RATE)}
    engine: Engine = kinds[stage](connections, asked, **given)
    return engine


def _extra(variant: Variant) -> Mapping[str, Any]:
    extra = variant.options.get("extra", {})
    if not isinstance(extra, Mapping):
        raise EngineError(f"{label(variant)}: option extra is {extra!r}; give fields of a request")
    return extra


def _voices(variant: Variant) -> tuple[str, ...]:
    """The default one first. None: the server is not told which."""
    first = option(variant, "voice", "")
    others = variant.options.get("voices", [])
    if not isinstance(others, list) or not all(isinstance(voice, str) for voice in others):
        raise EngineError(f"{label(variant)}: option voices is {others!r}; give a list of names")
    return tuple(dict.fromkeys(voice for voice in (first, *others) if voice))


def wav(samples: Samples) -> bytes:
    """As a file: 16 bit, 16 kHz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(HEARD_RATE)
        writer.writeframes((np.clip(samples, -1, 1) * np.float32(32767)).astype("<i2").tobytes())
    return file.getvalue()


def _transcript(said: Mapping[str, Any], utterance: Utterance) -> Transcript:
    silences = [part["no_speech_prob"] for part in said.get("segments") or () if part.get("no_speech_prob") is not None]
    return Transcript(
        text=said["text"].strip(),
        language=utterance.language or said.get("language") or "",
        words=tuple(
            Word(word["word"].strip(), float(word["start"]), float(word["end"])) for word in said.get("words") or ()
        )
        if utterance.words
        else (),
        no_speech_probability=float(min(silences)) if silences else None,
    )
