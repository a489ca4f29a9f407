"""What is known of a source whose files are in the cache. A record is written last: where it is, the files are whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from antiphon_crds.voicemodel import Source
from antiphon_runtime.models.checks import Digest


class FileRecord(BaseModel):
    """One file of a folder."""

    model_config = ConfigDict(frozen=True)
    path: str
    """Relative to the folder."""
    size_bytes: int
    digest: str
    """As `sha256:...` or `git:...`."""

    def is_there(self, folder: Path) -> bool:
        """Cheap: by size."""
        try:
            return (folder / self.path).stat().st_size == self.size_bytes
        except OSError:
            return False

    def is_right(self, folder: Path, check: Callable[[], None]) -> bool:
        """Reads the whole file."""
        return self.is_there(folder) and Digest.parse(self.digest).matches(folder / self.path, check)


class Record(BaseModel):
    """What was fetched for a source, and which version of it."""

    model_config = ConfigDict(frozen=True)
    source: dict[str, Any]
    """As the variant gives it."""
    resolved: str
    """What a branch or tag stood for when it was fetched; from then on it is that, until somebody asks anew."""
    folder: str
    """Name of the folder that has the files."""
    files: Annotated[list[FileRecord], Field(min_length=1)]
    fetched_at: str
    """Time in UTC, ISO 8601."""

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def missing(self, folder: Path) -> list[str]:
        """Files that are gone or have another size."""
        return [file.path for file in self.files if not file.is_there(folder)]

    def damaged(self, folder: Path, check: Callable[[], None]) -> list[str]:
        """Files that are gone or have another content. Reads all of them."""
        return [file.path for file in self.files if not file.is_right(folder, check)]


def key_of(source: Source) -> str:
    """Names the record of a source: equal sources have equal keys, whatever model they belong to."""
    return short_sum(json.dumps(source.to_manifest(), sort_keys=True))


def short_sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def read(path: Path) -> Record | None:
    """The record, if it is there and can be understood."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write(path: Path, record: Record) -> None:
    """Whole or not at all, also when the power fails."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(record.model_dump_json(indent=2))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
