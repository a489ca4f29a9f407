"""Reading what clients send: JSON, YAML, or Kubernetes' protobuf."""

from __future__ import annotations

from typing import Any

import orjson
import yaml

from antiphon_sandbox.api import protobuf
from antiphon_sandbox.api.errors import bad_request
from antiphon_sandbox.api.yaml_reading import read_yaml

PROTOBUF = "application/vnd.kubernetes.protobuf"


def read(body: bytes, content_type: str, group: str, version: str, kind: str) -> Any:
    """ApiError 400 when it cannot be read."""
    try:
        if content_type == PROTOBUF:
            return protobuf.decode(body, group, version, kind)
        return read_yaml(body) if "yaml" in content_type else orjson.loads(body)
    except (ValueError, yaml.YAMLError) as error:
        why = f"couldn't get version/kind; json parse error: {_in_gos_words(body, error)} ({_shown(body)})"
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): {why}") from error


def read_patch(body: bytes) -> Any:
    """ApiError 400 when it is no JSON."""
    try:
        return orjson.loads(body)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {_in_gos_words(body, error)}") from error


def read_applied(body: bytes) -> dict[str, Any]:
    """What somebody applies: YAML. ApiError 400 when it is no map."""
    try:
        applied = read_yaml(body)
    except (ValueError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise bad_request(f"error decoding YAML: error converting YAML to JSON: yaml: {why}") from error
    if applied is None:
        return {}
    if not isinstance(applied, dict):
        found = "array" if isinstance(applied, list) else "string"
        why = f"json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
        raise bad_request(f"error decoding YAML: error unmarshaling JSON: while decoding JSON: {why}")
    return applied


def _shown(body: bytes) -> str:
    return body.decode(errors="replace")[:100]


def _in_gos_words(body: bytes, error: Exception) -> str:
    text = body.decode(errors="replace")
    position = getattr(error, "pos", None)
    if not isinstance(error, orjson.JSONDecodeError) or position is None:
        return str(error)
    if position >= len(text.rstrip()) or not text:
        return "unexpected end of JSON input"
    before = text[:position].rstrip()[-1:]
    wanted = "beginning of object key string" if before == "{" and text[position] != "}" else "beginning of value"
    return f"invalid character '{text[position]}' looking for {wanted}"
