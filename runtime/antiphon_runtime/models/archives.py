"""Unpacks the layers of an image. An archive is a stranger's: nothing in it may reach out of the folder."""

from __future__ import annotations

import os
import posixpath
import shutil
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from antiphon_runtime.models.checks import CHUNK_BYTES, inside, make_room
from antiphon_runtime.models.errors import DamagedModelError

_GONE = ".wh."
_ALL_GONE = ".wh..wh..opq"
_Links = list[tuple[str, str]]
"""Name of a link, and of the file that it stands for."""


@dataclass(slots=True)
class Unpacked:
    """The files that the layers so far have left in a folder. There are only real files in it, no links."""

    folder: Path
    files: set[str] = field(default_factory=set)

    def keep(self, name: str) -> None:
        self.files.add(posixpath.normpath(name))

    def drop(self, name: str) -> None:
        """Removes a file, or all below a folder."""
        for file in [known for known in self.files if known == name or known.startswith(f"{name}/" if name else "")]:
            (self.folder / file).unlink()
            self.files.discard(file)

    def free(self, name: str) -> Path:
        """Where a file of that name goes; what is in its way, from another layer or an earlier attempt, is removed."""
        path = inside(self.folder, name)
        self.drop(name)
        for parent in list(path.relative_to(self.folder).parents)[:-1]:
            if (self.folder / parent).is_file():
                self.files.discard(parent.as_posix())
                (self.folder / parent).unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        return path


def unpack(archive: Path, compression: str, unpacked: Unpacked, check: Callable[[], None]) -> None:
    """Lays an archive over what is there."""
    try:
        with tarfile.open(archive, "r:gz") if compression == "gzip" else tarfile.open(archive, "r:") as tar:
            links = [link for member in tar if (link := _take(tar, member, unpacked, check)) is not None]
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedModelError(f"the layer {archive.name} can't be unpacked: {error}", "ask its publisher") from error
    _join(links, unpacked)


def _take(
    tar: tarfile.TarFile, member: tarfile.TarInfo, unpacked: Unpacked, check: Callable[[], None]
) -> tuple[str, str] | None:
    """Takes a file at once; of a link it tells the name and what it leads to."""
    name = _name(member.name)
    if member.isdir() or not name:
        return None
    if not (member.isreg() or member.issym() or member.islnk()):
        raise DamagedModelError(f"the layer has {member.name!r}, which is neither file nor folder nor link")
    inside(unpacked.folder, name)
    last = posixpath.basename(name)
    if last == _ALL_GONE:
        unpacked.drop(posixpath.dirname(name))
    elif last.startswith(_GONE):
        unpacked.drop(posixpath.join(posixpath.dirname(name), last.removeprefix(_GONE)))
    elif member.isreg():
        _write(tar.extractfile(member), member.size, unpacked, name, check)
    else:
        return name, _target(member, name)
    return None


def _name(name: str) -> str:
    """Relative to the folder, as images write it: `./model.bin`; an absolute one is refused later."""
    return "" if name in (".", "./", "") else posixpath.normpath(name) if ".." not in name.split("/") else name


def _target(member: tarfile.TarInfo, name: str) -> str:
    """What a link stands for. A hard link is named from the archive's root, a symbolic one from where it lies."""
    base = "" if member.islnk() else posixpath.dirname(name)
    target = posixpath.normpath(posixpath.join(base, member.linkname))
    if target.startswith(("/", "../")) or target == "..":
        raise DamagedModelError(f"the layer has a link {member.name!r} that leads out of it, to {member.linkname!r}")
    return target


def _write(packed: IO[bytes] | None, size_bytes: int, unpacked: Unpacked, name: str, check: Callable[[], None]) -> None:
    path = unpacked.free(name)
    make_room(unpacked.folder, size_bytes, name)
    with path.open("xb") as out:
        while packed is not None and (piece := packed.read(CHUNK_BYTES)):
            check()
            out.write(piece)
    unpacked.keep(name)


def _join(links: _Links, unpacked: Unpacked) -> None:
    """Makes a link the file that it stands for: both names then have the same content, and take its space once.

    A link may lead to another, so this goes on as long as it gets further.
    """
    while links:
        open_links = [(name, target) for name, target in links if target not in unpacked.files or name == target]
        if len(open_links) == len(links):
            name, target = links[0]
            raise DamagedModelError(f"the layer has a link {name!r} to {target!r}, which is no file in it")
        for name, target in links:
            if (name, target) not in open_links:
                os.link(unpacked.folder / target, unpacked.free(name))
                unpacked.keep(name)
        links = open_links
