"""Weights that the pod already has. They are used where they lie; nothing is copied."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from antiphon_crds.voicemodel import PathSource
from antiphon_runtime.models.cache import Cache
from antiphon_runtime.models.errors import AccessDeniedError, ModelNotFoundError
from antiphon_runtime.models.records import short_sum


def folder_of(source: PathSource, cache: Cache) -> Path:
    """The folder itself, or, for a file, a folder in the cache that has a link to it and nothing else."""
    path = Path(source.path)
    if not path.exists():
        raise ModelNotFoundError(f"{path} is not there", "mount a volume there, or use an image that has it")
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise AccessDeniedError(f"{path} may not be read by user {os.getuid()}", "change its owner or its mode")
    if not path.is_dir():
        return _alone(path, cache)
    if not any(path.iterdir()):
        raise ModelNotFoundError(f"{path} is empty", "is the volume filled?")
    return path


def _alone(file: Path, cache: Cache) -> Path:
    folder = cache.folder(f"path-{short_sum(str(file))}")
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (folder / file.name).symlink_to(file)
    return folder
