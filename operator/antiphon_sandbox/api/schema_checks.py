"""What a schema says of one value, without what is below it: small checks, chosen once for each node."""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.schema import Schema

Check = Callable[[Any, str], Iterator[Cause]]

_JSON_TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
_DURATION_UNITS = "ns|us|µs|μs|ms|s|m|h|d|w|nanoseconds?|seconds?|minutes?|hours?|days?|weeks?"
_FORMATS = {
    "date": r"\d{4}-\d\d-\d\d",
    "date-time": r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)",
    "uuid": r"[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
    "email": r"[^@\s]+@[^@\s]+",
    "ipv4": r"(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}",
    "byte": r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
    "duration": rf"0|([+-]?(\d+(\.\d*)?|\.\d+)\s*({_DURATION_UNITS}))+",
}
_WHOLE_RANGES = {"int32": range(-(2**31), 2**31), "uint32": range(2**32), "uint64": range(2**64)}


def json_type(value: Any) -> str:
    return "null" if value is None else _JSON_TYPES[type(value)]


def quoted(value: Any) -> str:
    """A value as Go's error messages show it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@functools.cache
def go_pattern(pattern: str) -> re.Pattern[str]:
    """A Go pattern: `$` is the very end."""
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", pattern))


def invalid(value: Any, message: str, path: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {quoted(value)}: {message}", path)


def too_many(value: Any, most: int, path: str) -> Cause:
    items = "item" if most == 1 else "items"
    return Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} {items}", path)


def wrong_type(value: Any, expected: str, path: str) -> Cause:
    found = quoted(json_type(value))
    message = f"Invalid value: {found}: {path} in body must be of type {expected}: {found}"
    return Cause("FieldValueTypeInvalid", message, path)


def type_cause(schema: Schema, value: Any, path: str) -> Cause | None:
    """What is wrong with the value's type."""
    types = schema.python_types
    if types is None or type(value) in types:
        return None
    if schema.type == "integer" and type(value) is float and value.is_integer():
        return None
    return wrong_type(value, schema.type or "integer,string", path)


def checks_of(schema: Schema) -> tuple[Check, ...]:
    """The checks that the node asks for."""
    raw = schema.raw
    wanted: list[Check] = [make(raw[keyword], raw) for keyword, make in _KEYWORDS.items() if keyword in raw]
    texts = [make(raw[keyword], raw) for keyword, make in _TEXT_KEYWORDS.items() if keyword in raw]
    if texts:
        wanted.append(texts[0] if len(texts) == 1 else _first_of(texts))
    if raw.get("format") in _FORMATS and raw.get("type") == "string":
        wanted.append(_format(raw["format"], raw))
    if raw.get("format") in _WHOLE_RANGES and raw.get("type") == "integer":
        wanted.append(_whole_format(raw["format"]))
    return tuple(wanted)


def _first_of(checks: list[Check]) -> Check:
    """Of a text only the first thing that is wrong is told."""

    def check(value: Any, path: str) -> Iterator[Cause]:
        yield from itertools.islice((cause for one in checks for cause in one(value, path)), 1)

    return check


def _enum(allowed: list[Any], _raw: Any) -> Check:
    listed = ", ".join(quoted(item) for item in allowed)

    def check(value: Any, path: str) -> Iterator[Cause]:
        if value not in allowed:
            message = f"Unsupported value: {quoted(value)}: supported values: {listed}"
            yield Cause("FieldValueNotSupported", message, path)

    return check


def _min_length(least: int, _raw: Any) -> Check:
    def check(value: Any, path: str) -> Iterator[Cause]:
        if len(value) < least:
            yield invalid(value, f"{path} in body should be at least {least} chars long", path)

    return check


def _max_length(most: int, _raw: Any) -> Check:
    def check(value: Any, path: str) -> Iterator[Cause]:
        if len(value) > most:
            yield Cause("FieldValueTooLong", f"Too long: may not be more than {most} bytes", path)

    return check


