"""A session of the Realtime protocol for tests, with ids that count, and the checks that hold for all its events."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from antiphon_runtime.engines.protocols import Samples
from antiphon_runtime.realtime.actions import Reply, StartResponse
from antiphon_runtime.realtime.protocol import Protocol
from antiphon_runtime.realtime.response_writer import ResponseWriter
from antiphon_runtime.realtime.server_events import NewId, ServerEvent
from antiphon_runtime.realtime.session_settings import SessionSettings


def counting_ids() -> NewId:
    counter = itertools.count(1)
    return lambda prefix: f"{prefix}_{next(counter)}"


def session(settings: SessionSettings | None = None, *, voices: Collection[str] = ("anna", "ben")) -> Protocol:
    return Protocol(settings or SessionSettings(), new_id=counting_ids(), voices=voices)


def pcm(ms: int, rate: int = 24_000) -> str:
    """Base64 of a tone, 16 bits a sample."""
    return base64.b64encode((tone(ms, rate) * 20_000).astype("<i2").tobytes()).decode()


def tone(ms: int, rate: int = 24_000, hertz: float = 440.0) -> Samples:
    samples: Samples = np.sin(2 * np.pi * hertz * np.arange(ms * rate // 1000) / rate).astype(np.float32)
    return samples


def append(ms: int) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": pcm(ms)}


def update(**session: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def user_message(text: str, **fields: Any) -> dict[str, Any]:
    """The event that creates it; fields are the item's, but for previous_item_id."""
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **fields}
    previous = {"previous_item_id": item.pop("previous_item_id")} if "previous_item_id" in item else {}
    return {"type": "conversation.item.create", "item": item, **previous}


def started(reply: Reply) -> ResponseWriter:
    """The response that the reply begins."""
    (action,) = (action for action in reply.actions if isinstance(action, StartResponse))
    return action.response


@cache
def openai_events() -> TypeAdapter[Any]:
    """Reads server events as the `openai` package defines them; its own client does not look so closely."""
    types = pytest.importorskip("openai.types.realtime", reason="the openai package is not installed")
    return TypeAdapter(types.RealtimeServerEvent)


def kinds(events: Sequence[ServerEvent]) -> list[str]:
    return [event["type"] for event in events]


def only_error(reply: Reply) -> dict[str, Any]:
    """The body of the one error that the reply consists of."""
    (event,) = reply.events
    assert event["type"] == "error", event
    assert not reply.actions
    error: dict[str, Any] = event["error"]
    return error


def check_order(events: Sequence[ServerEvent]) -> None:
    """What holds for all that one session ever sent, its open responses included."""
    assert len({event["event_id"] for event in events}) == len(events)
    for event in events:
        json.dumps(event, ensure_ascii=False, allow_nan=False).encode()
    for response_id in {_response_of(event) for event in events} - {None}:
        _check_response([event for event in events if _response_of(event) == response_id])
    _check_items(events)


def _response_of(event: ServerEvent) -> str | None:
    found: str | None = event.get("response_id") or event.get("response", {}).get("id")
    return found


def _check_response(events: Sequence[ServerEvent]) -> None:
    seen = kinds(events)
    assert seen[0] == "response.created"
    assert seen.count("response.created") == 1
    assert seen.count("response.done") <= 1
    if "response.done" in seen:
        assert seen[-1] == "response.done"
    indexes = [event["output_index"] for event in events if event["type"] == "response.output_item.added"]
    assert indexes == list(range(len(indexes)))
    for index in indexes:
        _check_output_item([event for event in events if event.get("output_index") == index], "response.done" in seen)


def _check_output_item(events: Sequence[ServerEvent], over: bool) -> None:
    seen = [kind.removeprefix("response.") for kind in kinds(events)]
    assert seen[0] == "output_item.added"
    assert len({event.get("item_id") or event["item"]["id"] for event in events}) == 1
    spoken = ["output_audio.done", "output_audio_transcript.done", "content_part.done", "output_item.done"]
    endings = (spoken, ["output_text.done", "content_part.done", "output_item.done"])
    called = ["function_call_arguments.done", "output_item.done"]
    deltas = [kind for kind in seen if kind.endswith(".delta")]
    is_call = bool(events[0]["item"]["type"] == "function_call")
    head = ["output_item.added"] if is_call else ["output_item.added", "content_part.added"]
    assert seen[: len(head)] == head
    assert seen[len(head) : len(head) + len(deltas)] == deltas
    tail = seen[len(head) + len(deltas) :]
    if over or tail:
        assert tail == called if is_call else tail in endings


def _check_items(events: Sequence[ServerEvent]) -> None:
    """Added once, done at most once and afterwards; and the order that clients build from previous_item_id is ours."""
    order: list[str] = []
    done: set[str] = set()
    for event in events:
        match event["type"]:
            case "conversation.item.added":
                previous = event["previous_item_id"]
                assert event["item"]["id"] not in order
                order.insert(order.index(previous) + 1 if previous else 0, event["item"]["id"])
            case "conversation.item.done":
                item_id = event["item"]["id"]
                place = order.index(item_id)
                assert event["previous_item_id"] == (order[place - 1] if place else None)
                assert item_id not in done
                done.add(item_id)
            case "conversation.item.deleted":
                order.remove(event["item_id"])
                done.discard(event["item_id"])
