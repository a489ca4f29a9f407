"""What an answer is made of, in the order in which the client gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from antiphon_runtime.engines.protocols import Samples


@dataclass(frozen=True, slots=True)
class Text:
    """Written; or said by the audio that comes next."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    samples: Samples
    sample_rate: int


@dataclass(frozen=True, slots=True)
class ClauseOver:
    """The clause's audio is all there."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    delta: Mapping[str, Any]
    """As in OpenAI's chat deltas."""


@dataclass(frozen=True, slots=True)
class Ended:
    finish: Literal["stop", "length", "tool_calls"]
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Failed:
    code: str
    message: str


Piece: TypeAlias = Text | Audio | ClauseOver | ToolCall | Ended | Failed
