"""YAML as the API server reads it: dates stay text, keys become text, `1:30` is no number."""

from __future__ import annotations

import re
from typing import Any

import orjson
import yaml

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOT_AS_PYTHON = {f"tag:yaml.org,2002:{name}" for name in ("timestamp", "int", "float", "bool")}
_RESOLVERS = {
    "bool": r"y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON|n|N|no|No|NO|false|False|FALSE|off|Off|OFF",
    "int": r"[-+]?(?:0b[0-1_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*|0[0-7_]+)",
    "float": r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.[0-9_]+(?:[eE][-+]?[0-9]+)?)",
}
_FIRST = {"bool": "yYnNtTfFoO", "int": "-+0123456789", "float": "-+0123456789."}


class _Loader(_BASE):  # type: ignore[misc]
    """Go's reading of YAML 1.1."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NOT_AS_PYTHON]
        for first, resolvers in _BASE.yaml_implicit_resolvers.items()
    }


for _name, _pattern in _RESOLVERS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), list(_FIRST[_name]))


def _boolean(_loader: Any, node: Any) -> bool:
    return node.value[0] in "yYtT" or node.value.lower() == "on"


_Loader.add_constructor("tag:yaml.org,2002:bool", _boolean)


def read_yaml(text: bytes) -> Any:
    """JSON's kinds of values only; yaml.YAMLError when it is no YAML. Most of it is JSON, which is read at once."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    return _as_json(yaml.load(text, _Loader))  # noqa: S506 (a safe loader)


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(name): _as_json(below) for name, below in value.items()}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    return value


def _key(name: Any) -> str:
    if isinstance(name, str):
        return name
    if isinstance(name, bool):
        return "true" if name else "false"
    return "null" if name is None else str(name)
