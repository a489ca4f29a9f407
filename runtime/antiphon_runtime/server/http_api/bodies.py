"""Reads bodies of requests: JSON and forms, no more than may be, and of the right kind."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from antiphon_runtime.realtime.errors import INVALID_JSON, INVALID_TYPE
from antiphon_runtime.server.http_api.errors import ApiError, ClientGoneError, invalid

M = TypeVar("M", bound=BaseModel)
_MOST_FIELDS, _MOST_FILES, _MOST_FIELD_BYTES = 100, 4, 2**20


class Given(BaseModel):
    """Part of a request. What we do not know is read past, as OpenAI does."""

    model_config = ConfigDict(
        extra="ignore", strict=True, allow_inf_nan=False, frozen=True, use_attribute_docstrings=True
    )


async def read_json(request: Request, model: type[M], most_bytes: int) -> M:
    _check_kind(request, "application/json")
    body = b"".join([chunk async for chunk in _chunks(request, most_bytes)])
    try:
        given = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise ApiError(f"the body is not JSON: {error}", code=INVALID_JSON) from None
    if not isinstance(given, dict):
        raise ApiError("the body is not a JSON object", code=INVALID_TYPE)
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise invalid(error, given) from None


async def read_form(request: Request, most_bytes: int) -> FormData:
    """Of kind multipart/form-data. Must be closed."""
    _check_kind(request, "multipart/form-data")
    parser = MultiPartParser(
        request.headers,
        _chunks(request, most_bytes),
        max_files=_MOST_FILES,
        max_fields=_MOST_FIELDS,
        max_part_size=_MOST_FIELD_BYTES,
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise ApiError(f"the body is no multipart/form-data: {error.message}", code="invalid_form") from None


async def _chunks(request: Request, most_bytes: int) -> AsyncGenerator[bytes, None]:
    told = request.headers.get("content-length", "")
    if told.isascii() and told.isdigit() and int(told[:20]) > most_bytes:
        raise _too_large(most_bytes)
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most_bytes:
                raise _too_large(most_bytes)
            yield chunk
    except ClientDisconnect:
        raise ClientGoneError from None


def _check_kind(request: Request, wanted: str) -> None:
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != wanted:
        told = f"Content-Type is {kind!r}" if kind else "Content-Type is missing"
        raise ApiError(f"{told}; send {wanted}", status=415, code="unsupported_media_type")


def _too_large(most_bytes: int) -> ApiError:
    return ApiError(
        f"the body is larger than {most_bytes} bytes ({most_bytes / 2**20:g} MiB), the most that is taken",
        status=413,
        code="body_too_large",
    )


def all_of(form: FormData, name: str) -> list[Any]:
    """A list in a form, with brackets after its name or without."""
    return [*form.getlist(f"{name}[]"), *form.getlist(name)]
