"""Whisper through faster-whisper (CTranslate2), on CPU or CUDA.

Whisper pads all audio to 30 s. Here it is padded to 10 s, which is three to five times as fast; where that makes it
loop, the utterance is heard again at 30 s. Options: `windowSeconds` of the shorter window, `device` (cpu or cuda; default:
cuda for a variant that takes GPU memory), `deviceIndex`, `maxBatch` (default: the profile's; on a CPU a batch saves
nothing, a GPU hears it in one go).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from antiphon_crds.stages import Precision, Stage
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.cuda_libraries import preload
from antiphon_runtime.engines.needs import count, give_back_memory, imported, label, let_openmp_sleep, option
from antiphon_runtime.engines.protocols import HEARD_RATE, EngineError, Samples, Transcript, Utterance, Word
from antiphon_runtime.engines.whisper_windows import (
    FRAMES_A_SECOND,
    FULL_WINDOW_FRAMES,
    is_loop,
    pieces,
    window_frames,
)

_COMPUTE_TYPES: dict[Precision, str] = {
    "fp32": "float32",
    "tf32": "float32",
    "fp16": "float16",
    "bf16": "bfloat16",
    "int8": "int8",
    "int8_fp16": "int8_float16",
    "none": "default",
}
_TOKENS_A_SECOND, _LEAST_TOKENS, _MOST_TOKENS = 10, 16, 224
"""Nobody speaks faster; more is a loop."""
_SHORTEST_SAMPLES = HEARD_RATE // 20
"""In less nobody has said a word."""
_LIKELY_SILENCE, _UNLIKELY_TEXT = 0.6, -1.0
"""Above the one and below the other (mean log probability) it was silence, and the text was made up."""


@dataclass(frozen=True)
class _Piece:
    """Audio that fits one window, and how it is to be heard."""

    utterance: Utterance
    samples: Samples
    mel: Any
    window: int
    """Frames."""

    @property
    def beam(self) -> int:
        return self.utterance.beam_size if self.utterance.final else 1

    @property
    def key(self) -> tuple[int, int, str, str]:
        """What the pieces of a batch have in common."""
        return self.window, self.beam, self.utterance.prompt, self.utterance.language

    @property
    def most_tokens(self) -> int:
        return min(_MOST_TOKENS, _LEAST_TOKENS + _TOKENS_A_SECOND * len(self.samples) // HEARD_RATE)


@dataclass(frozen=True)
class _Heard:
    text: str
    language: str
    no_speech: float
    is_loop: bool
    words: tuple[Word, ...] = field(default=())


class Whisper:
    """Called from one thread at a time; CTranslate2 uses its own threads below."""

    name = "faster-whisper"
    emulated = False

    def __init__(self, model: Any, tokenizer_type: Any, storage: Any, *, max_batch: int, window_seconds: float) -> None:
        self.max_batch = max_batch
        self._model = model
        self._tokenizer_type = tokenizer_type
        self._storage = storage
        self._least_frames = int(window_seconds * FRAMES_A_SECOND)

    def transcribe(self, utterances: Sequence[Utterance]) -> list[Transcript]:
        if self._model is None:
            raise EngineError("faster-whisper is closed")
        cut = [[self._piece(utterance, samples) for samples in pieces(utterance.samples)] for utterance in utterances]
        heard = iter(self._hear([piece for parts in cut for piece in parts]))
        return [_joined(parts, [next(heard) for _ in parts]) for parts in cut]

    def warm_up(self) -> None:
        """On a GPU with the largest batch, so that memory runs out now or never."""
        silence = Utterance(np.zeros(HEARD_RATE, np.float32), words=True)
        self.transcribe([silence] * (self.max_batch if self._model.model.device == "cuda" else 1))

    def close(self) -> None:
        if self._model is not None:
            self._model.model.unload_model()
        self._model = None
        give_back_memory()

    def _piece(self, utterance: Utterance, samples: Samples) -> _Piece:
        samples = np.ascontiguousarray(samples, np.float32)
        mel = self._model.feature_extractor(samples)[:, : len(samples) * FRAMES_A_SECOND // HEARD_RATE + 1]
        return _Piece(utterance, samples, mel, window_frames(len(samples), self._least_frames))

    def _hear(self, parts: Sequence[_Piece]) -> list[_Heard]:
        """Each piece as it is heard; a final one that loops is heard again in the full window."""
        heard = self._hear_once(parts)
        again = [index for index, piece in enumerate(parts) if heard[index].is_loop and _has_longer_window(piece)]
        second = self._hear_once([replace(parts[index], window=FULL_WINDOW_FRAMES) for index in again])
        for index, better in zip(again, second, strict=True):
            heard[index] = better
        return heard

    def _hear_once(self, parts: Sequence[_Piece]) -> list[_Heard]:
        order = sorted(range(len(parts)), key=lambda index: parts[index].key)
        heard: dict[int, _Heard] = {}
        for _, group in groupby(order, key=lambda index: parts[index].key):
            alike = list(group)
            for at in range(0, len(alike), self.max_batch):
                batch = alike[at : at + self.max_batch]
                heard.update(zip(batch, self._hear_batch([parts[index] for index in batch]), strict=True))
        return [heard[index] for index in range(len(parts))]

    def _hear_batch(self, batch: Sequence[_Piece]) -> list[_Heard]:
        features = np.stack([_fitted(piece.mel, piece.window) for piece in batch])
        encoded = self._model.model.encode(self._storage.from_array(features), to_cpu=False)
        languages = self._languages(batch, encoded)
        tokenizers = {language: self._tokenizer(language) for language in set(languages)}
        prompts = [self._prompt(tokenizers[language], batch[0].utterance.prompt) for language in languages]
        most = max(piece.most_tokens for piece in batch)
        results = self._model.model.generate(
            encoded,
            prompts,
            beam_size=batch[0].beam,
            max_length=2 * most,  # CTranslate2 takes half of it for new tokens
            suppress_blank=True,
            return_scores=True,
            return_no_speech_prob=True,
        )
        heard = [
            _understood(result, tokenizers[language], language, piece)
            for result, language, piece in zip(results, languages, batch, strict=True)
        ]
        if not any(piece.utterance.words for piece in batch):
            return heard
        tokens = [result.sequences_ids[0] for result in results]
        return self._with_words(batch, heard, tokens, encoded, tokenizers)

    def _with_words(
        self,
        batch: Sequence[_Piece],
        heard: Sequence[_Heard],
        tokens: Sequence[list[int]],
        encoded: Any,
        tokenizers: dict[str, Any],
    ) -> list[_Heard]:
        """Times of words by the attention of the decoder; one language after another, as its first tokens differ."""
        found = list(heard)
        for language, tokenizer in tokenizers.items():
            spoken = [
                [token for token in ids if token < tokenizer.eot] if piece.language == language and piece.text else []
                for ids, piece in zip(tokens, heard, strict=True)
            ]
            if not any(spoken):
                continue
            frames = [min(piece.mel.shape[-1], piece.window) for piece in batch]
            aligned = self._model.find_alignment(tokenizer, spoken, encoded, frames)
            for index, (words, ids) in enumerate(zip(aligned, spoken, strict=True)):
                if ids and batch[index].utterance.words:
                    found[index] = replace(heard[index], words=_words(words))
        return found

    def _languages(self, batch: Sequence[_Piece], encoded: Any) -> list[str]:
        """As the utterances say; detected where they say nothing."""
        wanted = [piece.utterance.language for piece in batch]
        if not self._model.model.is_multilingual:
            return ["en"] * len(batch)
        if all(wanted):
            return wanted
        guessed = self._model.model.detect_language(encoded)
        return [language or guess[0][0][2:-2] for language, guess in zip(wanted, guessed, strict=True)]

    def _tokenizer(self, language: str) -> Any:
        base = language.partition("-")[0].lower()
        if self._model.model.is_multilingual and base not in self._model.supported_languages:
            raise EngineError(f"faster-whisper does not know language '{language}'")
        multilingual = self._model.model.is_multilingual
        return self._tokenizer_type(self._model.hf_tokenizer, multilingual, task="transcribe", language=base)

    def _prompt(self, tokenizer: Any, before: str) -> list[int]:
        known = tokenizer.encode(" " + before.strip()) if before.strip() else []
        prompt: list[int] = self._model.get_prompt(tokenizer, known, without_timestamps=True)
        return prompt


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int) -> Whisper:  # noqa: ARG001 (asr only)
    let_openmp_sleep()
    device = option(variant, "device", "cuda" if variant.memory.gpu is not None else "cpu")
    window_seconds = option(variant, "windowSeconds", 10.0)
    if not 1 <= window_seconds <= 30:
        raise EngineError(f"{label(variant)}: option windowSeconds is {window_seconds}; give 1 to 30")
    if variant.precision not in _COMPUTE_TYPES:
        known = ", ".join(_COMPUTE_TYPES)
        raise EngineError(f"{label(variant)} has precision {variant.precision}; faster-whisper knows {known}")
    for name in ("model.bin", "config.json", "tokenizer.json"):
        if not (folder / name).is_file():  # it would be asked of a hub
            raise EngineError(f"{label(variant)} needs {name} in {folder}")
    if device == "cuda":
        _prepare_cuda(variant)
    library = imported("faster_whisper", variant, package="faster-whisper")
    tokenizer = imported("faster_whisper.tokenizer", variant, package="faster-whisper")
    model = library.WhisperModel(
        str(folder),
        device=device,
        device_index=option(variant, "deviceIndex", 0),
        compute_type=_COMPUTE_TYPES[variant.precision],
        cpu_threads=threads,
        local_files_only=True,
    )
    measured = variant.profiles[0].max_batch if variant.profiles else 1 if device == "cpu" else 16
    max_batch = count(variant, "maxBatch", measured)
    storage = imported("ctranslate2", variant, package="ctranslate2").StorageView
    return Whisper(model, tokenizer.Tokenizer, storage, max_batch=max_batch, window_seconds=window_seconds)


def _prepare_cuda(variant: Variant) -> None:
    """Raises EngineError where there is no GPU. CTranslate2 opens cuBLAS and cuDNN by name when it first needs them."""
    preload("libcublasLt.so.12", "libcublas.so.12", "libcudnn.so.9", "libcudnn_*.so.9")
    if imported("ctranslate2", variant, package="ctranslate2").get_cuda_device_count() < 1:
        raise EngineError(f"{label(variant)} needs a GPU, and CTranslate2 sees none; is this pod given one?")


def _has_longer_window(piece: _Piece) -> bool:
    return piece.utterance.final and piece.window < FULL_WINDOW_FRAMES


def _fitted(mel: Any, frames: int) -> Any:
    mel = mel[:, :frames]
    return np.pad(mel, ((0, 0), (0, frames - mel.shape[1]))).astype(np.float32, copy=False)


def _understood(result: Any, tokenizer: Any, language: str, piece: _Piece) -> _Heard:
    ids = result.sequences_ids[0]
    text = tokenizer.decode([token for token in ids if token < tokenizer.eot]).strip()
    was_silence = result.no_speech_prob > _LIKELY_SILENCE and result.scores[0] < _UNLIKELY_TEXT
    if was_silence or len(piece.samples) < _SHORTEST_SAMPLES or not any(map(str.isalnum, text)):
        return _Heard("", language, result.no_speech_prob, is_loop=False)
    return _Heard(text, language, result.no_speech_prob, is_loop(text) or len(ids) >= piece.most_tokens)


def _words(aligned: Sequence[dict[str, Any]]) -> tuple[Word, ...]:
    """Words in Whisper's cut have a space before them; what has none, such as a comma, belongs to the one before."""
    found: list[Word] = []
    for word in aligned:
        start, end = float(word["start"]), float(word["end"])
        if found and not word["word"].startswith(" "):
            found[-1] = Word(found[-1].text + word["word"], found[-1].start_seconds, end)
        elif word["word"].strip():
            found.append(Word(word["word"].strip(), start, end))
    return tuple(found)


def _joined(parts: Sequence[_Piece], heard: Sequence[_Heard]) -> Transcript:
    words: list[Word] = []
    before = 0.0
    for piece, said in zip(parts, heard, strict=True):
        words += [Word(word.text, before + word.start_seconds, before + word.end_seconds) for word in said.words]
        before += len(piece.samples) / HEARD_RATE
    return Transcript(
        text=" ".join(said.text for said in heard if said.text),
        language=heard[0].language,
        words=tuple(words),
        no_speech_probability=min(said.no_speech for said in heard),
    )
