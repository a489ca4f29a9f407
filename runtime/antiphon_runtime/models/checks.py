"""Whether files are what they should be, where they should be, and whether there is room for them."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from antiphon_runtime.models.errors import DamagedModelError, OutOfSpaceError, UnsupportedSourceError
from antiphon_runtime.models.progress import in_words

CHUNK_BYTES = 1024 * 1024
Algorithm = Literal["sha256", "git"]
_LENGTHS: dict[Algorithm, int] = {"sha256": 64, "git": 40}
_SPARE_BYTES = 64 * 1024 * 1024
"""Left free on the cache's disk, so that the pod can still log and write its state."""


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file's content must sum up to. `git` is git's name of a blob: SHA-1 over its length and content."""

    algorithm: Algorithm
    value: str

    @staticmethod
    def parse(text: str) -> Digest:
        """Reads what `str` writes; a sum that we can't compute is refused."""
        for algorithm, length in _LENGTHS.items():
            if re.fullmatch(f"{algorithm}:[0-9a-f]{{{length}}}", text):
                return Digest(algorithm, text.removeprefix(f"{algorithm}:"))
        raise UnsupportedSourceError(f"{text[:100]!r} is no SHA-256 digest")

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"

    def matches(self, path: Path, check: Callable[[], None] = lambda: None) -> bool:
        """`check` is called between pieces; it may raise to give up."""
        return self._of(path, check) == self.value.lower()

    def _of(self, path: Path, check: Callable[[], None]) -> str:
        with path.open("rb") as file:
            if self.algorithm == "sha256":
                return _sum(file, hashlib.sha256(), check)
            begin = f"blob {path.stat().st_size}\0".encode()
            return _sum(file, hashlib.sha1(begin, usedforsecurity=False), check)


def _sum(file: IO[bytes], summing: hashlib._Hash, check: Callable[[], None]) -> str:
    while piece := file.read(CHUNK_BYTES):
        summing.update(piece)
        check()
    return summing.hexdigest()


def sha256_of(path: Path, check: Callable[[], None] = lambda: None) -> str:
    with path.open("rb") as file:
        return _sum(file, hashlib.sha256(), check)


def inside(folder: Path, name: str) -> Path:
    """Where a file of that name lies in the folder; a name that leads out of it is refused."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or "\\" in name or "\0" in name or ".." in parts:
        raise DamagedModelError(f"the source has a file named {name!r}, which would lie outside its folder")
    return folder.joinpath(*parts)


def make_room(folder: Path, needed_bytes: int, what: str) -> None:
    """Refuses what would not fit, before it is begun."""
    free = shutil.disk_usage(folder).free
    if needed_bytes + _SPARE_BYTES <= free:
        return
    raise OutOfSpaceError(
        f"{what} needs {in_words(needed_bytes)}, and {in_words(_SPARE_BYTES)} stay free; {folder} has {in_words(free)}",
        "free some space there, or put the cache on a larger disk",
    )
