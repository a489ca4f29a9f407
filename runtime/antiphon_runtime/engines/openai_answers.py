"""From the bytes of OpenAI's streams to tokens and sounds."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Literal

import numpy as np

from antiphon_runtime.engines.openai_http import PassingError, lines, message, refusal
from antiphon_runtime.engines.protocols import EngineError, Sound, Token

_FINISHES: dict[str, Literal["stop", "length", "tool_calls"]] = {
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
"""All others are `stop`."""
_RAW = frozenset({"", "audio/pcm", "audio/l16", "audio/x-raw", "audio/raw", "application/octet-stream"})
_SAMPLE_BYTES = 2


async def streamed(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Token, None]:
    """Tokens of a streamed chat completion; the last one tells why it ended, and the counts.

    Raises PassingError when the stream breaks off before the end, EngineError when the server says what was wrong.
    """
    finish: str | None = None
    counts: Mapping[str, Any] = {}
    async with aclosing(_events(chunks)) as events:
        async for event in events:
            counts = event.get("usage") or counts
            for choice in event.get("choices") or ():
                finish = choice.get("finish_reason") or finish
                for token in _tokens(choice.get("delta") or {}):
                    yield token
    if finish is None:
        raise PassingError("the answer broke off")
    yield Token(
        finish=_FINISHES.get(finish, "stop"),
        prompt_tokens=counts.get("prompt_tokens") or 0,
        completion_tokens=counts.get("completion_tokens") or 0,
    )


async def spoken(chunks: AsyncIterator[bytes], content_type: str) -> AsyncGenerator[Sound, None]:
    """Sounds of pcm with 16 bits, little endian, as they come. Raises EngineError where it is something else."""
    if content_type.lower() not in _RAW:
        text = await _beginning(chunks) if content_type.startswith(("text/", "application/")) else ""
        raise EngineError(f"asked for pcm and got {content_type}{': ' if text else ''}{text}")
    rest = b""
    is_empty = True
    async for chunk in chunks:
        data = rest + chunk
        whole = len(data) // _SAMPLE_BYTES * _SAMPLE_BYTES
        rest = data[whole:]
        if whole:
            is_empty = False
            yield Sound(np.frombuffer(data[:whole], "<i2").astype(np.float32) / np.float32(32768))
    if is_empty:
        raise PassingError("there was no sound in the answer")


async def _events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Mapping[str, Any], None]:
    """The JSON of each `data:` line up to `[DONE]`."""
    async with aclosing(lines(chunks)) as found:
        async for line in found:
            if not line.startswith(b"data:"):
                _refuse_error(line)
                continue
            data = line[len(b"data:") :].strip()
            if data == b"[DONE]":
                return
            yield _event(data)


def _event(data: bytes) -> Mapping[str, Any]:
    try:
        event = json.loads(data)
    except ValueError as error:
        raise EngineError(f"this is no JSON: {data[:200]!r}") from error
    if not isinstance(event, Mapping):
        raise EngineError(f"this is no piece of an answer: {data[:200]!r}")
    if said := message(event):
        raise EngineError(" ".join(said.split())[:500])
    return event


def _refuse_error(line: bytes) -> None:
    """Some servers break into their stream with a plain line of JSON."""
    if line.startswith(b"{"):
        _event(line)


def _tokens(delta: Mapping[str, Any]) -> list[Token]:
    said = delta.get("content") or delta.get("refusal")
    text = [Token(text=said)] if isinstance(said, str) and said else []
    return text + [Token(tool_call=call) for call in delta.get("tool_calls") or ()]


async def _beginning(chunks: AsyncIterator[bytes]) -> str:
    data = b""
    async for chunk in chunks:
        data += chunk
        if len(data) > 4096:
            break
    return refusal(data.decode("utf-8", "replace"))
