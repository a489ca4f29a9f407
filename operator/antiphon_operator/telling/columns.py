"""The columns of a kind, as its CustomResourceDefinition prints them, filled in from an object."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from antiphon_crds.definitions import DEFINITIONS, Column, Definition
from antiphon_operator.objects import Obj, name_of, namespace_of
from antiphon_operator.telling.ages import age

_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]")


def titles(definition: Definition, *, namespaces: bool, wide: bool) -> list[str]:
    first = ["Namespace", "Name"] if namespaces and definition.scope == "Namespaced" else ["Name"]
    return [*first, *(column.name for column in columns_of(definition, wide=wide))]


def row(definition: Definition, obj: Obj, now: datetime, *, namespaces: bool, wide: bool) -> list[str]:
    first = [namespace_of(obj)] if namespaces and definition.scope == "Namespaced" else []
    return [*first, name_of(obj), *(cell(column, obj, now) for column in columns_of(definition, wide=wide))]


def columns_of(definition: Definition, *, wide: bool) -> Sequence[Column]:
    return [column for column in definition.columns if wide or not column.wide]


def cell(column: Column, obj: Obj, now: datetime) -> str:
    """Empty where the object has no such field."""
    value = at_path(obj, column.path)
    if value is None:
        return ""
    if column.type == "date":
        return age(value, now)
    return f"{value:g}" if isinstance(value, float) else str(value)


def at_path(obj: Any, path: str) -> Any:
    """What lies at a plain JSONPath, such as `.spec.variants[0].name`; None where there is nothing."""
    for name, index in _STEP.findall(path):
        if name:
            obj = obj.get(name) if isinstance(obj, dict) else None
        else:
            obj = obj[int(index)] if isinstance(obj, list) and int(index) < len(obj) else None
    return obj


def definition_named(word: str) -> Definition | None:
    """By plural, singular, kind, short name, or the second half of the kind: `agents`, `policy`, `models`, `pools`."""
    wanted = word.lower().partition(".")[0]
    return next((found for found in DEFINITIONS if wanted in _names_of(found)), None)


def _names_of(definition: Definition) -> set[str]:
    kind, plural = definition.kind.lower(), definition.plural
    short = re.sub(r"^(voice|sla|gpu)", "", kind), re.sub(r"^(voice|sla|gpu)", "", plural)
    return {kind, plural, definition.short_name, *short}
