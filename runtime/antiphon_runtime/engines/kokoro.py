"""Kokoro (82 M parameters, 24 kHz) through onnxruntime. Speaks clause by clause.

Files as in onnx-community/Kokoro-82M-v1.0-ONNX (`model*.onnx`, `voices/*.bin`, `tokenizer.json`) or in kokoro-onnx
(`kokoro*.onnx`, `voices*.bin`, with a `config.json` of the model). The weights of hexgrad/Kokoro-82M (`.pth`) are for
torch. Options: `file` (which model), `voice` (the default one), `phonemes` (auto, hibari or espeak), `program` (of
espeak-ng), `tf32`, `maxBatch`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from antiphon_crds.stages import Precision, Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.hibari import marks
from antiphon_runtime.engines.kokoro_phonemes import LANGUAGES, Phonemes, Phonemizer
from antiphon_runtime.engines.needs import count, give_back_memory, label, option
from antiphon_runtime.engines.onnx_devices import is_on_cuda, session
from antiphon_runtime.engines.protocols import EngineError, Samples, Sound, Speech

_log = logging.getLogger(__name__)
_RATE = 24_000
_STYLE_SIZE = 256
_MOST_IDS = 510
"""Phonemes that the model takes at once."""
_PAUSE = 0
"""Id before the first phoneme and after the last."""
_LONG_CLAUSE = 60
"""Letters from which a sentence is also cut at a comma."""
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”)]*\s+|\n+")
_CLAUSE_END = re.compile(r"(?<=[,;:—])\s+")
_FILES: dict[Precision, tuple[str, ...]] = {
    "fp32": ("model.onnx", "kokoro-v1.0.onnx"),
    "tf32": ("model.onnx", "kokoro-v1.0.onnx"),
    "fp16": ("model_fp16.onnx", "kokoro-v1.0.fp16.onnx"),
    "int8": ("model_quantized.onnx", "model_uint8.onnx", "kokoro-v1.0.int8.onnx"),
    "int8_fp16": ("model_q8f16.onnx", "model_uint8f16.onnx"),
    "int4": ("model_q4.onnx", "model_q4f16.onnx"),
}
Value = TypeVar("Value")


class Model:
    """The graph. Safe to be used by several threads at once."""

    def __init__(self, found: Any, vocabulary: Mapping[str, int]) -> None:
        self._session = found
        self._vocabulary = vocabulary
        kinds = {given.name: given.type for given in found.get_inputs()}
        self._ids_name = "input_ids" if "input_ids" in kinds else "tokens"
        if not {self._ids_name, "style", "speed"} <= kinds.keys():
            raise EngineError(f"kokoro: the model has inputs {', '.join(kinds)}; it needs input_ids, style and speed")
        self._speed_kind = np.int32 if "int" in kinds["speed"] else np.float32
        names = [output.name for output in found.get_outputs()]
        self._tells_durations = len(names) > 1 and names[1].startswith("duration")

    def known(self, phonemes: str) -> str:
        """Without what the model has no id for."""
        return "".join(symbol for symbol in phonemes if symbol in self._vocabulary)

    def say(self, phonemes: str, style: Samples, speed: float) -> Sound:
        """Only known phonemes, at most 510."""
        ids = [_PAUSE, *(self._vocabulary[symbol] for symbol in phonemes), _PAUSE]
        pace = max(1, round(speed)) if self._speed_kind is np.int32 else speed
        given = {
            self._ids_name: np.array([ids], np.int64),
            "style": np.ascontiguousarray(style[min(len(phonemes), len(style) - 1)], np.float32),
            "speed": np.array([pace], self._speed_kind),
        }
        outputs = self._session.run(None, given)
        samples = np.asarray(outputs[0], np.float32).reshape(-1)
        if not self._tells_durations:
            return Sound(samples)
        return Sound(samples, _marks(phonemes, np.asarray(outputs[1], np.float64).reshape(-1), len(samples)))


class Kokoro:
    """Speeches may be asked for from one event loop at a time; `max_batch` are computed at once, more wait."""

    name = "kokoro"
    emulated = False
    sample_rate = _RATE

    def __init__(self, model: Model, styles: Mapping[str, Samples], phonemes: Phonemes, *, max_batch: int) -> None:
        """`styles` by voice, the default one first."""
        self.max_batch = max_batch
        self.voices: Sequence[str] = tuple(styles)
        self._model: Model | None = model
        self._styles = styles
        self._phonemes = phonemes
        self._threads = ThreadPoolExecutor(max_batch, thread_name_prefix="kokoro")

    async def speak(self, speech: Speech) -> AsyncIterator[Sound]:
        """A sound for each clause. Closing it lets the clause that is being computed end unheard."""
        voice = speech.voice or self.voices[0]
        if voice not in self._styles:
            raise EngineError(f"kokoro has no voice '{voice}'; there are: {', '.join(self.voices)}")
        for clause in clauses(speech.text):
            for phonemes in await self._compute(self._read, voice, clause):
                yield await self._compute(self._say, phonemes, voice, speech.speed)

    def warm_up(self) -> None:
        """The first lengths of all are slow on CUDA: a short one, a usual one."""
        for text in ("Hello.", "Hello there, how are you doing today?"):
            for phonemes in self._read(self.voices[0], text):
                self._say(phonemes, self.voices[0], 1.0)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._model = None
        give_back_memory()

    def _read(self, voice: str, clause: str) -> list[str]:
        phonemes = self._loaded().known(self._phonemes.of_voice(voice)(clause))
        return list(portions(phonemes)) if any(map(str.isalpha, phonemes)) else []

    def _say(self, phonemes: str, voice: str, speed: float) -> Sound:
        return self._loaded().say(phonemes, self._styles[voice], speed)

    def _loaded(self) -> Model:
        if self._model is None:
            raise EngineError("kokoro is closed")
        return self._model

    async def _compute(self, function: Callable[..., Value], *given: Any) -> Value:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *given)
        except EngineError:
            raise
        except Exception as error:
            reason = "closed" if self._model is None else str(error)
            raise EngineError(f"kokoro: {reason}") from error


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int) -> Kokoro:  # noqa: ARG001 (tts only)
    path = model_path(variant, folder)
    vocabulary = _vocabulary(variant, folder)
    phonemes = Phonemes(variant)
    styles = _first(variant, _readable(_styles(variant, folder), phonemes))
    found = session(variant, path, threads=threads)
    at_once = 4 if is_on_cuda(found) else 1
    return Kokoro(Model(found, vocabulary), styles, phonemes, max_batch=count(variant, "maxBatch", at_once))


def clauses(text: str) -> list[str]:
    """Sentences, and the clauses of long ones."""
    found = []
    for sentence in filter(str.strip, _SENTENCE_END.split(text)):
        found += _CLAUSE_END.split(sentence.strip()) if len(sentence) > _LONG_CLAUSE else [sentence.strip()]
    return [clause for clause in found if any(map(str.isalnum, clause))]


def portions(phonemes: str) -> Iterator[str]:
    """Of no more than the model takes, cut between words where there are any."""
    while len(phonemes) > _MOST_IDS:
        cut = phonemes.rfind(" ", 1, _MOST_IDS + 1)
        cut = cut if cut > 0 else _MOST_IDS
        yield phonemes[:cut]
        phonemes = phonemes[cut:].lstrip(" ")
    yield phonemes


def model_path(variant: Variant, folder: Path) -> Path:
    """The file for the variant's precision; where there is only one, that one."""
    there = {path.name: path for place in (folder, folder / "onnx") for path in sorted(place.glob("*.onnx"))}
    wanted = option(variant, "file", "")
    names = (wanted,) if wanted else _FILES.get(variant.precision, ())
    for name in names:
        if name in there:
            return there[name]
    if len(there) == 1 and not wanted:
        return next(iter(there.values()))
    listed = ", ".join(sorted(there)) or "none"
    hint = "; its .pth is for torch: use onnx-community/Kokoro-82M-v1.0-ONNX" if any(folder.glob("*.pth")) else ""
    raise EngineError(
        f"{label(variant)} needs {' or '.join(names) or 'one .onnx'} in {folder}; there is: {listed}{hint}"
    )


