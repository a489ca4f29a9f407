"""What is wrong with a manifest: the field, the value, and what would be right."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from antiphon_crds.base import Contract
from antiphon_crds.rules import VIOLATIONS
from antiphon_crds.scalars import ADVICE

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `field` is written as the API server writes it: `spec.objectives[0].name`."""

    field: str
    value: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def problems_of(error: ValidationError, model: type[Contract], manifest: Any) -> list[tuple[Path, Problem]]:
    """Every problem in a failed validation of `manifest` as `model`, with its path."""
    return [found for detail in error.errors(include_url=False) for found in _problems(detail, model, manifest)]


def _problems(detail: Any, model: type[Contract], manifest: Any) -> Iterator[tuple[Path, Problem]]:
    path: Path = tuple(detail["loc"])
    if detail["type"] == "rule":
        for field, message in detail["ctx"][VIOLATIONS]:
            where = (*path, field) if field else path
            yield where, Problem(field_path(where), _shown(_lookup(manifest, where)), _printable(message))
        return
    value = _lookup(manifest, path)
    yield path, Problem(field_path(path), _shown(value), _advice(detail, path, value, model))


def _printable(text: str) -> str:
    """Without line breaks and terminal controls, which a value may bring into a message."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def field_path(path: Path) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "(the object)"


def _lookup(value: Any, path: Path) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


_KINDS_OF_VALUE = {
    "int_type": "a whole number", "float_type": "a number", "string_type": "a string (put it into quotes)",
    "bool_type": "true or false", "list_type": "a list", "dict_type": "a mapping of names to values",
    "model_type": "a mapping of fields", "model_attributes_type": "a mapping of fields",
}  # fmt: skip
_BOUNDS = {
    "greater_than_equal": "is too small; use {ge} or more", "less_than_equal": "is too large; use {le} or less",
    "string_too_short": "is too short; use at least {min_length} characters",
    "string_too_long": "is too long; use at most {max_length} characters",
    "too_short": "is too short; give at least {min_length}", "too_long": "is too long; give at most {max_length}",
}  # fmt: skip


def _advice(detail: Any, path: Path, value: Any, model: type[Contract]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    shown = _shown(value) or "null"
    if kind == "missing":
        return f"is missing; {_help(model, path)}".rstrip("; ")
    if kind == "extra_forbidden":
        return f"there is no such field; {_did_you_mean(str(path[-1]), fields_at(model, path[:-1]))}"
    if kind == "literal_error":
        return f"{shown} is not known; use {context['expected'].replace(chr(39), '')}"
    if kind in _KINDS_OF_VALUE:
        return f"{shown} is {_described(value)}; use {_KINDS_OF_VALUE[kind]}"
    if kind in _BOUNDS:
        bounds = {name: f"{bound:g}" if isinstance(bound, float) else bound for name, bound in context.items()}
        return f"{shown} {_BOUNDS[kind].format(**bounds)}"
    if kind == "string_pattern_mismatch":
        return f"{shown} does not fit; use {ADVICE[context['pattern']]}"
    return str(detail["msg"])


def _described(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "a string", list: "a list"}
    return names.get(type(value), "a mapping" if isinstance(value, dict) else "nothing")


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"


def fields_at(model: type[Contract], path: Path) -> list[str]:
    """Names of the fields that the part of `model` at `path` has."""
    part = _model_at(model, path)
    return [field.alias or name for name, field in part.model_fields.items()] if part else []


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    for step in path:
        if isinstance(step, int):
            continue
        found = next((field for field in model.model_fields.values() if field.alias == step), None)
        inner = next(_models_in(found.annotation), None) if found else None
        if inner is None:
            return None
        model = inner
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _help(model: type[Contract], path: Path) -> str:
    part = _model_at(model, path[:-1])
    field = next((field for field in part.model_fields.values() if field.alias == path[-1]), None) if part else None
    return " ".join((field.description or "").split()) if field else ""
