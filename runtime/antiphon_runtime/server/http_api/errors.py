"""What goes wrong, in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}` with the right status."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from fastapi import FastAPI
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from antiphon_runtime.batching.errors import (
    BatchingError,
    ClosedError,
    ExpiredError,
    HungError,
    OverloadedError,
    SupersededError,
)
from antiphon_runtime.engines.protocols import EngineError
from antiphon_runtime.realtime.errors import INTERNAL, INVALID_VALUE, refusal
from antiphon_runtime.stages.served import StageUnavailableError

_log = logging.getLogger(__name__)
Kind: TypeAlias = Literal["invalid_request_error", "server_error"]
NOT_SUPPORTED = "unsupported_value"
_CLIENT_CLOSED_REQUEST = 499
"""Nobody reads it; it is what logs know."""
_RETRY_SECONDS = 1.0
_CODES = {404: "not_found", 405: "method_not_allowed"}
_CLIENTS_FAULTS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"(?i)exceed\w* .*context|context .*exceed|maximum context length"),
        "messages",
        "context_length_exceeded",
    ),
    (re.compile(r"does not know language"), "language", INVALID_VALUE),
)
"""What engines refuse because of what was asked: their words, the field, the code."""


class ErrorDetail(BaseModel):
    message: str
    """The field, its value, and what would be right."""
    type: str
    param: str | None
    """Field of the request that is wrong."""
    code: str | None


class ErrorBody(BaseModel):
    error: ErrorDetail


class ApiError(Exception):
    """A request that is refused, or failed."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = INVALID_VALUE,
        param: str | None = None,
        kind: Kind = "invalid_request_error",
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.code, self.param, self.kind = message, status, code, param, kind
        self.retry_after_seconds = retry_after_seconds

    def as_json(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}

    def as_response(self) -> Response:
        headers = {}
        if self.retry_after_seconds is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after_seconds)))
        return JSONResponse(self.as_json(), self.status, headers)


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


def invalid(error: ValidationError, given: object) -> ApiError:
    """The first thing that is wrong, in one sentence."""
    told = refusal(error, given)
    message = told.message.replace("the event is", "the body is", 1)
    return ApiError(message, code=told.code, param=told.param)


def as_api_error(error: Exception) -> ApiError:
    """How a client is told what an engine, a queue, or we ourselves did wrong."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, OverloadedError):
        retry = max(error.retry_after_seconds, 0.1)
        return _ours(503, "overloaded", f"{error}; try again in {retry:.1f} s", retry)
    if isinstance(error, HungError):
        return _ours(504, "timeout", str(error))
    if isinstance(error, StageUnavailableError | ClosedError | ExpiredError | SupersededError):
        return _ours(503, "unavailable", f"{error}; try again", _RETRY_SECONDS)
    if isinstance(error, BatchingError | EngineError):
        return _clients_fault(error) or _ours(502, "engine_error", str(error))
    _log.error("unexpected: %s", error, exc_info=error)
    return _ours(500, INTERNAL, "something went wrong that should not; this is our fault")


def not_ready(stage: str) -> ApiError:
    return _ours(503, "not_ready", f"stage {stage} is not loaded yet; try again in 5 s", 5.0)


def add_error_handlers(app: FastAPI) -> None:
    """For all routes of the app, also those that do not exist."""
    for kind in (ApiError, BatchingError, EngineError, StageUnavailableError, Exception):
        app.add_exception_handler(kind, _refuse)
    app.add_exception_handler(HTTPException, _refuse_http)
    app.add_exception_handler(ClientGoneError, _let_go)


async def _refuse(_: Request, error: Exception) -> Response:
    return as_api_error(error).as_response()


async def _refuse_http(request: Request, error: Exception) -> Response:
    """Starlette's own: unknown paths and methods."""
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for these)
    message = _what_http(request, error)
    kind: Kind = "invalid_request_error" if error.status_code < 500 else "server_error"
    answer = ApiError(message, status=error.status_code, code=_CODES.get(error.status_code), kind=kind).as_response()
    answer.headers.update(error.headers or {})
    return answer


def _what_http(request: Request, error: HTTPException) -> str:
    asked = f"{request.method} {request.url.path}"
    if error.status_code == 404:
        return f"there is nothing at {asked}"
    if error.status_code == 405:
        headers: Mapping[str, str] = error.headers or {}
        return f"{asked} is not possible; use {headers.get('Allow') or headers.get('allow') or 'another method'}"
    return str(error.detail)


async def _let_go(_: Request, __: Exception) -> Response:
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


def _ours(status: int, code: str, message: str, retry_after_seconds: float | None = None) -> ApiError:
    return ApiError(message, status=status, code=code, kind="server_error", retry_after_seconds=retry_after_seconds)


def _clients_fault(error: Exception) -> ApiError | None:
    told = str(error.__cause__ if isinstance(error.__cause__, EngineError) else error)
    for pattern, param, code in _CLIENTS_FAULTS:
        if pattern.search(told):
            return ApiError(f"{param}: {told}", code=code, param=param)
    return None
