"""Schemathesis over the API's own OpenAPI document: no server error, and no answer that the document does not declare."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from http_api_world import AGENT, serving, tone, wav
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks
from schemathesis.transport.serialization import Binary

_OPERATIONS = [
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model}"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/audio/speech"),
    ("POST", "/v1/audio/transcriptions"),
]
_EXAMPLES = 50
_SOUND = wav(tone(0.2))
_CHECKS: list[Any] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
_REFUSALS: list[Any] = [*_CHECKS, checks.negative_data_rejection]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a server with a thread and an event loop of its own."""
    ready, found = threading.Event(), []
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with serving() as url:
            found.append(url)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield found[0]
    loop.call_soon_threadsafe(over.set)
    thread.join(20)
    loop.close()


@pytest.mark.parametrize("operation", _OPERATIONS, ids=" ".join)
def test_no_request_makes_the_server_fail(address: str, operation: tuple[str, str]) -> None:
    assert 200 in _statuses(address, operation, GenerationMode.POSITIVE)


@pytest.mark.parametrize("operation", [each for each in _OPERATIONS if each[0] == "POST"], ids=" ".join)
def test_wrong_requests_are_refused_as_declared(address: str, operation: tuple[str, str]) -> None:
    assert 400 in _statuses(address, operation, GenerationMode.NEGATIVE)


def _statuses(address: str, operation: tuple[str, str], mode: GenerationMode) -> Counter[int]:
    """All that were answered."""
    method, path = operation
    document = schemathesis.openapi.from_url(f"{address}/openapi.json")
    found: Counter[int] = Counter()

    @given(case=document[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=_EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    def story(case: schemathesis.Case[Any]) -> None:
        if mode is GenerationMode.POSITIVE:
            _make_answerable(case, found.total())
        wanted = _CHECKS if mode is GenerationMode.POSITIVE else _REFUSALS
        found[case.call_and_validate(checks=wanted).status_code] += 1

    story()
    return found


def test_all_operations_are_tried(address: str) -> None:
    document = schemathesis.openapi.from_url(f"{address}/openapi.json")
    found = {(each.ok().method.upper(), each.ok().path) for each in document.get_all_operations()}  # type: ignore[union-attr]
    assert found == set(_OPERATIONS)


def _make_answerable(case: schemathesis.Case[Any], number: int) -> None:
    """What it makes up is no model's name and no sound: every second request asks for the agent, or brings a sound."""
    parameters: dict[str, Any] = case.path_parameters
    if number % 2 and "model" in parameters:
        parameters["model"] = AGENT
    if number % 2 == 0 or not isinstance(case.body, dict):
        return
    case.body = {name: value for name, value in case.body.items() if name != "model"}
    if isinstance(file := case.body.get("file"), Binary):
        case.body["file"] = Binary(_SOUND if number % 4 == 1 else file.data)
    if isinstance(case.body.get("voice"), str):
        case.body["voice"] = "alloy"
