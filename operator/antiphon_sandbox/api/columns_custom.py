"""What `kubectl get` shows of custom resources: the printer columns of their CustomResourceDefinition."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any

from antiphon_sandbox.api import jsonpath
from antiphon_sandbox.api.ages import Since
from antiphon_sandbox.api.resources import Column, Resource
from antiphon_sandbox.api.table_columns import AGE_OF_CUSTOM, NAME, Shown
from antiphon_sandbox.objects import Obj

_ESCAPED = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def custom_columns(resource: Resource) -> tuple[Shown, ...]:
    """The columns up to the first whose path cannot be read; without any, name and age."""
    if not resource.columns:
        return (NAME, AGE_OF_CUSTOM)
    return (NAME, *_readable(resource.columns))


def _readable(columns: tuple[Column, ...]) -> Iterator[Shown]:
    for column in columns:
        try:
            jsonpath.compiled(column.json_path)
        except jsonpath.JsonPathError:
            return
        about = column.description or f"Custom resource definition column (in JSONPath format): {column.json_path}"
        cell = partial(_cell, column.type, column.json_path)
        yield Shown(column.name, about, cell, column.type, column.priority, column.format)


def _cell(kind: str, path: str, obj: Obj) -> Any:
    found = jsonpath.first(path, obj)
    return _shown(kind, found[0]) if found else None


def _shown(kind: str, value: Any) -> Any:
    """A value in a column of that type: null when it does not fit, text of whatever it is."""
    match kind:
        case "string":
            return _text(value)
        case "date":
            return Since(value) if isinstance(value, str) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "integer" | "number" if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value) if kind == "integer" else value
        case _:
            return None


def _text(value: Any) -> str:
    """As Go prints it."""
    match value:
        case str():
            return value
        case None:
            return "<no value>"
        case bool():
            return str(value).lower()
        case float():
            return _float_text(value)
        case dict() | list():
            return _json_text(value)
        case _:
            return str(value)


def _float_text(value: float) -> str:
    """Exponents from 1e21 on, where Python begins at 1e16."""
    if value.is_integer() and abs(value) < 1e21:
        return format(Decimal(repr(value)).to_integral_value(), "f")
    return repr(value)


def _json_text(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return re.sub("[<>&\u2028\u2029]", lambda found: _ESCAPED[found[0]], text)
