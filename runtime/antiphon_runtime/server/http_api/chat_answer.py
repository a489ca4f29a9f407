"""A chat completion, whole or in chunks."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel

from antiphon_runtime.engines.protocols import Token
from antiphon_runtime.server.http_api.replies import DONE, event

Finish: TypeAlias = Literal["stop", "length", "tool_calls"]
_NOTHING = Token(finish="stop")


class CalledFunction(BaseModel):
    name: str
    arguments: str


class ToolCall(BaseModel):
    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class AnswerMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    tool_calls: list[ToolCall] | None = None


class Choice(BaseModel):
    index: int = 0
    message: AnswerMessage
    finish_reason: Finish
    logprobs: None = None


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    system_fingerprint: str
    """The variant that answered, or `emulated`."""
    choices: list[Choice]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Heading:
    """What all parts of an answer have in common."""

    model: str
    fingerprint: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))


async def whole(heading: Heading, tokens: AsyncIterator[Token]) -> ChatCompletion:
    text: list[str] = []
    calls: dict[int, dict[str, str]] = {}
    last = _NOTHING
    async for token in tokens:
        text.append(token.text)
        if token.tool_call is not None:
            _add(calls, token.tool_call)
        last = token if token.finish else last
    called = [_call(calls[index]) for index in sorted(calls)]
    message = AnswerMessage(content="".join(text) or (None if called else ""), tool_calls=called or None)
    return ChatCompletion(
        id=heading.id,
        created=heading.created,
        model=heading.model,
        system_fingerprint=heading.fingerprint,
        choices=[Choice(message=message, finish_reason=last.finish or "stop")],
        usage=_usage(last),
    )


def as_json(answer: ChatCompletion) -> dict[str, Any]:
    """Tool calls are left out where there are none; what else is null stays null, as clients expect."""
    left_out = {"choices": {"__all__": {"message": {"tool_calls"}}}}
    called = any(choice.message.tool_calls for choice in answer.choices)
    return answer.model_dump(exclude=None if called else left_out)


async def chunks(heading: Heading, tokens: AsyncIterator[Token], *, with_usage: bool) -> AsyncIterator[bytes]:
    """As server-sent events; why it ended comes in the last one, then the counts where they are wanted."""

    def chunk(delta: Mapping[str, Any], finish: Finish | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event(_chunk(heading, [choice]) | ({"usage": None} if with_usage else {}))

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    last = _NOTHING
    async for token in tokens:
        if token.text:
            yield chunk({"content": token.text})
        if token.tool_call is not None:
            yield chunk({"tool_calls": [{"index": 0, **token.tool_call}]})
        last = token if token.finish else last
    yield chunk({}, last.finish)
    if with_usage:
        yield event(_chunk(heading, []) | {"usage": _usage(last).model_dump()})
    yield DONE


def _chunk(heading: Heading, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": heading.id,
        "object": "chat.completion.chunk",
        "created": heading.created,
        "model": heading.model,
        "system_fingerprint": heading.fingerprint,
        "choices": choices,
    }


def _usage(last: Token) -> Usage:
    total = last.prompt_tokens + last.completion_tokens
    return Usage(prompt_tokens=last.prompt_tokens, completion_tokens=last.completion_tokens, total_tokens=total)


def _add(calls: dict[int, dict[str, str]], delta: Mapping[str, Any]) -> None:
    call = calls.setdefault(int(delta.get("index") or 0), {"id": "", "name": "", "arguments": ""})
    function = delta.get("function") or {}
    call["id"] = call["id"] or delta.get("id") or ""
    call["name"] += function.get("name") or ""
    call["arguments"] += function.get("arguments") or ""


def _call(made: Mapping[str, str]) -> ToolCall:
    return ToolCall(id=made["id"], function=CalledFunction(name=made["name"], arguments=made["arguments"]))
