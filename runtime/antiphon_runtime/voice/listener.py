"""Who is told how sessions go: metrics, traces."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from antiphon_runtime.turns.timeline import Timeline

TurnResult: TypeAlias = Literal["completed", "interrupted", "failed", "empty", "superseded"]
"""empty: no words were understood. superseded: the user went on before anything of the answer was heard."""
InterruptionKind: TypeAlias = Literal["barge_in", "reopened", "client", "backchannel"]
"""backchannel: the agent was spoken over, and went on."""


class Listener(Protocol):
    """Called on the event loop; must be quick."""

    def turn(self, timeline: Timeline, result: TurnResult) -> None: ...

    def interrupted(self, kind: InterruptionKind) -> None: ...

    def speculated(self, stage: Literal["asr", "llm"], used: bool) -> None: ...

    def phrase(self, hit: bool) -> None: ...

    def spoke(self, underruns: int) -> None:
        """An answer's audio was sent; so often had the client played all it had while more was to come."""
        ...


class Nobody:
    """A listener that looks away."""

    def turn(self, timeline: Timeline, result: TurnResult) -> None:
        pass

    def interrupted(self, kind: InterruptionKind) -> None:
        pass

    def speculated(self, stage: Literal["asr", "llm"], used: bool) -> None:
        pass

    def phrase(self, hit: bool) -> None:
        pass

    def spoke(self, underruns: int) -> None:
        pass
