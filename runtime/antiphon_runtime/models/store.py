"""The model store: brings the files of a variant into the cache, once, whole and checked."""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from antiphon_crds.voicemodel import Source, Variant
from antiphon_runtime.models import path, sources
from antiphon_runtime.models.cache import Cache
from antiphon_runtime.models.checks import Digest
from antiphon_runtime.models.connections import Connections
from antiphon_runtime.models.downloads import Downloader
from antiphon_runtime.models.errors import (
    CacheError,
    DamagedModelError,
    ModelError,
    NotInCacheError,
    OutOfSpaceError,
    Subject,
)
from antiphon_runtime.models.patience import Patience, Persistence
from antiphon_runtime.models.progress import Progress, ProgressLog
from antiphon_runtime.models.records import FileRecord, Record, key_of
from antiphon_runtime.models.sources import Tools, Version


class ModelStore:
    """Files of variants, from the cache or, unless `offline`, from their sources.

    Threads and processes may share a cache and ask for the same at once: one fetches, the others wait. What was cut
    off, even by SIGKILL, goes on where it was.
    """

    def __init__(
        self,
        cache: Path,
        *,
        offline: bool = False,
        progress: Progress | None = None,
        patience: Patience | None = None,
        timeout_seconds: float = 30.0,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.cache, self.offline = Cache(cache.absolute()), offline
        self._progress: Progress = progress or ProgressLog()
        self._stop = threading.Event()
        persistence = Persistence(self._stop, self._progress.note, patience)
        self.check = persistence.check
        """Raises FetchStoppedError after `stop`."""
        downloader = Downloader(Connections(timeout_seconds), self._progress, persistence)
        self._tools = Tools(downloader, self.cache, environment, self._progress.note)

    def folder(self, model: str, variant: Variant) -> Path:
        """A folder with the files of the variant; empty where it has no source. Blocks while it fetches.

        A branch or tag is looked up when it is fetched first; after that the cache has it, and no server is asked.
        Raises ModelError.
        """
        return self._folder(model, variant, anew=False)

    def refresh(self, model: str, variant: Variant) -> Path:
        """As `folder`, but asks again what a branch or tag stands for. Who uses the old files may go on doing so."""
        return self._folder(model, variant, anew=True)

    def stop(self) -> None:
        """Ends what is being fetched, and all that is asked for later, with FetchStoppedError. Safe from any thread."""
        self._stop.set()

    def close(self) -> None:
        """Removes archives that no other process works on: they are kept so long for variants that share them."""
        with suppress(OSError):
            self.cache.drop_downloads()

    def _folder(self, model: str, variant: Variant, *, anew: bool) -> Path:
        source = variant.source
        with _told(Subject(variant.name, sources.in_words(source), model), self.cache.root):
            if source is None:
                return _without_files()
            if source.path is not None:
                return path.folder_of(source.path, self.cache)
            record = None if anew and not self.offline else self._cached(source)
            record = record or self._fetched(source, anew)
            with suppress(OSError):  # it is there for people; a cache that can't be written serves as well
                self.cache.link(model, variant.name, record.folder)
            return self.cache.folder(record.folder)

    def _cached(self, source: Source) -> Record | None:
        """The record of a source whose files are there, as far as their sizes tell."""
        record = self.cache.record(key_of(source))
        if record is None:
            return None
        missing = record.missing(self.cache.folder(record.folder))
        if missing and self.offline:
            raise DamagedModelError(
                f"in the cache, {missing[0]} is gone or has another size", "work online once to fetch it again"
            )
        return None if missing else record

    def _fetched(self, source: Source, anew: bool) -> Record:
        if self.offline:
            raise NotInCacheError(
                f"it is not in {self.cache.root}, and we work offline",
                "fetch it first with `antiphon-runtime models pull`",
            )
        self.check()
        self.cache.prepare()
        key = key_of(source)
        with self._tools.lock(key, sources.in_words(source)):
            record = None if anew else self._cached(source)
            if record is None:
                record = self._fetch(source, sources.version_of(source, self._tools))
                self.cache.write_record(key, record)
            return record

    def _fetch(self, source: Source, version: Version) -> Record:
        """Fetches one version, unless another source with the same content has brought it."""
        with self._tools.lock(version.folder, version.resolved):
            same = next((known for _, known in self.cache.records() if known.folder == version.folder), None)
            if same is not None and not same.missing(self.cache.folder(same.folder)):
                return same.model_copy(update={"source": source.to_manifest()})
            return _record(source, version, self._put_together(version))

    def _put_together(self, version: Version) -> list[FileRecord]:
        """Lets the folder appear at once, with all its files. One that was damaged gives what is still good in it."""
        folder, staged = self.cache.folder(version.folder), self.cache.staged(version.folder)
        if folder.exists():
            shutil.rmtree(staged, ignore_errors=True)
            folder.rename(staged)
        staged.mkdir(exist_ok=True)
        digests = version.fetch(staged)
        _drop_others(staged, digests)
        files = [_file(staged, name, digest) for name, digest in sorted(digests.items())]
        staged.rename(folder)
        return files


@cache
def _without_files() -> Path:
    """An empty folder of this process's own: what needs no files needs no cache either."""
    folder = Path(tempfile.mkdtemp(prefix="antiphon-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _record(source: Source, version: Version, files: list[FileRecord]) -> Record:
    return Record(
        source=source.to_manifest(),
        resolved=version.resolved,
        folder=version.folder,
        files=files,
        fetched_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _file(folder: Path, name: str, digest: Digest) -> FileRecord:
    """Lets the file reach the disk before a record says that it is there."""
    with (folder / name).open("rb") as file:
        os.fsync(file.fileno())
        return FileRecord(path=name, size_bytes=os.fstat(file.fileno()).st_size, digest=str(digest))


def _drop_others(folder: Path, wanted: Mapping[str, Digest]) -> None:
    """Removes what an earlier attempt, or an engine, left in the folder."""
    for found in sorted(folder.rglob("*"), reverse=True):
        if found.is_dir() and not found.is_symlink():
            with suppress(OSError):
                found.rmdir()
        elif found.relative_to(folder).as_posix() not in wanted:
            found.unlink()


@contextmanager
def _told(subject: Subject, root: Path) -> Iterator[None]:
    """Lets every failure say whose files it is about."""
    try:
        yield
    except ModelError as error:
        error.subject = error.subject or subject
        raise
    except OSError as error:
        told = _cache_error(error, root)
        told.subject = subject
        raise told from error


def _cache_error(error: OSError, root: Path) -> ModelError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutOfSpaceError(
            f"the disk of {root} is full", "free some space there, or put the cache on a larger disk"
        )
    remedy = "mount a volume there, or name another folder" if error.errno in (errno.EACCES, errno.EROFS) else ""
    return CacheError(f"the cache {root} can't be used: {error.strerror or error}", remedy)
