"""What is in a cache, whether it is still what was fetched, and how it goes away."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from antiphon_crds.voicemodel import Source
from antiphon_runtime.models.cache import Cache
from antiphon_runtime.models.records import Record
from antiphon_runtime.models.sources import in_words


@dataclass(frozen=True, slots=True)
class Entry:
    """A variant in the cache."""

    model: str
    variant: str
    key: str
    record: Record
    folder: Path
    missing: tuple[str, ...]
    """Files that are gone or have another size. Found without reading them."""

    @property
    def source(self) -> str:
        return in_words(Source.from_manifest(self.record.source, ignore_unknown=True))

    def as_json(self) -> dict[str, object]:
        return {
            "model": self.model,
            "variant": self.variant,
            "source": self.source,
            "resolved": self.record.resolved,
            "sizeBytes": self.record.size_bytes,
            "files": len(self.record.files),
            "fetchedAt": self.record.fetched_at,
            "folder": str(self.folder),
            "missing": list(self.missing),
        }


def entries(cache: Cache, model: str | None = None, variant: str | None = None) -> list[Entry]:
    """Variants in the cache, of one model or of all."""
    known = {record.folder: (key, record) for key, record in cache.records()}
    return [
        _entry(cache, linked_model, linked_variant, *known[folder])
        for linked_model, linked_variant, folder in cache.links()
        if folder in known and model in (None, linked_model) and variant in (None, linked_variant)
    ]


def _entry(cache: Cache, model: str, variant: str, key: str, record: Record) -> Entry:
    folder = cache.folder(record.folder)
    return Entry(model, variant, key, record, folder, tuple(record.missing(folder)))


def verify(cache: Cache, entry: Entry, check: Callable[[], None] = lambda: None) -> list[str]:
    """Reads every file; returns those that are not what was fetched.

    Their record is dropped then, so that the next fetch brings them anew; files that are still right are kept.
    """
    damaged = entry.record.damaged(entry.folder, check)
    if damaged:
        with suppress(OSError):  # a cache that can't be written can at least be checked
            for key, record in list(cache.records()):
                if record.folder == entry.record.folder:
                    cache.drop_record(key)
    return damaged
