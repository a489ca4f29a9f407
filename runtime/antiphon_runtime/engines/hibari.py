"""Hibari: a small English voice. Speaks sentence by sentence and knows when each sound starts and ends.

The way from text to phonemes is the package's own; the voices are the model files. The graph knows how long each phoneme
lasts but does not tell; an output is added to it for that.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import give_back_memory, imported, label
from antiphon_runtime.engines.protocols import EngineError, Samples, Sound, Speech

_STEP_SECONDS = 0.025
"""Unit of the durations in the graph."""
_DURATIONS = b"/Clip_output_0"
_PAUSE = "_"
_BEFORE, _AFTER = "ˈˌ", "\u02d0"
"""Marks that belong to the phoneme after them, and before them."""
_LEAST_IDS = 3
Value = TypeVar("Value")


@dataclass(frozen=True)
class _Voice:
    """Safe to be used by several threads at once."""

    reader: Any
    session: Any
    synthesize: Any
    tells_durations: bool

    def phonemes(self, sentence: str) -> list[str]:
        found: list[str] = self.reader.phonemize(sentence)
        return found

    def say(self, phonemes: str, speed: float) -> Sound | None:
        ids = self.reader.ids(phonemes)
        if len(ids) < _LEAST_IDS:
            return None
        outputs = self.session.run(None, {"ids": np.array([ids], np.int64), "speed": np.array([speed], np.float32)})
        samples: Samples = self.synthesize(*(output[0] for output in outputs[:6]), np.random.default_rng(0))
        if not self.tells_durations:
            return Sound(samples)
        symbols = [_PAUSE, *(symbol for symbol in phonemes if symbol in self.reader.vocab), _PAUSE]
        return Sound(samples, marks(symbols, [float(steps) * _STEP_SECONDS for steps in outputs[6]]))


class Hibari:
    """Speeches may be asked for from one event loop at a time; `max_batch` are computed at once, more wait."""

    name = "hibari"
    emulated = False

    def __init__(self, voices: dict[str, _Voice], sample_rate: int, threads: int) -> None:
        self.sample_rate = sample_rate
        self.max_batch = threads
        self.voices: Sequence[str] = tuple(voices)
        self._voices = voices
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="hibari")

    async def speak(self, speech: Speech) -> AsyncIterator[Sound]:
        """A sound for each sentence. Closing it lets the sentence that is being computed end unheard."""
        voice = self._voice(speech.voice)
        for sentence in voice.reader.split_sentences(speech.text):
            for phonemes in await self._compute(voice.phonemes, sentence):
                if sound := await self._compute(voice.say, phonemes, speech.speed):
                    yield sound

    def warm_up(self) -> None:
        for voice in self._voices.values():
            for phonemes in voice.phonemes("Hello there, how are you?"):
                voice.say(phonemes, 1.0)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._voices = {}
        give_back_memory()

    def _voice(self, name: str) -> _Voice:
        if not self._voices:
            raise EngineError("hibari is closed")
        try:
            return self._voices[name or self.voices[0]]
        except KeyError:
            raise EngineError(f"hibari has no voice '{name}'; there are: {', '.join(self.voices)}") from None

    async def _compute(self, function: Callable[..., Value], *given: Any) -> Value:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *given)
        except Exception as error:
            raise EngineError(f"hibari: {error}") from error


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int) -> Hibari:  # noqa: ARG001 (tts only)
    library = imported("hibari", variant, package="hibari-tts")
    known = json.loads((folder / "voices.json").read_text(encoding="utf-8"))
    there = {name: about for name, about in known.items() if (folder / about["file"]).is_file()}
    if not there:
        raise EngineError(f"{label(variant)} finds no voice's file in {folder}; voices.json knows: {', '.join(known)}")
    voices = {name: _load(variant, folder, name, about) for name, about in there.items()}
    return Hibari(voices, library.SAMPLE_RATE, max(1, threads))


def _load(variant: Variant, folder: Path, name: str, about: dict[str, Any]) -> _Voice:
    library = imported("hibari", variant, package="hibari-tts")
    to_phonemes = imported("hibari.g2p", variant, package="hibari-tts").G2P(british=about["british"])
    path = folder / about["file"]
    graph = path.read_bytes()
    tells_durations = _DURATIONS in graph
    reader = library.Hibari(voice=name, model=str(path), threads=1, g2p=to_phonemes)
    reader.sess = _session(variant, with_output(graph, _DURATIONS) if tells_durations else graph)
    synthesize = imported("hibari.dsp", variant, package="hibari-tts").synth
    return _Voice(reader, reader.sess, synthesize, tells_durations)


def _session(variant: Variant, graph: bytes) -> Any:
    onnxruntime = imported("onnxruntime", variant, package="onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def with_output(graph: bytes, name: bytes) -> bytes:
    """The ONNX file with one more output. Protobuf merges what follows: a graph that has only that output."""
    output = b"\x62" + _sized(b"\x0a" + _sized(name))
    return graph + b"\x3a" + _sized(output)


def _sized(content: bytes) -> bytes:
    if len(content) > 127:
        raise ValueError("a name of more than about 120 bytes")
    return bytes([len(content)]) + content


def marks(symbols: Sequence[str], seconds: Sequence[float]) -> tuple[tuple[str, float, float], ...]:
    """Phonemes with start and end. The time of a stress or length mark goes to the phoneme that it belongs to."""
    found: list[tuple[str, float, float]] = []
    start = now = 0.0
    for symbol, length in zip(symbols, seconds, strict=True):
        now += length
        if symbol in _BEFORE:
            continue
        if symbol in _AFTER and found:
            found[-1] = (found[-1][0], found[-1][1], now)
        else:
            found.append((symbol, start, now))
        start = now
    return tuple(found)
