"""YAML as Kubernetes reads it, with the line of everything in it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from antiphon_crds.problems import Path

_MOST_NODES = 200_000
_MOST_DEPTH = 100


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


class DocumentError(Exception):
    """The file is no YAML that can be read; `line` tells where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.SafeLoader):
    """As kubectl's: yes, no, on and off are booleans too, times are strings, 12:30 is no number, and 1e3 is one."""


_TAG = "tag:yaml.org,2002:"
_RESOLVERS = {
    "bool": (
        "y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
        "yYnNtTfFoO",
    ),
    "int": ("[-+]?(0|[1-9][0-9_]*|0o?[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)", "-+0123456789"),
    "float": (
        r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9_]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in (f"{_TAG}null", f"{_TAG}merge")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, (_pattern, _first) in _RESOLVERS.items():
    _Loader.add_implicit_resolver(f"{_TAG}{_kind}", re.compile(f"^({_pattern})$"), list(_first))


def parse_documents(file: str, text: str) -> Iterator[Document]:
    """The documents of a file. Raises DocumentError where it can't be read, after the documents before that."""
    try:
        for node in yaml.compose_all(text, Loader=_Loader):
            builder = _Builder()
            data = builder.build(node, ())
            if data is not None:
                yield Document(file, data, builder.lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DocumentError(str(error.problem or error.context), mark.line + 1 if mark else 1) from error
    except yaml.YAMLError as error:
        raise DocumentError(" ".join(str(error).split()), 1) from error
    except RecursionError as error:
        raise DocumentError("it is nested too deeply", 1) from error


class _Builder:
    """Builds the data of one document. An alias is built anew wherever it stands, so the size is bounded."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self._nodes = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES or len(path) > _MOST_DEPTH:
            raise _error("the document is too large or too deep, counting aliases as what they stand for", node)
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        assert isinstance(node, yaml.ScalarNode)  # noqa: S101 (YAML has no other nodes)
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                for part in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                    merged = {**self._merged(part, path), **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise _error("a key must be a text", key_node)
            key = _key(key_node)
            if key in own:
                raise _error(f"{key!r} stands twice in one mapping; keep one", key_node)
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            own[key] = self.build(value_node, (*path, key))
        return {**merged, **own}

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise _error("<< takes a mapping, or a list of them", node)
        return self._mapping(node, path)


def _error(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _key(node: yaml.ScalarNode) -> str:
    """A key as JSON has it: a plain `on` is the key `true`, as kubectl reads it."""
    return str(_boolean(node)).lower() if node.tag == f"{_TAG}bool" else str(node.value)


def _boolean(node: yaml.ScalarNode) -> bool:
    return node.value.lower() in ("y", "yes", "true", "on")


def _scalar(node: yaml.ScalarNode) -> Any:
    """The value as kubectl passes it on in JSON, where 20.0 is 20 and nothing is infinite."""
    if node.tag == f"{_TAG}bool":
        return _boolean(node)
    if node.tag == f"{_TAG}int" and "0o" in node.value:
        return int(node.value.replace("_", ""), 8)
    value = _constructed(node)
    if isinstance(value, float) and not math.isfinite(value):
        raise _error(f"{node.value} is no finite number", node)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _constructed(node: yaml.ScalarNode) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_object(node)
    except ValueError as error:
        raise _error(str(error), node) from error
    finally:
        loader.dispose()
