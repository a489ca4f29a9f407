"""Manifests: YAML as Kubernetes reads it, into typed objects, each problem with its file and line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic import ValidationError

from antiphon_crds.base import Contract
from antiphon_crds.definitions import KINDS
from antiphon_crds.problems import Path, Problem, problems_of
from antiphon_crds.status import API_VERSION


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
class Document:
    """One YAML document: its data, and the line of every path in it."""

    file: str
    data: Any
    lines: dict[Path, int] = field(repr=False)

    def line_of(self, path: Path) -> int:
        """Line of the path, or of the nearest thing around it that is there."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


@dataclass(frozen=True)
class Loaded:
    """One object of ours: typed when it is valid, else with its problems."""

    document: Document
    name: str
    object: Contract | None
    problems: tuple[LocatedProblem, ...]


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: only true and false are booleans, and a time is a string."""


_TRUE_FALSE = "tag:yaml.org,2002:bool"
_PLAIN_ONLY = ("tag:yaml.org,2002:timestamp", _TRUE_FALSE)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _PLAIN_ONLY]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _words in ("true True TRUE", "false False FALSE"):
    for _word in _words.split():
        _Loader.add_implicit_resolver(_TRUE_FALSE, yaml.resolver.re.compile(f"^{_word}$"), [_word[0]])  # type: ignore[attr-defined]


def read_documents(file: str, text: str) -> Iterator[Document | LocatedProblem]:
    """The documents of a file; a syntax error ends them with a problem."""
    try:
        for node in yaml.compose_all(text, Loader=_Loader):
            lines: dict[Path, int] = {(): node.start_mark.line + 1}
            data = _build(node, (), lines)
            if data is not None:
                yield Document(file, data, lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = f"is no valid YAML: {error.problem or error.context}"
        yield LocatedProblem(file, mark.line + 1 if mark else 1, "document", Problem("(the file)", "", message))


def _build(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*path, index)] = item.start_mark.line + 1
        return [_build(item, (*path, index), lines) for index, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(node)
    mapping: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if key in mapping:
            raise yaml.MarkedYAMLError(
                problem=f"{key!r} stands twice in one mapping; keep one", problem_mark=key_node.start_mark
            )
        lines[(*path, key)] = key_node.start_mark.line + 1
        mapping[key] = _build(value_node, (*path, key), lines)
    return mapping


def _scalar(node: yaml.Node) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_object(node)
    finally:
        loader.dispose()


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
        return Loaded(document, name, kind.model_validate(data), ())
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
    version, kind = data.get("apiVersion"), data.get("kind")
    if version != API_VERSION:
        return None, Problem("apiVersion", repr(version), f"{version!r} is not served; use {API_VERSION}")
    if not isinstance(kind, str) or kind not in kinds:
        return None, Problem("kind", repr(kind), f"{kind!r} is not known; use {', '.join(kinds)}")
    return kinds[kind], _NO_PROBLEM
