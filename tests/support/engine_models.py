"""Engines with real model files for tests; a test skips, and says why, where files, package or program are missing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from antiphon_crds.stages import Stage
from antiphon_crds.voicemodel import PypiFile, Variant, VoiceModelSpec
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.engines.registry import create

REPOSITORY = Path(__file__).parents[2]
_CHECKED_BYTES = 4_000_000
"""Larger files are told apart by the smaller ones beside them."""


@contextmanager
def engine(model: str, variant: str, **options: object) -> Iterator[Any]:
    """The engine of a variant in the CPU stack, warm; closed at the end."""
    stage, known = _variants()[model, variant]
    chosen = known.model_copy(update={"options": {**known.options, **options}})
    try:
        loaded = create(stage, chosen, _folder(known), threads=2)
    except EngineError as error:
        if "install it with" not in str(error):
            raise
        pytest.skip(str(error))
    try:
        loaded.warm_up()
        yield loaded
    finally:
        loaded.close()


def variant(model: str, name: str) -> tuple[Stage, Variant]:
    return _variants()[model, name]


@cache
def _variants() -> dict[tuple[str, str], tuple[Stage, Variant]]:
    documents = yaml.safe_load_all((REPOSITORY / "policies" / "models-cpu.yaml").read_text())
    models = {document["metadata"]["name"]: VoiceModelSpec.model_validate(document["spec"]) for document in documents}
    return {
        (name, variant.name): (model.stage, variant) for name, model in models.items() for variant in model.variants
    }


def _folder(variant: Variant) -> Path:
    """The folder in the cache that has the variant's files."""
    root = Path(os.environ.get("ANTIPHON_MODELS", "~/.cache/antiphon/models")).expanduser()
    if variant.source is None or variant.source.pypi is None:
        return root
    files = [file for wheel in variant.source.pypi.wheels for file in wheel.files]
    for found in sorted(root.rglob(_name(files[0]))):
        if all(_fits(found.parent / _name(file), file) for file in files):
            return found.parent
    pytest.skip(f"the files of variant {variant.name} are not in {root}; set ANTIPHON_MODELS")


def _name(file: PypiFile) -> str:
    return file.target or file.path.rpartition("/")[2]


def _fits(path: Path, file: PypiFile) -> bool:
    if not path.is_file():
        return False
    return path.stat().st_size > _CHECKED_BYTES or hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
