"""Downloads that go on where they were cut, and end only with the content that was asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO

from antiphon_runtime.models.checks import CHUNK_BYTES, Digest, make_room
from antiphon_runtime.models.connections import Answer, Connections, HttpStatusError, shown
from antiphon_runtime.models.errors import (
    AccessDeniedError,
    DamagedModelError,
    ModelError,
    ModelNotFoundError,
    UnreachableError,
    UnsupportedSourceError,
)
from antiphon_runtime.models.patience import TRANSIENT, Persistence, TransientError
from antiphon_runtime.models.progress import Progress, Transfer


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file of a server."""

    label: str
    """As people are told of it."""
    url: str
    digest: Digest
    size_bytes: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    denied: str = "give a key that may read it"
    """What helps where the server refuses it."""


@dataclass(frozen=True, slots=True)
class Page:
    """A short answer, whole."""

    url: str
    """After redirects."""
    headers: Message
    text: bytes


class Downloader:
    """Fetches for one caller; whoever has its `persistence` can stop it from another thread."""

    def __init__(self, connections: Connections, progress: Progress, persistence: Persistence) -> None:
        self.connections, self.progress = connections, progress
        self._persistence = persistence
        self.check = persistence.check
        """Raises once nobody waits for the result any longer."""

    def page(self, url: str, headers: Mapping[str, str] | None = None, attempts: int | None = None) -> Page:
        """A short answer, such as a list of files. What is not transient raises HttpStatusError."""
        return self._persistence.run(lambda: self._page(url, headers or {}), attempts=attempts)

    def _page(self, url: str, headers: Mapping[str, str]) -> Page:
        with self.connections.get(url, headers) as answer:
            return Page(answer.url, answer.headers, answer.text())

    def fetch(self, wanted: Wanted, path: Path) -> None:
        """Puts the file at `path`, whole and checked, or leaves there what was.

        What has come of it lies beside, as `.part`, and is taken up the next time. A wrong sum after a resume may be
        the fault of what lay there, so it is fetched once more from its beginning.
        """
        part = path.with_name(path.name + ".part")
        resumed = _size(part) > 0
        self._fill(wanted, part)
        if resumed and not wanted.digest.matches(part, self.check):
            part.unlink()
            self._fill(wanted, part)
        if not wanted.digest.matches(part, self.check):
            part.unlink()
            raise DamagedModelError(
                f"{shown(wanted.url)} does not have the content that was asked for ({wanted.digest})",
                "if it was published anew on purpose, change the digest; else do not trust it",
            )
        part.replace(path)

    def _fill(self, wanted: Wanted, part: Path) -> None:
        self._persistence.run(lambda: self._attempt(wanted, part), lambda: _size(part))

    def _attempt(self, wanted: Wanted, part: Path) -> None:
        have = _size(part)
        if wanted.size_bytes is not None and have >= wanted.size_bytes and part.exists():
            return
        try:
            with self._ask(wanted, have) as answer:
                self._take(answer, wanted, part, have)
        except HttpStatusError as error:
            if error.status == 416 and have:
                part.unlink()
                raise TransientError(UnreachableError(f"{shown(wanted.url)} can't continue a download")) from error
            if error.status in TRANSIENT:
                raise
            raise explained(error, wanted.label, wanted.denied) from error

    def _ask(self, wanted: Wanted, have: int) -> Answer:
        headers = dict(wanted.headers) | ({"Range": f"bytes={have}-"} if have else {})
        return self.connections.get(wanted.url, headers)

    def _take(self, answer: Answer, wanted: Wanted, part: Path, have: int) -> None:
        """Appends what comes, or starts anew where the server does not continue."""
        continues = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if answer.status == 206 and not continues:
            part.unlink(missing_ok=True)
            raise UnreachableError(f"{shown(wanted.url)} continues a download at the wrong place")
        have = have if continues else 0
        total = wanted.size_bytes or (have + answer.length if answer.length >= 0 else None)
        make_room(part.parent, (total or have) - have, wanted.label)
        transfer = self.progress.transfer(wanted.label, total, have)
        try:
            with part.open("ab" if continues else "wb") as file:
                got = self._copy(answer, file, transfer, have, total)
        finally:
            transfer.end()
        if total is not None and got < total:
            raise UnreachableError(f"{shown(wanted.url)} broke off after {got} of {total} bytes")

    def _copy(self, answer: Answer, file: IO[bytes], transfer: Transfer, have: int, total: int | None) -> int:
        while piece := answer.read_some(CHUNK_BYTES):
            file.write(piece)
            have += len(piece)
            transfer.at(have)
            self.check()
            if total is not None and have > total:
                break  # its sum will be wrong
        file.flush()
        os.fsync(file.fileno())
        return have


def explained(error: HttpStatusError, what: str, denied: str) -> ModelError:
    """A server's refusal in our words; `denied` is what helps where it wants a key."""
    said = f"{shown(error.url)} answers {error.status}"
    if error.status in (401, 403):
        return AccessDeniedError(f"{said}: {what} may not be read", denied)
    if error.status in (404, 410):
        return ModelNotFoundError(f"{said}: {what} is not there", "check its name and version")
    if error.status in TRANSIENT:
        return UnreachableError(said, "try later")
    return UnsupportedSourceError(f"{said}: {' '.join(error.text.split())[:200]}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
