"""Manifests as typed objects of ours, each problem with its file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from antiphon_crds.base import Contract
from antiphon_crds.definitions import KINDS
from antiphon_crds.documents import Document, DocumentError, parse_documents
from antiphon_crds.problems import Path, Problem, problems_of
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
    data = document.data
    if (
        not isinstance(data, dict)
        or not isinstance(data.get("apiVersion"), str)
        or not isinstance(data.get("kind"), str)
    ):
        return False
    group = data["apiVersion"].rpartition("/")[0]
    return group != GROUP and data["kind"] not in KINDS


def load(document: Document, kinds: Mapping[str, type[Contract]] = KINDS) -> Loaded:
    """A document as an object of one of `kinds`. A status in it is passed over, as the API server does."""
    name = _name(document.data)
    kind, problem = _kind_of(document.data, kinds)
    if kind is None:
        path: Path = (problem.field,) if problem.field in ("apiVersion", "kind") else ()
        located = LocatedProblem(document.file, document.line_of(path), name, problem)
        return Loaded(document, name, None, (located,))
    data = {key: value for key, value in document.data.items() if key != "status"}
    try:
        return Loaded(document, name, kind.model_validate(data, by_alias=True, by_name=False), ())
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


_NO_PROBLEM = Problem("", "", "")


def _kind_of(data: Any, kinds: Mapping[str, type[Contract]]) -> tuple[type[Contract] | None, Problem]:
    if not isinstance(data, dict):
        return None, Problem("(the document)", "", "is no object; write apiVersion, kind, metadata and spec")
    for name, right in (("apiVersion", API_VERSION), ("kind", ", ".join(kinds))):
        if data.get(name) is None:
            return None, Problem(name, "", f"is missing; use {right}")
    version, kind = data["apiVersion"], data["kind"]
    if version != API_VERSION:
        return None, Problem("apiVersion", repr(version), f"{version!r} is not served; use {API_VERSION}")
    if not isinstance(kind, str) or kind not in kinds:
        return None, Problem("kind", repr(kind), f"{kind!r} is not known; use {', '.join(kinds)}")
    return kinds[kind], _NO_PROBLEM
