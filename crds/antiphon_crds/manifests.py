"""Manifests as typed objects of ours, each problem with its file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from antiphon_crds.base import Contract
from antiphon_crds.definitions import KINDS
from antiphon_crds.documents import Document, DocumentError, parse_documents
from antiphon_crds.problems import Problem, problems_of
from antiphon_crds.status import API_VERSION, GROUP


@dataclass(frozen=True)
class LocatedProblem:
    """A problem, and where its field stands."""

    file: str
    line: int
    object: str
    problem: Problem

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.object}: {self.problem}"

    def as_json(self) -> dict[str, Any]:
        return {"file": self.file, "line": self.line, "object": self.object, **self.problem.as_json()}


@dataclass(frozen=True)
class Loaded:
    """One object of ours: typed when it is valid, else with its problems."""

    document: Document
    name: str
    object: Contract | None
    problems: tuple[LocatedProblem, ...]


def read_documents(file: str, text: str) -> Iterator[Document | LocatedProblem]:
    """The documents of a file; where it can't be read on, a problem ends them."""
    try:
        for document in parse_documents(file, text):
            yield from _items(document)
    except DocumentError as error:
        yield LocatedProblem(file, error.line, "document", Problem("(the file)", "", f"is no valid YAML: {error}"))


def _items(document: Document) -> Iterator[Document]:
    """The document, or the items of a List, as `kubectl get -o yaml` prints one."""
    data = document.data
    if not isinstance(data, dict) or data.get("kind") != "List" or not isinstance(data.get("items"), list):
        yield document
        return
    for index, item in enumerate(data["items"]):
        inside = {path[2:]: line for path, line in document.lines.items() if path[:2] == ("items", index)}
        yield Document(document.file, item, inside)


def is_foreign(document: Document) -> bool:
    """Whether it is an object of somebody else's API, such as a Secret, that we have no say in."""
    data = document.data if isinstance(document.data, dict) else {}
    version, kind = data.get("apiVersion"), data.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str):
        return False
    return version.rpartition("/")[0] != GROUP and kind not in KINDS


def load(document: Document, kinds: Mapping[str, type[Contract]] = KINDS) -> Loaded:
    """A document as an object of one of `kinds`. A status in it is passed over, as the API server does."""
    name = _name(document.data)
    kind = _kind_of(document.data, kinds)
    if isinstance(kind, Problem):
        located = LocatedProblem(document.file, document.line_of((kind.field,)), name, kind)
        return Loaded(document, name, None, (located,))
    data = {key: value for key, value in document.data.items() if key != "status"}
    try:
        return Loaded(document, name, kind.from_manifest(data), ())
    except ValidationError as error:
        found = problems_of(error, kind, document.data)
        located_all = (LocatedProblem(document.file, document.line_of(path), name, problem) for path, problem in found)
        return Loaded(document, name, None, tuple(located_all))


def _name(data: Any) -> str:
    if not isinstance(data, dict):
        return "document"
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{data.get('kind', 'object')}/{name or '(no name)'}"


def _kind_of(data: Any, kinds: Mapping[str, type[Contract]]) -> type[Contract] | Problem:
    if not isinstance(data, dict):
        return Problem("(the document)", "", "is no object; write apiVersion, kind, metadata and spec")
    for name, right in (("apiVersion", API_VERSION), ("kind", ", ".join(kinds))):
        if data.get(name) is None:
            return Problem(name, "", f"is missing; use {right}")
    version, kind = data["apiVersion"], data["kind"]
    if version != API_VERSION:
        return Problem("apiVersion", repr(version), f"{version!r} is not served; use {API_VERSION}")
    if not isinstance(kind, str) or kind not in kinds:
        return Problem("kind", repr(kind), f"{kind!r} is not known; use {', '.join(kinds)}")
    return kinds[kind]
