"""The JSONPath of printer columns, as client-go reads it: `.a.b`, `['a\\.b']`, `[0]`, `[1:]`, `[*]`, `..a`, filters.

A name in brackets is read like one after a dot, so that `['a.b']` is `.a.b`; a backslash keeps a dot in the name.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial, reduce
from typing import Any

Values = list[Any]
Step = Callable[[Values], Values]


class JsonPathError(ValueError):
    """A path that cannot be read, or cannot be followed in that value."""


_TOKEN = re.compile(
    r"""
      (?P<filter>\[\?\((?P<condition>(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^)"'])*)\)\])
    | (?P<recursive>\.\.(?P<below>(?:[^\W]|\\.)(?:\\.|[^\s.,\[\]$@{}\\])*)?)
    | \[(?P<bracket>[^\]\n]*)\]
    | \.(?P<name>(?:\\.|[^\s.,\[\]$@{}\\])*)
    | "(?P<double>(?:\\.|[^"\\\n])*)" | '(?P<single>(?:\\.|[^'\\\n])*)'
    | (?P<number>[+-]?[\d.]+)
    | (?P<word>\w[^\s.,\[\]$@{}]*)
    | (?P<nothing>[ @$])
    """,
    re.VERBOSE,
)
_QUOTED_NAME = re.compile(r"'([^']*)'")
_SLICE = re.compile(r"(-?\d*)(:-?\d*)?(:-?\d*)?")
_COMPARISON = re.compile(r"([^!<>=]+)([!<>=]+)(.+)")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@lru_cache(maxsize=4096)
def compiled(path: str) -> Step:
    """What follows the path from a list of values to those it leads to. JsonPathError when it cannot be read."""
    return partial(_follow, tuple(_steps(path)))


def first(path: str, value: Any) -> tuple[Any, ...]:
    """The first value that the path leads to, alone in a tuple; an empty one where it leads nowhere."""
    try:
        return tuple(compiled(path)([value])[:1])
    except JsonPathError:
        return ()


def _follow(steps: Sequence[Step], values: Values) -> Values:
    return reduce(lambda found, step: step(found), steps, values)


def _steps(path: str) -> Iterator[Step]:
    position = 0
    while position < len(path) and path[position] != "}":  # what stands behind the first expression is not shown
        token = _TOKEN.match(path, position)
        if token is None:
            raise JsonPathError(f"unrecognized character in {path!r} at {position}")
        yield from _steps_of(token)
        position = token.end()


def _steps_of(token: re.Match[str]) -> Iterator[Step]:
    match token.groupdict():
        case {"filter": str(), "condition": str(condition)}:
            yield _filter(condition)
        case {"recursive": str(), "below": below}:
            yield _recursive
            if below:
                yield _named(below)
        case {"bracket": str(inside)}:
            yield from _bracket(inside)
        case {"name": str(name)}:
            yield _named(name)
        case parts:
            yield from _literal(parts)


def _literal(parts: Mapping[str, str | None]) -> Iterator[Step]:
    text = parts["double"] if parts["double"] is not None else parts["single"]
    if text is not None:
        yield _constant(re.sub(r"\\(.)", r"\1", text))
    elif number := parts["number"]:
        yield _constant(_number(number))
    elif word := parts["word"]:
        yield _constant(word == "true") if word in ("true", "false") else partial(_unknown_word, word)


def _unknown_word(word: str, _values: Values) -> Values:
    raise JsonPathError(f"unrecognized identifier {word}")


def _constant(value: Any) -> Step:
    return lambda values: [value] * len(values)


def _number(text: str) -> int | float:
    try:
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    except ValueError:
        raise JsonPathError(f"cannot parse number {text}") from None


def _named(name: str) -> Step:
    return _children if name == "*" else partial(_field, name.replace("\\", ""))


def _field(name: str, values: Values) -> Values:
    return [value[name] for value in values if isinstance(value, Mapping) and name in value]


def _children(values: Values) -> Values:
    return [child for value in values for child in _children_of(value)]


def _children_of(value: Any) -> Values:
    if isinstance(value, Mapping):
        return [value[key] for key in sorted(value)]
    return list(value) if isinstance(value, list) else []


def _recursive(values: Values) -> Values:
    """Whatever has something in it, at any depth, the outer before the inner."""
    found: Values = []
    for value in values:
        if children := _children_of(value):
            found += [value, *_recursive(children)]
    return found


def _bracket(inside: str) -> Iterator[Step]:
    parts = inside.split(",")
    if len(parts) > 1:
        yield partial(_union, [tuple(_steps(f"[{part.strip(' ')}]")) for part in parts])
    elif name := _QUOTED_NAME.fullmatch(inside):
        yield from _steps(f".{name[1]}")
    else:
        yield partial(_slice, _Slice.read(":" if inside == "*" else inside))


def _union(paths: Sequence[Sequence[Step]], values: Values) -> Values:
    return [found for steps in paths for found in _follow(steps, values)]


@dataclass(frozen=True, slots=True)
class _Slice:
    start: int
    end: int | None
    step: int
    single: bool
    """One index: -1 is the last, not nothing."""

    @classmethod
    def read(cls, text: str) -> _Slice:
        match = _SLICE.fullmatch(text)
        if match is None or "-" in (part.lstrip(":") for part in match.groups("")):
            raise JsonPathError(f"invalid array index {text}")
        start = int(match[1] or 0)
        single = match[2] is None
        end = start + 1 if single else _whole(match[2])
        return cls(start, end, 1 if match[3] in (None, ":") else int(match[3][1:]), single)

    def bounds(self, length: int) -> tuple[int, int]:
        start = self.start + length if self.start < 0 else self.start
        end = length if self.end is None else self.end
        if end < 0 or (end == 0 and self.single):
            end += length
        if start != end and not (0 <= start < length and start <= end <= length):
            raise JsonPathError(f"array index out of bounds: [{start}:{end}], length {length}")
        return start, end


def _whole(part: str) -> int | None:
    return int(part[1:]) if part != ":" else None


def _slice(wanted: _Slice, values: Values) -> Values:
    found: Values = []
    for value in values:
        if value is None:
            continue
        if not isinstance(value, list):
            raise JsonPathError(f"{type(value).__name__} is not array or slice")
        start, end = wanted.bounds(len(value))
        if start == end:
            break
        if wanted.step <= 0:
            raise JsonPathError("step must be > 0")
        found += value[start : end : wanted.step]
    return found


def _filter(condition: str) -> Step:
    comparison = _COMPARISON.fullmatch(condition)
    if comparison is None:
        return partial(_choose, compiled(condition))
    compare = _OPERATORS.get(comparison[2])
    sides = compiled(comparison[1]), compiled(comparison[3])
    return partial(_choose, lambda item: _holds(comparison[2], compare, sides, item))


def _choose(chosen: Callable[[Values], Any], values: Values) -> Values:
    found: Values = []
    for value in values:
        if not isinstance(value, list):
            raise JsonPathError(f"{type(value).__name__} is not array or slice and cannot be filtered")
        found += [item for item in value if chosen([item])]
    return found


def _holds(sign: str, compare: Callable[[Any, Any], bool] | None, sides: tuple[Step, Step], item: Values) -> bool:
    found = []
    for side in sides:
        values = side(item)
        if not values:
            return False
        if len(values) > 1:
            raise JsonPathError("can only compare one element at a time")
        found.append(values[0])
    left, right = found
    if compare is None:
        raise JsonPathError(f"unrecognized filter operator {sign}")
    if type(left) is not type(right) or not isinstance(left, str | int | float):
        raise JsonPathError("incompatible types for comparison")
    if isinstance(left, bool) and sign not in ("==", "!="):
        raise JsonPathError("invalid type for comparison")
    return compare(left, right)