def _vocabulary(variant: Variant, folder: Path) -> dict[str, int]:
    """Ids of phonemes, from the tokenizer's file or the model's configuration."""
    for name, keys in (("tokenizer.json", ("model", "vocab")), ("config.json", ("vocab",))):
        if not (folder / name).is_file():
            continue
        found: Any = json.loads((folder / name).read_text(encoding="utf-8"))
        for key in keys:
            found = found.get(key, {})
        if found:
            return {str(symbol): int(number) for symbol, number in found.items()}
    raise EngineError(f"{label(variant)} needs tokenizer.json or config.json with the phonemes' ids in {folder}")


def _styles(variant: Variant, folder: Path) -> dict[str, Samples]:
    """Of each voice: one style for each number of phonemes."""
    if raw := sorted((folder / "voices").glob("*.bin")):
        return {path.stem: _shaped(path.name, np.fromfile(path, "<f4")) for path in raw}
    for path in sorted([*folder.glob("voices*.bin"), *folder.glob("voices*.npz")]):
        with np.load(path, allow_pickle=False) as archive:
            return {name: _shaped(name, archive[name]) for name in archive.files}
    raise EngineError(f"{label(variant)} needs voices/*.bin or voices*.bin in {folder}")


def _shaped(name: str, style: Any) -> Samples:
    if style.size == 0 or style.size % _STYLE_SIZE:
        raise EngineError(f"kokoro: voice {name} has {style.size} numbers; it needs a multiple of {_STYLE_SIZE}")
    shaped: Samples = np.asarray(style, np.float32).reshape(-1, 1, _STYLE_SIZE)
    return shaped


def _readable(styles: Mapping[str, Samples], phonemes: Phonemes) -> dict[str, Samples]:
    """Those voices for whose language there are phonemes. Raises EngineError where that is none."""
    can_read: dict[str, Phonemizer] = {}
    first: EngineError | None = None
    for letter in sorted({voice[:1] for voice in styles}):
        try:
            can_read[letter] = phonemes.of_voice(letter)
        except EngineError as error:
            first = first or error
            _log.info("voices %s... are left out: %s", letter, error)
    if not can_read:
        raise first or EngineError("kokoro: there are no voices")
    return {voice: style for voice, style in styles.items() if voice[:1] in can_read}


def _first(variant: Variant, styles: dict[str, Samples]) -> dict[str, Samples]:
    """With the default voice first: what the option says, else the one that its makers rate best, else any."""
    wanted = option(variant, "voice", "")
    if wanted and wanted not in styles:
        raise EngineError(f"{label(variant)} has no voice '{wanted}'; there are: {', '.join(styles)}")
    order = sorted(styles, key=lambda voice: (voice != wanted, voice != "af_heart", list(LANGUAGES).index(voice[0])))
    return {voice: styles[voice] for voice in order}


def _marks(phonemes: str, durations: Any, samples: int) -> tuple[tuple[str, float, float], ...]:
    """The durations are in steps of the model; together they are the samples."""
    symbols = ["_", *phonemes, "_"]
    if len(durations) != len(symbols) or durations.sum() <= 0:
        return ()
    seconds = durations / durations.sum() * samples / _RATE
    return marks(symbols, [float(length) for length in seconds])
