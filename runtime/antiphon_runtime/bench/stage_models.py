"""The model that is measured, and what it hears."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from antiphon_crds.manifests import LocatedProblem, load, read_documents
from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import Variant, VoiceModel
from antiphon_runtime.bench.clips import Clip, cut_to, noise_clip, spoken_clips
from antiphon_runtime.bench.texts import SENTENCES
from antiphon_runtime.engines.protocols import HEARD_RATE, EngineError, Samples
from antiphon_runtime.engines.registry import create
from antiphon_runtime.models.errors import ModelError
from antiphon_runtime.models.store import ModelStore

_log = logging.getLogger(__name__)
_VOICE_ENGINE = "hibari"


class ModelsError(Exception):
    """The model asked for is not there, or not valid; the text says where and why."""


def voice_models(paths: Sequence[Path]) -> Iterator[VoiceModel]:
    """Raises ModelsError where a file can't be read or a VoiceModel in it is not valid."""
    for path in paths:
        for document in read_documents(str(path), path.read_text(encoding="utf-8")):
            if isinstance(document, LocatedProblem):
                raise ModelsError(str(document))
            if not isinstance(document.data, dict) or document.data.get("kind") != "VoiceModel":
                continue
            found = load(document, {"VoiceModel": VoiceModel})
            if not isinstance(found.object, VoiceModel):
                raise ModelsError("\n".join(map(str, found.problems)))
            yield found.object


def chosen(paths: Sequence[Path], model: str, variant: str | None) -> tuple[Stage, Variant]:
    """`variant`: None is the model's first."""
    known = {found.metadata.name: found.spec for found in voice_models(paths)}
    if model not in known:
        raise ModelsError(f"--model {model}: is not in these files; use one of {', '.join(known) or '(none is there)'}")
    variants = {each.name: each for each in known[model].variants}
    if variant is not None and variant not in variants:
        raise ModelsError(f"--variant {variant}: model {model} has none of this name; use one of {', '.join(variants)}")
    return known[model].stage, known[model].variants[0] if variant is None else variants[variant]


def loaded(
    stage: Stage, model: str, variant: Variant, cache: Path, threads: int, *, offline: bool
) -> tuple[Any, float]:
    """The engine, warm, and the seconds that loading and warming it took; fetching its files is not part of them."""
    folder = ModelStore(cache, offline=offline).folder(model, variant)
    began = time.perf_counter()
    engine = create(stage, variant, folder, threads=threads)
    try:
        engine.warm_up()
    except BaseException:
        engine.close()
        raise
    return engine, time.perf_counter() - began


def heard(paths: Sequence[Path], cache: Path, seconds: float) -> list[Samples]:
    """Utterances of that length at 16 kHz."""
    clips = _speech(paths, cache) or [noise_clip(seconds, seed) for seed in range(len(SENTENCES))]
    return [cut_to(clip, seconds, HEARD_RATE) for clip in clips]


def _speech(paths: Sequence[Path], cache: Path) -> list[Clip]:
    """Spoken by the first voice of the engine hibari that is in the files and in the cache. Empty: there is none."""
    store = ModelStore(cache, offline=True)
    for model in voice_models(paths):
        for variant in model.spec.variants:
            if variant.engine != _VOICE_ENGINE:
                continue
            try:
                voice: Any = create("tts", variant, store.folder(model.metadata.name, variant), threads=1)
            except (EngineError, ModelError) as error:
                _log.info("no speech to be heard: %s", error)
                continue
            try:
                return spoken_clips(voice, SENTENCES)
            finally:
                voice.close()
    return []
