from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_operator.kube.errors import (
    AlreadyExistsError,
    ApiError,
    ConflictError,
    ForbiddenError,
    GoneError,
    InvalidError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
    api_error,
    error_of_status,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def status(code: int, reason: str, **more: Any) -> bytes:
    return json.dumps({"kind": "Status", "code": code, "reason": reason, "message": "why", **more}).encode()


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (403, "Forbidden", ForbiddenError),
        (404, "NotFound", NotFoundError),
        (409, "Conflict", ConflictError),
        (409, "AlreadyExists", AlreadyExistsError),
        (410, "Expired", GoneError),
        (410, "Gone", GoneError),
        (422, "Invalid", InvalidError),
        (429, "TooManyRequests", TooManyRequestsError),
        (500, "InternalError", ServerError),
        (504, "Timeout", ServerError),
        (418, "Teapot", ApiError),
    ],
)
def test_each_refusal_has_its_class(code: int, reason: str, kind: type[ApiError]) -> None:
    error = api_error(code, status(code, reason))
    assert type(error) is kind
    assert (error.status, error.reason, error.message, str(error)) == (code, reason, "why", "why")


def test_when_to_come_again_is_read_from_header_and_body() -> None:
    body = status(429, "TooManyRequests", details={"retryAfterSeconds": 7})
    assert api_error(429, body).retry_after_seconds == 7
    assert api_error(429, body, "3").retry_after_seconds == 3
    assert api_error(429, b"slow down", "0").retry_after_seconds == 0
    assert api_error(429, b"", "Wed, 21 Oct 2015 07:28:00 GMT").retry_after_seconds is None


def test_a_page_of_a_proxy_is_shown_in_part() -> None:
    error = api_error(502, b"<html>" + b"x" * 10_000)
    assert isinstance(error, ServerError)
    assert error.message.startswith("HTTP 502: <html>")
    assert len(error.message) < 300


@given(st.integers(300, 599), st.binary() | JSON.map(lambda value: json.dumps(value).encode()), st.text())
def test_any_body_makes_an_error(code: int, body: bytes, retry_after: str) -> None:
    assert api_error(code, body, retry_after).status == code


@given(st.dictionaries(st.sampled_from(["code", "reason", "message", "details", "kind"]), JSON))
def test_any_error_event_makes_an_error(told: dict[str, Any]) -> None:
    error = error_of_status(told)
    assert isinstance(error.message, str)
    assert isinstance(error.reason, str)
