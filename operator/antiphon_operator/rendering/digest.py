"""Short digests of JSON, the same for the same content in any order of its keys."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

_LENGTH = 16
"""Hexadecimal digits: 64 bits. A label's value holds 63 characters, and nobody forges what only we compare."""

_LONGEST_NAME = 63
"""Of a Service, which is a label of DNS."""
_NAME_DIGITS = 8


def digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:_LENGTH]


def bounded_name(name: str) -> str:
    """The name; where it is too long, its beginning and a digest of all of it."""
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - _NAME_DIGITS - 1].rstrip('-')}-{digest(name)[:_NAME_DIGITS]}"
