"""What the OpenAPI document says about requests and failures, from the types that we read and write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel

from antiphon_runtime.server.http_api.errors import ErrorBody

Declared: TypeAlias = dict[int | str, dict[str, Any]]
EMULATED_HEADER = "antiphon-emulated"
_FAILURES = {
    400: "The request is wrong; the message names the field.",
    401: "The key is missing or wrong.",
    404: "There is no such model, or the agent has no such stage.",
    413: "The body is too large.",
    415: "The body is of another kind.",
    500: "We failed.",
    502: "The engine failed.",
    503: "Overloaded, or not loaded yet.",
    504: "The engine did not come back in time.",
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}}
_EMULATED = {EMULATED_HEADER: {"description": "Stages that are emulated, if any.", "schema": {"type": "string"}}}


def failures(*statuses: int) -> Declared:
    """Of an endpoint."""
    told: Declared = {status: {"model": ErrorBody, "description": _FAILURES[status]} for status in statuses}
    if 503 in told:
        told[503]["headers"] = _RETRY_AFTER
    return told | {"4XX": {"model": ErrorBody, "description": "Anything else that is wrong with the request."}}


STAGE_FAILURES = failures(*_FAILURES)


def success(description: str, content: Mapping[str, Mapping[str, Any]]) -> Declared:
    """`content`: schemas by media type."""
    kinds = {kind: {"schema": dict(schema)} for kind, schema in content.items()}
    return {200: {"description": description, "headers": _EMULATED, "content": kinds}}


def request_body(model: type[BaseModel], media_type: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """For `openapi_extra`. `more`: properties that are read otherwise, and are needed."""
    schema = inlined(model.model_json_schema(mode="validation"))
    if media_type != "application/json":
        schema["properties"] = {name: _without_null(part) for name, part in schema["properties"].items()}
    if more:
        schema["properties"] = {**more, **schema["properties"]}
        schema["required"] = [*more, *schema.get("required", ())]
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Forms have no null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**kinds[0], **{name: value for name, value in schema.items() if name not in ("anyOf", "default")}}


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Without references, as they would point into another document. The types that we read do not contain themselves."""
    definitions = schema.get("$defs", {})

    def resolved(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                return resolved(definitions[value["$ref"].rpartition("/")[2]])
            return {key: resolved(item) for key, item in value.items() if key not in ("$defs", "discriminator")}
        return [resolved(item) for item in value] if isinstance(value, list) else value

    whole: dict[str, Any] = resolved(schema)
    return whole
