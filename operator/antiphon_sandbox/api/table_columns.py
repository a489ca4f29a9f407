"""Columns of tables, and what many kinds show in theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from antiphon_sandbox.api.ages import ZERO_TIME, Since
from antiphon_sandbox.objects import Obj, walk
from antiphon_sandbox.upstream.definitions import described

NONE = "<none>"
UNSET = "<unset>"

Cell = Callable[[Obj], Any]
"""From an object to what stands in its row: JSON, or a Since. Objects may lack all but their metadata."""


class Field(NamedTuple):
    """A field whose description says what a column shows."""

    definition: str
    name: str


@cache
def _description(field: Field) -> str:
    package = "io.k8s.apimachinery.pkg.apis." if field.definition.startswith("meta.") else "io.k8s.api."
    return str(described(package + field.definition)["properties"][field.name]["description"])


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of a table."""

    name: str
    about: Field | str
    cell: Cell
    type: str = "string"
    priority: int = 0
    """Above 0, only `-o wide` shows it."""
    format: str = ""

    def definition(self) -> Obj:
        about = self.about if isinstance(self.about, str) else _description(self.about)
        own = {"name": self.name, "type": self.type, "format": self.format}
        return {**own, "description": about, "priority": self.priority}


def wide(name: str, about: Field | str, cell: Cell) -> Shown:
    return Shown(name, about, cell, priority=1)


def number(name: str, about: Field | str, cell: Cell) -> Shown:
    return Shown(name, about, cell, "integer")


def at(*path: str, default: Any = "") -> Cell:
    """What stands at the path; the default where there is nothing, or nothing to read."""

    def cell(obj: Obj) -> Any:
        found = walk(obj, *path)
        return default if found is None or found == "" else found

    return cell


def count(*path: str) -> Cell:
    return at(*path, default=0)


def length(*path: str) -> Cell:
    return lambda obj: len(walk(obj, *path) or ())


def since(*path: str) -> Cell:
    return lambda obj: Since(walk(obj, *path))


def listed(*path: str) -> Callable[[Obj], list[Any]]:
    return lambda obj: walk(obj, *path) or []


def joined(values: Iterable[str], default: str = "") -> str:
    return ",".join(values) or default


def label_text(labels: Mapping[str, str] | None) -> str:
    return joined((f"{key}={value}" for key, value in sorted((labels or {}).items())), NONE)


def labels_at(*path: str) -> Cell:
    return lambda obj: label_text(walk(obj, *path))


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector as a query would say it; empty when it asks for nothing."""
    selector = selector or {}
    parts = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    parts += [(part["key"], _requirement(part)) for part in selector.get("matchExpressions") or ()]
    return joined(text for _, text in sorted(parts, key=lambda part: part[0]))


def _requirement(expression: Mapping[str, Any]) -> str:
    key, values = str(expression["key"]), joined(sorted(expression.get("values") or ()))
    match expression["operator"]:
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "DoesNotExist":
            return f"!{key}"
        case _:
            return key


def selector_at(*path: str) -> Cell:
    return lambda obj: selector_text(walk(obj, *path)) or NONE


_CREATED = Field("meta.v1.ObjectMeta", "creationTimestamp")

NAME = Shown("Name", Field("meta.v1.ObjectMeta", "name"), at("metadata", "name"), format="name")
AGE = Shown("Age", _CREATED, since("metadata", "creationTimestamp"))
AGE_OF_CUSTOM = Shown("Age", _CREATED, since("metadata", "creationTimestamp"), type="date")
CREATED_AT = Shown("Created At", _CREATED, at("metadata", "creationTimestamp", default=ZERO_TIME), type="date")


def template_columns(*path: str, priority: int = 1) -> tuple[Shown, Shown]:
    """Names and images of the containers of the pod template there."""

    def each(field: str) -> Cell:
        return lambda obj: joined(c.get(field, "") for c in walk(obj, *path, "spec", "containers") or ())

    return (
        Shown("Containers", "Names of each container in the template.", each("name"), priority=priority),
        Shown("Images", "Images referenced by each container in the template.", each("image"), priority=priority),
    )
