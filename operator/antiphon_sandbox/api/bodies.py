"""Reading what clients send: JSON, YAML, or Kubernetes' protobuf."""

from __future__ import annotations

from typing import Any

import orjson
import yaml

from antiphon_sandbox.api import protobuf
from antiphon_sandbox.api.errors import bad_request

PROTOBUF = "application/vnd.kubernetes.protobuf"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(body: bytes, content_type: str, group: str, version: str, kind: str) -> Any:
    """ApiError 400 when it cannot be read."""
    try:
        if content_type == PROTOBUF:
            return protobuf.decode(body, group, version, kind)
        if "yaml" in content_type:
            return yaml.load(body, _LOADER)  # noqa: S506 (a safe loader)
        return orjson.loads(body)
    except (ValueError, yaml.YAMLError) as error:
        why = f"couldn't get version/kind; json parse error: {_in_gos_words(body, error)}"
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {why}") from error


def read_patch(body: bytes, content_type: str) -> Any:
    """ApiError 400 when it is no JSON, or for apply no YAML."""
    try:
        return yaml.load(body, _LOADER) if "yaml" in content_type else orjson.loads(body)  # noqa: S506
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"error decoding patch: {error}") from error


def _in_gos_words(body: bytes, error: Exception) -> str:
    text = body.decode(errors="replace")
    position = getattr(error, "pos", None)
    if not isinstance(error, orjson.JSONDecodeError) or position is None or position >= len(text):
        return f"unexpected end of JSON input ({text[:100]})" if position is not None else str(error)
    before = text[:position].rstrip()[-1:]
    looking_for = {"{": "beginning of object key string", ",": "beginning of value", ":": "beginning of value"}
    wanted = looking_for.get(before, "beginning of value")
    return f"invalid character '{text[position]}' looking for {wanted} ({text[:100]})"
