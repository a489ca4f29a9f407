"""Engines that take the time of a VoiceModel's profile and compute nothing. Every answer says that it is emulated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Profile, Variant
from antiphon_runtime.engines.emulated_time import Clock, RealClock, Timing, Together
from antiphon_runtime.engines.needs import label, option
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
    VadStream,
    Word,
)

TRANSCRIPT = "This transcript is emulated."
ANSWER = "This answer is emulated. No model has made it."
VOICE = "emulated"
VOICE_RATE = 24_000
_SPEECH_LOUDNESS = 0.01
"""Root mean square from which a frame counts as speech."""
_CHARACTERS_A_SECOND = 15
_PIECE_SECONDS = 0.24
_TONE_HERTZ, _TONE_LOUDNESS = 220, 0.1
_DIRECTIONS = 256


class _Emulated:
    """What all emulated engines share. `max_batch` is that of the profile."""

    name = "emulated"
    emulated = True

    def __init__(self, profile: Profile, clock: Clock, seed: int) -> None:
        self.max_batch = profile.max_batch
        self._timing = Timing(profile, seed)
        self._clock = clock

    def warm_up(self) -> None:
        """There is nothing to warm."""

    def close(self) -> None:
        """There is nothing to give back."""

    def _take_time(self, items: int) -> None:
        if items:
            self._clock.block(self._timing.batch_seconds(items))


class _Stream:
    """Nothing is remembered between frames."""


class EmulatedVad(_Emulated):
    """Loud is speech: enough for turns to begin and end."""

    def open(self) -> VadStream:
        return _Stream()

    def step(self, frames: Sequence[tuple[VadStream, Samples]]) -> list[float]:
        self._take_time(len(frames))
        return [float(samples @ samples >= _SPEECH_LOUDNESS**2 * len(samples)) for _, samples in frames]


class EmulatedRecognizer(_Emulated):
    def transcribe(self, utterances: Sequence[Utterance]) -> list[Transcript]:
        self._take_time(len(utterances))
        return [
            Transcript(TRANSCRIPT, language=utterance.language or "en", words=_words(utterance))
            for utterance in utterances
        ]


class EmulatedSpeakerEncoder(_Emulated):
    """Everybody is the same speaker."""

    def embed(self, stretches: Sequence[Samples]) -> list[Samples]:
        self._take_time(len(stretches))
        return [np.eye(1, _DIRECTIONS, dtype=np.float32)[0] for _ in stretches]


class EmulatedLanguageModel(_Emulated):
    """Of one event loop. The first token takes a batch's time, each later one a decode step's."""

    def __init__(self, profile: Profile, clock: Clock, seed: int) -> None:
        super().__init__(profile, clock, seed)
        self._together = Together(self._timing, clock, self.max_batch)

    async def answer(self, chat: Chat) -> AsyncIterator[Token]:
        called = _called(chat)
        pieces = [Token(tool_call=called)] if called else [Token(text=text) for text in _pieces(ANSWER)]
        made = pieces[: chat.max_tokens]
        async with self._together.place():
            await self._together.start()
            for index, piece in enumerate(made):
                if index:
                    await self._together.step()
                yield piece
        yield Token(
            finish="tool_calls" if called else "stop" if len(made) == len(pieces) else "length",
            prompt_tokens=sum(len(str(message.get("content", "")).split()) for message in chat.messages),
            completion_tokens=len(made),
        )


class EmulatedSynthesizer(_Emulated):
    """Of one event loop. A tone as long as the text; with decode steps in pieces, each of which takes one."""

    sample_rate = VOICE_RATE
    voices: Sequence[str] = (VOICE,)

    def __init__(self, profile: Profile, clock: Clock, seed: int) -> None:
        super().__init__(profile, clock, seed)
        self._together = Together(self._timing, clock, self.max_batch)
        self._in_pieces = profile.decode_alpha_ms is not None

    async def speak(self, speech: Speech) -> AsyncIterator[Sound]:
        if speech.voice not in ("", VOICE):
            raise EngineError(f"emulated has no voice '{speech.voice}'; there is: {VOICE}")
        if not speech.text.strip():
            return
        samples = _tone(len(speech.text) / _CHARACTERS_A_SECOND / speech.speed)
        size = int(_PIECE_SECONDS * VOICE_RATE) if self._in_pieces else len(samples)
        async with self._together.place():
            await self._together.start()
            for at in range(0, len(samples), size):
                if at:
                    await self._together.step()
                yield Sound(samples[at : at + size])


_ENGINES: dict[Stage, Callable[[Profile, Clock, int], Engine]] = {
    "vad": EmulatedVad,
    "asr": EmulatedRecognizer,
    "llm": EmulatedLanguageModel,
    "tts": EmulatedSynthesizer,
    "diarization": EmulatedSpeakerEncoder,
}


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int, clock: Clock | None = None) -> Engine:  # noqa: ARG001 (neither files nor threads are needed)
    """Options: hardware (whose profile is followed; default: the first), seed."""
    if stage not in _ENGINES:
        raise EngineError(f"{label(variant)} can't emulate stage {stage}; it can: {', '.join(_ENGINES)}")
    return _ENGINES[stage](_profile(variant), clock or RealClock(), option(variant, "seed", 0))


def _profile(variant: Variant) -> Profile:
    wanted = option(variant, "hardware", "")
    for profile in variant.profiles:
        if wanted in ("", profile.hardware):
            return profile
    known = ", ".join(profile.hardware for profile in variant.profiles) or "none"
    raise EngineError(f"{label(variant)} has no profile for hardware '{wanted}'; there is: {known}")


def _words(utterance: Utterance) -> tuple[Word, ...]:
    """Spread evenly over the audio."""
    if not utterance.words:
        return ()
    words = TRANSCRIPT.split()
    each = len(utterance.samples) / HEARD_RATE / len(words)
    return tuple(Word(word, index * each, (index + 1) * each) for index, word in enumerate(words))


def _pieces(text: str) -> list[str]:
    first, *others = text.split()
    return [first, *(f" {word}" for word in others)]


def _called(chat: Chat) -> dict[str, Any] | None:
    """A call of a tool, without arguments, only where the chat demands one."""
    if not chat.tools or chat.tool_choice in ("auto", "none"):
        return None
    wanted = chat.tool_choice if isinstance(chat.tool_choice, dict) else chat.tools[0]
    return {
        "index": 0,
        "id": "call_emulated",
        "type": "function",
        "function": {"name": wanted["function"]["name"], "arguments": "{}"},
    }


def _tone(seconds: float) -> Samples:
    """Fades in and out within 10 ms."""
    times = np.arange(max(1, round(seconds * VOICE_RATE))) / VOICE_RATE
    fade = np.clip(np.minimum(times, times[::-1]) / 0.01, 0, 1)
    samples: Samples = (_TONE_LOUDNESS * fade * np.sin(2 * np.pi * _TONE_HERTZ * times)).astype(np.float32)
    return samples
