"""From a variant to its engine; only the file of the chosen engine is imported.

The file is named as the engine is, with `_` for `-` and `.`, unless it is in `FILES`. It has a function
`create(stage, variant, folder, *, threads)`. That loads the model, which takes seconds: call it off the event loop.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from pathlib import Path

from antiphon_crds.stages import STAGES_OF_ENGINE, Stage
from antiphon_crds.stages import Engine as EngineName
from antiphon_crds.voicemodel import Variant
from antiphon_runtime.engines.needs import label
from antiphon_runtime.engines.protocols import Engine, EngineError

FILES = {"faster-whisper": "whisper"}


def create(stage: Stage, variant: Variant, folder: Path, *, threads: int) -> Engine:
    """The variant's engine, loaded from the model files in `folder`, not yet warm.

    Raises EngineError when a package, a program, a file or an option is not as it must be.
    """
    if stage not in STAGES_OF_ENGINE[variant.engine]:
        served = ", ".join(STAGES_OF_ENGINE[variant.engine])
        raise EngineError(f"{label(variant)} can't serve stage {stage}; it serves {served}")
    if not has(variant.engine):
        raise EngineError(f"{label(variant)} is not in this runtime")
    module = _module(variant.engine)
    try:
        engine: Engine = importlib.import_module(module).create(stage, variant, folder, threads=threads)
    except EngineError:
        raise
    except Exception as error:  # whatever a model library may raise
        raise EngineError(f"{label(variant)} could not be loaded from {folder}: {error}") from error
    return engine


def has(engine: EngineName) -> bool:
    """Whether this runtime has a file for it."""
    return find_spec(_module(engine)) is not None


def _module(engine: EngineName) -> str:
    return f"{__package__}.{FILES.get(engine, engine.replace('-', '_'))}"
