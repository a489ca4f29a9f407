"""What may go wrong with the Kubernetes API: one tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

_LONGEST_TEXT = 256
"""Characters of an answer that is no Status: enough to tell a proxy's page by, and no leak of what it may hold."""


class KubeError(Exception):
    """Root of all that this package raises on purpose."""


class AccessError(KubeError):
    """It is not known how to reach the cluster, or as whom."""


class NotLeadingError(KubeError):
    """Another operator may be writing: this one must not."""


class ApiError(KubeError):
    """The API did not do what it was asked. `status` is the HTTP code, 0 where no answer came."""

    def __init__(
        self, status: int, reason: str = "", message: str = "", retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message or reason or f"HTTP {status}")
        self.status = status
        self.reason = reason
        self.message = message or reason or f"HTTP {status}"
        self.retry_after_seconds = retry_after_seconds


class BadRequestError(ApiError):
    """400."""


class UnauthorizedError(ApiError):
    """401: the credentials are wrong or too old."""


class ForbiddenError(ApiError):
    """403: the rules of RBAC, or an admission policy."""


class NotFoundError(ApiError):
    """404: no such object, or no such resource."""


class ConflictError(ApiError):
    """409: the object changed meanwhile, a precondition failed, or a field belongs to another manager."""


class AlreadyExistsError(ConflictError):
    """409 of a create."""


class GoneError(ApiError):
    """410, also Expired: the resourceVersion or the page is too old. List anew."""


class InvalidError(ApiError):
    """422: the object breaks its schema or a rule of validation."""


class TooManyRequestsError(ApiError):
    """429."""


class ServerError(ApiError):
    """5xx."""


class UnreachableError(ApiError):
    """No answer, or none that can be read: refused, reset, timed out, cut short."""

    def __init__(self, message: str, may_have_happened: bool) -> None:
        super().__init__(0, "Unreachable", message)
        self.may_have_happened = may_have_happened
        """False where the request can't have reached the server: then even a write may be repeated."""


class GarbledError(UnreachableError):
    """An answer that is no JSON, or stops in the middle."""

    def __init__(self, message: str) -> None:
        super().__init__(message, may_have_happened=True)


_OF_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: InvalidError,
    429: TooManyRequestsError,
}
_OF_REASON: Mapping[str, type[ApiError]] = {"AlreadyExists": AlreadyExistsError, "Expired": GoneError}


def api_error(status: int, body: bytes, retry_after: str = "") -> ApiError:
    """Of an answer that refuses. The body should be a metav1.Status, and may be anything. `retry_after`: the header."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        told = None
    if isinstance(told, dict) and told.get("kind") == "Status":
        return error_of_status(told, status, retry_after)
    shown = body[:_LONGEST_TEXT].decode(errors="replace").strip()
    return _class_of(status, "")(status, "", f"HTTP {status}: {shown}" if shown else "", _seconds(retry_after))


def error_of_status(told: Mapping[str, Any], status: int = 0, retry_after: str = "") -> ApiError:
    """Of a metav1.Status as it comes in an answer or in an ERROR event. Fields of a wrong type count as missing."""
    code = told.get("code")
    status = status or (code if isinstance(code, int) else 500)
    reason, message, details = (told.get(field) for field in ("reason", "message", "details"))
    reason = reason if isinstance(reason, str) else ""
    later = details.get("retryAfterSeconds") if isinstance(details, dict) else None
    seconds = _seconds(retry_after)
    seconds = _seconds(later) if seconds is None else seconds
    return _class_of(status, reason)(status, reason, message if isinstance(message, str) else "", seconds)


def _class_of(status: int, reason: str) -> type[ApiError]:
    if found := _OF_REASON.get(reason):
        return found
    return _OF_STATUS.get(status) or (ServerError if status >= 500 else ApiError)


def _seconds(later: Any) -> float | None:
    """A number of seconds; Retry-After may also be a date, which no API server sends."""
    try:
        seconds = float(later)
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < float("inf") else None
