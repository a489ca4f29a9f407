"""How the cache is laid out on disk.

`<cache>/<model>/<variant>` is a link to the folder with the variant's files. What it leads to is under `.store`:
`files/<folder>` holds one version of one source and never changes; `records/<key>.json` tells which folder a source has;
`downloads` holds archives; `locks` says who works on what. Variants with the same source share a folder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path

from antiphon_runtime.models import records
from antiphon_runtime.models.locks import held, held_now
from antiphon_runtime.models.records import Record

_STORE = ".store"
_STAGED = ".staged"


class Cache:
    """The folder in which models are kept. Several processes may use it at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._store = root / _STORE
        self.downloads = self._store / "downloads"
        self._records, self._files, self._locks = (self._store / name for name in ("records", "files", "locks"))

    def prepare(self) -> None:
        for folder in (self.downloads, self._records, self._files, self._locks):
            folder.mkdir(parents=True, exist_ok=True)

    def record(self, key: str) -> Record | None:
        return records.read(self._records / f"{key}.json")

    def write_record(self, key: str, record: Record) -> None:
        records.write(self._records / f"{key}.json", record)

    def drop_record(self, key: str) -> None:
        (self._records / f"{key}.json").unlink(missing_ok=True)

    def records(self) -> Iterator[tuple[str, Record]]:
        """All of them, with their keys."""
        for path in sorted(self._records.glob("*.json")):
            if record := records.read(path):
                yield path.stem, record

    def folder(self, name: str) -> Path:
        return self._files / name

    def staged(self, name: str) -> Path:
        """Where a folder of that name is put together before it is whole."""
        return self._files / f"{name}{_STAGED}"

    def lock(self, name: str, waiting: Callable[[], None], check: Callable[[], None]) -> AbstractContextManager[None]:
        return held(self._locks / f"{name}.lock", waiting, check)

    def link_of(self, model: str, variant: str) -> Path:
        return self.root / model / variant

    def link(self, model: str, variant: str, folder: str) -> None:
        """Lets `<model>/<variant>` lead to the folder. A real folder that somebody put there is left alone."""
        link, target = self.link_of(model, variant), os.path.join("..", _STORE, "files", folder)  # noqa: PTH118
        if self._linked(link) == target or (link.exists() and not link.is_symlink()):
            return
        link.parent.mkdir(parents=True, exist_ok=True)
        new = link.with_name(f".{link.name}.{os.getpid()}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(link)

    def links(self) -> Iterator[tuple[str, str, str]]:
        """Model, variant and folder's name of each link."""
        for link in sorted(self.root.glob("*/*")):
            target = Path(self._linked(link) or "")
            if link.name[:1] != "." and target.parent == Path("..", _STORE, "files"):
                yield link.parent.name, link.name, target.name

    def unlink(self, model: str, variant: str) -> None:
        self.link_of(model, variant).unlink()
        with suppress(OSError):
            self.link_of(model, variant).parent.rmdir()

    def drop_unused(self) -> int:
        """Removes what no link leads to, and what a killed process left; returns the bytes that got free.

        What somebody is working on just now stays.
        """
        if not self._locks.is_dir():
            return 0
        before = _size(self._store)
        used = {folder for _, _, folder in self.links()}
        for key, record in list(self.records()):
            if record.folder not in used:
                self._drop(record.folder, partial(self.drop_record, key))
        for path in list(self._files.iterdir()):
            if (name := path.name.removesuffix(_STAGED)) not in used or path.name.endswith(_STAGED):
                self._drop(name, partial(shutil.rmtree, path, ignore_errors=True))
        self.drop_downloads(begun=True)
        return before - _size(self._store)

    def drop_downloads(self, *, begun: bool = False) -> None:
        """Removes archives whose files have been taken; with `begun` also those that have not come to their end."""
        for path in list(self.downloads.iterdir()) if self.downloads.is_dir() else []:
            if begun or path.suffix != ".part":
                self._drop(path.name.removesuffix(".part"), partial(path.unlink, missing_ok=True))

    def _drop(self, lock: str, drop: Callable[[], None]) -> None:
        with held_now(self._locks / f"{lock}.lock") as free:
            if free:
                drop()

    @staticmethod
    def _linked(link: Path) -> str | None:
        try:
            return str(link.readlink())
        except OSError:
            return None


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
