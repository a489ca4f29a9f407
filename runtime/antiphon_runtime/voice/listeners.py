"""Several listeners as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from antiphon_runtime.turns.timeline import Timeline
from antiphon_runtime.voice.listener import InterruptionKind, Listener, TurnResult


class Listeners:
    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def turn(self, timeline: Timeline, result: TurnResult) -> None:
        for listener in self._listeners:
            listener.turn(timeline, result)

    def interrupted(self, kind: InterruptionKind) -> None:
        for listener in self._listeners:
            listener.interrupted(kind)

    def speculated(self, stage: Literal["asr", "llm"], used: bool) -> None:
        for listener in self._listeners:
            listener.speculated(stage, used)

    def phrase(self, hit: bool) -> None:
        for listener in self._listeners:
            listener.phrase(hit)

    def spoke(self, underruns: int) -> None:
        for listener in self._listeners:
            listener.spoke(underruns)
