"""`format` as cel-go does it: Google's C++ CEL leaves out the quotes of strings within lists and maps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_VERB = re.compile(r"%%|%(?:\.(\d+))?([sdfexXob])")


def go_format(template: str, values: list[Any]) -> str:
    """ValueError when the values do not fit the template."""
    waiting = iter(values)

    def filled(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        try:
            value = next(waiting)
        except StopIteration:
            raise ValueError(f"no value for {match[0]}") from None
        return _VERBS[match[2]](value, int(match[1] or 6))

    return _VERB.sub(filled, template)


def _text(value: Any, _precision: int) -> str:
    return value if isinstance(value, str) else _within(value)


def _within(value: Any) -> str:
    """A value inside a list or a map."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{', '.join(map(_within, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_within(key)}: {_within(value[key])}" for key in sorted(value, key=str)) + "}"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


_VERBS: dict[str, Callable[[Any, int], str]] = {
    "s": _text,
    "d": lambda value, _: str(int(value)),
    "f": lambda value, precision: f"{float(value):.{precision}f}",
    "e": lambda value, precision: f"{float(value):.{precision}e}",
    "x": lambda value, _: value.encode().hex() if isinstance(value, str) else f"{int(value):x}",
    "X": lambda value, _: value.encode().hex().upper() if isinstance(value, str) else f"{int(value):X}",
    "o": lambda value, _: f"{int(value):o}",
    "b": lambda value, _: f"{int(value):b}",
}
