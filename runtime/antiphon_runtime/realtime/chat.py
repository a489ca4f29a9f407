"""The conversation as a language model reads it.

Prompts only grow: as long as clients insert, delete and truncate nothing, each prompt begins with the whole of the one
before it, so that a prefix cache hits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from antiphon_runtime.realtime.client_session import FunctionChoice, FunctionTool, ToolChoice
from antiphon_runtime.realtime.items import Call, CallOutput, Item, Message


def chat_messages(
    instructions: str, items: Iterable[Item], *, extra: str = "", heard: str = ""
) -> list[dict[str, Any]]:
    """OpenAI's chat messages. What is not finished, or has no words yet, is left out.

    `extra` are instructions for this answer alone: they come last, where they disturb no cache. `heard` is what the user
    is believed to have said so far, for a start before the turn is over.
    """
    messages: list[dict[str, Any]] = []
    if instructions:
        messages.append({"role": "system", "content": instructions})
    for item in items:
        _add(messages, item)
    if heard:
        messages.append({"role": "user", "content": heard})
    if extra:
        messages.append({"role": "system", "content": extra})
    return messages


def split_instructions(session: str, response: str | None) -> tuple[str, str]:
    """Instructions to begin with, and those to end with. A response's own replace the session's, unless they go on
    from them: then the beginning is kept, and with it the cache."""
    if response is None:
        return session, ""
    if session and response.startswith(session):
        return session, response[len(session) :].strip()
    return response, ""


def chat_tools(tools: Iterable[FunctionTool]) -> list[dict[str, Any]]:
    """Tools in the chat API's shape."""
    return [{"type": "function", "function": tool.model_dump(exclude_none=True, exclude={"type"})} for tool in tools]


def chat_tool_choice(choice: ToolChoice) -> str | dict[str, Any]:
    if isinstance(choice, FunctionChoice):
        return {"type": "function", "function": {"name": choice.name}}
    return choice


def _add(messages: list[dict[str, Any]], item: Item) -> None:
    if item.status == "in_progress":
        return
    if isinstance(item, Message):
        if item.text:
            messages.append({"role": item.role, "content": item.text})
    elif isinstance(item, CallOutput):
        messages.append({"role": "tool", "tool_call_id": item.call_id, "content": item.output})
    elif item.status == "completed":
        _add_call(messages, item)


def _add_call(messages: list[dict[str, Any]], call: Call) -> None:
    """Into the assistant's message that it belongs to, which the model wrote in the same breath."""
    function = {"name": call.name, "arguments": call.arguments}
    said = {"id": call.call_id, "type": "function", "function": function}
    if messages and messages[-1]["role"] == "assistant":
        messages[-1].setdefault("tool_calls", []).append(said)
    else:
        messages.append({"role": "assistant", "content": "", "tool_calls": [said]})