def _pattern(pattern: str, _raw: Any) -> Check:
    search = go_pattern(pattern).search

    def check(value: Any, path: str) -> Iterator[Cause]:
        if not search(value):
            yield invalid(value, f"{path} in body should match '{pattern}'", path)

    return check


def _format(name: str, _raw: Any) -> Check:
    match = re.compile(_FORMATS[name]).fullmatch

    def check(value: Any, path: str) -> Iterator[Cause]:
        if not match(value):
            message = f"Invalid value: {quoted(value)}: {path} in body must be of type {name}: {quoted(value)}"
            yield Cause("FieldValueTypeInvalid", message, path)

    return check


def _whole_format(name: str) -> Check:
    bounds = _WHOLE_RANGES[name]

    def check(value: Any, path: str) -> Iterator[Cause]:
        if int(value) not in bounds:
            yield about_nothing(f"Checked value must be of type integer with format {name} in {path}")

    return check


def about_nothing(message: str) -> Cause:
    """What upstream says without a word on the field."""
    return Cause("FieldValueInvalid", f'Invalid value: "": {message}', "<nil>")


def _minimum(least: float, raw: Any) -> Check:
    exclusive = raw.get("exclusiveMinimum")
    words = "greater than" if exclusive else "greater than or equal to"

    def check(value: Any, path: str) -> Iterator[Cause]:
        bound = int(least) if type(value) is int else least  # as the API server does, which compares whole numbers
        if value < bound or (exclusive and value == bound):
            yield invalid(value, f"{path} in body should be {words} {_number(least)}", path)

    return check


def _maximum(most: float, raw: Any) -> Check:
    exclusive = raw.get("exclusiveMaximum")
    words = "less than" if exclusive else "less than or equal to"

    def check(value: Any, path: str) -> Iterator[Cause]:
        bound = int(most) if type(value) is int else most
        if value > bound or (exclusive and value == bound):
            yield invalid(value, f"{path} in body should be {words} {_number(most)}", path)

    return check


def _multiple_of(factor: float, _raw: Any) -> Check:
    def check(value: Any, path: str) -> Iterator[Cause]:
        whole = int(factor) if type(value) is int else factor  # as with a minimum
        if not whole:
            yield invalid(0, f"factor MultipleOf declared for {path} must be positive: 0", path)
        elif math.fmod(value, whole):
            yield invalid(value, f"{path} in body should be a multiple of {_number(factor)}", path)

    return check


def _number(value: float) -> str:
    return f"{value:g}"


def _min_items(least: int, _raw: Any) -> Check:
    def check(value: Any, path: str) -> Iterator[Cause]:
        if len(value) < least:
            yield invalid(len(value), f"{path} in body should have at least {least} items", path)

    return check


def _max_items(most: int, _raw: Any) -> Check:
    def check(value: Any, path: str) -> Iterator[Cause]:
        if len(value) > most:
            yield too_many(value, most, path)

    return check


def _min_properties(least: int, _raw: Any) -> Check:
    def check(value: Any, path: str) -> Iterator[Cause]:
        if len(value) < least:
            yield invalid(len(value), f"{path} in body should have at least {least} properties", path)

    return check


def _max_properties(most: int, _raw: Any) -> Check:
    def check(value: Any, path: str) -> Iterator[Cause]:
        if len(value) > most:
            yield too_many(value, most, path)

    return check


_KEYWORDS: dict[str, Callable[[Any, Any], Check]] = {
    "enum": _enum,
    "minimum": _minimum,
    "maximum": _maximum,
    "multipleOf": _multiple_of,
    "minItems": _min_items,
    "maxItems": _max_items,
    "minProperties": _min_properties,
    "maxProperties": _max_properties,
}
# In the order in which they are asked.
_TEXT_KEYWORDS: dict[str, Callable[[Any, Any], Check]] = {
    "maxLength": _max_length,
    "minLength": _min_length,
    "pattern": _pattern,
}
