"""Which variants the documents of a user's files name."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from antiphon_crds.base import Contract
from antiphon_crds.documents import Document
from antiphon_crds.manifests import LocatedProblem, is_foreign, load, read_documents
from antiphon_crds.runtime_config import ModelConfig, RuntimeConfig, StageConfig
from antiphon_crds.voicemodel import Variant, VoiceModel

_OURS: dict[str, type[Contract]] = {"VoiceModel": VoiceModel, "RuntimeConfig": RuntimeConfig}
Named = tuple[str, Variant]
"""A model's name and a variant of it."""


class WrongFilesError(Exception):
    """Files that can't be used; a line a problem."""


def read_variants(files: Iterable[str]) -> list[Named]:
    """Every variant of the VoiceModels and RuntimeConfigs in the files, each once; other kinds are passed over."""
    found: list[Named] = []
    for file in files:
        for item in _objects(file):
            found += [named for named in _variants(item) if named not in found]
    return found


def _objects(file: str) -> list[Contract]:
    documents = [document for document in read_documents(file, _text(file)) if not _is_passed_over(document)]
    loaded = [item if isinstance(item, LocatedProblem) else load(item, _OURS) for item in documents]
    problems = [str(item) for item in loaded if isinstance(item, LocatedProblem)]
    objects: list[Contract] = []
    for item in loaded:
        if isinstance(item, LocatedProblem):
            continue
        problems += map(str, item.problems)
        objects += [item.object] if item.object is not None else []
    if problems:
        raise WrongFilesError("\n".join(problems))
    return objects


def _is_passed_over(document: Document | LocatedProblem) -> bool:
    if isinstance(document, LocatedProblem):
        return False
    kind = document.data.get("kind") if isinstance(document.data, dict) else None
    return is_foreign(document) or (isinstance(kind, str) and kind not in _OURS)


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongFilesError(f"{file}: can't be read: {error}") from error


def _variants(item: Contract) -> Iterator[Named]:
    if isinstance(item, VoiceModel):
        yield from ((item.metadata.name, variant) for variant in item.spec.variants)
    if isinstance(item, RuntimeConfig):
        for stage in item.stages:
            yield from ((config.model, variant) for config in _models(stage) for variant in config.variants)


def _models(stage: StageConfig) -> list[StageConfig | ModelConfig]:
    return [stage, *(config for config in (stage.trial, stage.turn_end) if config is not None)]
