"""A request for a chat completion, as OpenAI's clients write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from antiphon_runtime.realtime.errors import shown
from antiphon_runtime.server.http_api.bodies import Given
from antiphon_runtime.server.http_api.errors import NOT_SUPPORTED, ApiError

_PART_SCHEMA = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
    "required": ["type", "text"],
}
_TEXT_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": _PART_SCHEMA}]}
_MOST_STOPS = 4


def _joined(content: object) -> object:
    """Parts as one text, a line each."""
    return "\n".join(map(_text_of, content)) if isinstance(content, list) else content


def _text_of(part: object) -> str:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping) or kind not in ("text", "refusal"):
        raise ValueError(f"this agent reads text parts only, and there is {shown(kind or part)}")
    text = part.get(kind)
    if not isinstance(text, str):
        raise ValueError(f"a part of type {kind} needs {kind}, a string")
    return text


def _listed(stop: object) -> object:
    return [stop] if isinstance(stop, str) else stop


Text: TypeAlias = Annotated[str, BeforeValidator(_joined), WithJsonSchema(_TEXT_SCHEMA)]
FunctionName: TypeAlias = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
_STOP = {"type": "string", "minLength": 1}
Stops: TypeAlias = Annotated[
    list[Annotated[str, Field(min_length=1)]],
    Field(max_length=_MOST_STOPS),
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [_STOP, {"type": "array", "items": _STOP, "maxItems": _MOST_STOPS}]}),
]
TokenCount: TypeAlias = Annotated[int, Field(ge=1, le=2**31 - 1)]


class SystemMessage(Given):
    role: Literal["system", "developer"]
    content: Text


class UserMessage(Given):
    role: Literal["user"]
    content: Text


class CalledFunction(Given):
    name: FunctionName
    arguments: str


class ToolCall(Given):
    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class AssistantMessage(Given):
    role: Literal["assistant"]
    content: Text | None = None
    tool_calls: list[ToolCall] | None = None


class ToolMessage(Given):
    role: Literal["tool"]
    content: Text
    tool_call_id: str


Message: TypeAlias = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")
]


class Function(Given):
    name: FunctionName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(Given):
    type: Literal["function"]
    function: Function


class ChosenFunction(Given):
    name: FunctionName


class NamedChoice(Given):
    type: Literal["function"]
    function: ChosenFunction


class StreamOptions(Given):
    include_usage: bool | None = None


class ResponseFormat(Given):
    type: Literal["text"]


class ChatRequest(Given):
    """top_p, seed, penalties and the like are read past: the engines sample by temperature alone."""

    messages: Annotated[list[Message], Field(min_length=1)]
    model: str | None = None
    """The agent's name or left out: with the agent's instructions, where the messages begin with none. A model's: without."""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: TokenCount | None = None
    max_completion_tokens: TokenCount | None = None
    """At most what the agent may say."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Default: the agent's."""
    stop: Stops | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedChoice | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    """One answer."""
    response_format: ResponseFormat | None = None
    modalities: Annotated[list[Literal["text"]], Field(min_length=1)] | None = None
    logprobs: Literal[False] | None = None
    """They are not known."""

    @property
    def includes_usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)

    @property
    def most_tokens(self) -> int | None:
        asked = [most for most in (self.max_tokens, self.max_completion_tokens) if most is not None]
        return min(asked) if asked else None

    @property
    def demands_tool(self) -> bool:
        return self.tool_choice == "required" or isinstance(self.tool_choice, NamedChoice)


def check_tools(request: ChatRequest, *, knows_tools: bool) -> None:
    """Raises ApiError where a call has no result, or a tool is demanded that can't be called."""
    last = request.messages[-1]
    if isinstance(last, AssistantMessage) and last.tool_calls:
        param = f"messages.{len(request.messages) - 1}"
        raise ApiError(f"{param} calls tools; messages of role tool with their results must follow", param=param)
    if not request.demands_tool:
        return
    names = [tool.function.name for tool in request.tools or ()]
    if not names:
        raise ApiError("tool_choice demands a tool, and tools is empty; give at least one", param="tool_choice")
    choice = request.tool_choice
    if isinstance(choice, NamedChoice) and choice.function.name not in names:
        raise ApiError(
            f"tool_choice.function.name is {choice.function.name}; it must be one of {', '.join(names)}",
            param="tool_choice.function.name",
        )
    if not knows_tools:
        raise ApiError(
            "tool_choice demands a tool, and this model knows none; leave it out or use auto",
            code=NOT_SUPPORTED,
            param="tool_choice",
        )


def engine_messages(request: ChatRequest, instructions: str) -> list[dict[str, Any]]:
    """As engines read them: what developers say is the system's."""
    messages = [_plain(message) for message in request.messages]
    if instructions and messages[0]["role"] != "system":
        return [{"role": "system", "content": instructions}, *messages]
    return messages


def _plain(message: SystemMessage | UserMessage | AssistantMessage | ToolMessage) -> dict[str, Any]:
    plain = message.model_dump(exclude_none=True)
    role = "system" if message.role == "developer" else message.role
    return {**plain, "role": role, "content": message.content or ""}
