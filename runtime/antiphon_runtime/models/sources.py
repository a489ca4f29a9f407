"""What all kinds of sources have in common, and which code fetches which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from antiphon_crds.voicemodel import Source
from antiphon_runtime.models.cache import Cache
from antiphon_runtime.models.checks import Digest, inside
from antiphon_runtime.models.downloads import Downloader, Wanted


class Version(Protocol):
    """One version of a source: what its branch or tag stands for now."""

    @property
    def folder(self) -> str:
        """Name for the folder with its files; other files have another."""
        ...

    @property
    def resolved(self) -> str:
        """The version in words, as exact as can be."""
        ...

    def fetch(self, folder: Path) -> dict[str, Digest]:
        """Puts its files into the folder, where earlier attempts may have left some; tells them with their digests."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What is needed to fetch."""

    downloader: Downloader
    cache: Cache
    environment: Mapping[str, str]
    note: Callable[[str], None]

    def lock(self, name: str, what: str) -> AbstractContextManager[None]:
        """So that nobody else fetches the same meanwhile."""
        check = self.downloader.check
        return self.cache.lock(name, lambda: self.note(f"another process fetches {what}; waiting for it"), check)

    def keep_or_fetch(self, wanted: Wanted, folder: Path, name: str) -> Path:
        """The file of that name in the folder; it is fetched unless it is there and right."""
        path = inside(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (path.is_file() and wanted.digest.matches(path, self.downloader.check)):
            self.downloader.fetch(wanted, path)
        return path


def version_of(source: Source, tools: Tools) -> Version:
    """Asks the source what it has. Raises ModelError."""
    kind, given = _given(source)
    version: Version = import_module(f"antiphon_runtime.models.{kind}").resolve(given, tools)
    return version


def in_words(source: Source | None) -> str:
    """The source as people are told of it."""
    if source is None:
        return "no files"
    if source.hf is not None:
        return f"hf {source.hf.repo}@{source.hf.revision}"
    if source.pypi is not None:
        wheels = [f"{wheel.package} {wheel.version}" for wheel in source.pypi.wheels]
        return f"pypi {' + '.join(wheels)}"
    return f"oci {source.oci.reference}" if source.oci is not None else f"path {source.path and source.path.path}"


def _given(source: Source) -> tuple[str, object]:
    given = [(kind, value) for kind in ("hf", "oci", "pypi") if (value := getattr(source, kind)) is not None]
    return given[0]
