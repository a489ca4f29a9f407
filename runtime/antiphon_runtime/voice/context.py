"""Keeps a conversation within what the model can read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_CHARACTERS_A_TOKEN = 3.5
_KEPT_SHARE = 0.5
"""Of the room, when something must go: much goes at once, so that prompts only grow for a while, and caches hit."""
_ANSWERS_SHARE = 0.25
"""Of the context, kept free for the answer."""


def fitted(messages: Sequence[Mapping[str, Any]], most_tokens: int | None) -> list[Mapping[str, Any]]:
    """The messages, without the oldest of them where they are too long. Instructions and the last message stay.

    Lengths are guessed from characters. An answer to a tool call never stays without the call.
    """
    if most_tokens is None:
        return list(messages)
    room = most_tokens * (1 - _ANSWERS_SHARE)
    lengths = [_tokens(message) for message in messages]
    if sum(lengths) <= room:
        return list(messages)
    first = _first_kept(messages, lengths, room)
    head = [message for message in messages[:first] if message.get("role") == "system"][:1]
    return [*head, *messages[first:]]


def _first_kept(messages: Sequence[Mapping[str, Any]], lengths: Sequence[float], room: float) -> int:
    """Blocks of half the room go, from the oldest on, until the rest fits: so the cut moves seldom."""
    block = room * _KEPT_SHARE
    over = sum(lengths) - room
    gone_wanted = -(-over // block) * block
    gone, first = 0.0, 0
    while first < len(messages) - 1 and (gone < gone_wanted or messages[first].get("role") == "tool"):
        gone += 0 if first == 0 and messages[first].get("role") == "system" else lengths[first]
        first += 1
    while first < len(messages) - 1 and messages[first].get("role") == "tool":
        first += 1
    return first


def _tokens(message: Mapping[str, Any]) -> float:
    content = message.get("content") or ""
    calls = message.get("tool_calls")
    characters = len(content) if isinstance(content, str) else len(json.dumps(content))
    return (characters + (len(json.dumps(calls)) if calls else 0)) / _CHARACTERS_A_TOKEN + 4
