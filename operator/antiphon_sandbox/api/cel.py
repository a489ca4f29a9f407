"""Google's CEL, with what Kubernetes adds to it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_math, ext_optional, ext_strings

from antiphon_sandbox.api.cel_format import go_format

_DYN, _BOOL, _INT, _STRING = cel.Type.DYN, cel.Type.BOOL, cel.Type.INT, cel.Type.STRING
_LIST = cel.Type.List(_DYN)
_FORMAT = re.compile(r"\.format\((?=\[)")
"""cel-go's `format`, under another name: the one that C++ brings cannot be replaced."""


class CelError(Exception):
    """An expression that does not compile, or that fails on a value."""


class Program:
    """A compiled expression over `self`, and `oldSelf` where there is one."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled

    @property
    def type_name(self) -> str:
        """Of its value, as far as it is known before: BOOL, STRING, ..., or DYN."""
        return str(self._compiled.return_type())

    def evaluate(self, this: Any, old: Any = None) -> Any:
        """The value. CelError when the evaluation fails."""
        result = self._compiled.eval(data={"self": this, "oldSelf": old})
        value = result.value()
        if result.type() == cel.Type.ERROR:
            raise CelError(_first_line(str(value)))
        return value


def compile_cel(expression: str) -> Program:
    """CelError says what is wrong with it."""
    try:
        return Program(_environment().compile(_FORMAT.sub(".goFormat(", expression)))
    except Exception as error:
        raise CelError(_first_line(str(error))) from error


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else "unknown error"


@functools.cache
def _environment() -> Any:
    return cel.NewEnv(
        variables={"self": _DYN, "oldSelf": _DYN},
        extensions=[ext_strings.ExtStrings(), ext_math.ExtMath(), ext_optional.ExtOptional()],
        functions=[cel.FunctionDecl(name, overloads) for name, overloads in _functions().items()],
    )


def _functions() -> dict[str, list[Any]]:
    """Kubernetes' list and regular expression libraries."""
    return {
        "goFormat": [
            _member("string_go_format", _STRING, [_STRING, _LIST], lambda text, values: go_format(text, plain(values)))
        ],
        "sum": [_member("list_sum", _DYN, [_LIST], sum)],
        "min": [_member("list_min", _DYN, [_LIST], min)],
        "max": [_member("list_max", _DYN, [_LIST], max)],
        "isSorted": [_member("list_is_sorted", _BOOL, [_LIST], lambda items: list(items) == sorted(items))],
        "find": [_member("string_find", _STRING, [_STRING, _STRING], _find)],
        "findAll": [
            _member("string_find_all", cel.Type.List(_STRING), [_STRING, _STRING], _find_all),
            _member("string_find_some", cel.Type.List(_STRING), [_STRING, _STRING, _INT], _find_some),
        ],
    }


def plain(value: Any) -> Any:
    """A list or map with nothing but Python's own values in it: those of the C++ library are wrapped one by one."""
    value = value.value() if hasattr(value, "value") and not isinstance(value, dict) else value
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {plain(key): plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def _member(name: str, returns: Any, takes: list[Any], function: Callable[..., Any]) -> Any:
    return cel.Overload(name, returns, takes, True, function)


def _find(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    return match[0] if match else ""


def _find_all(text: str, pattern: str) -> list[str]:
    return [match[0] for match in re.finditer(pattern, text)]


def _find_some(text: str, pattern: str, most: int) -> list[str]:
    found = _find_all(text, pattern)
    return found if most < 0 else found[:most]
