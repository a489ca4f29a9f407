"""The trace of a turn as plain data: which spans follow from its timeline, and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from antiphon_crds.stages import Stage
from antiphon_runtime.telemetry.labels import Runs
from antiphon_runtime.turns.timeline import Anchor, Timeline

Attributes: TypeAlias = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class TurnAttributes:
    """What a trace tells of a turn beside its times. Nothing of what was said."""

    session: str
    result: str
    """As in TurnResult."""
    ran: tuple[Runs, ...] = ()
    """Variants that made it."""
    engines: Mapping[Stage, str] = field(default_factory=dict)
    output_type: str = "speech"
    """speech or text."""
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Times are of the timeline's clock."""

    name: str
    start_seconds: float
    end_seconds: float
    attributes: Attributes
    events: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    stage: Stage | None
    start: Anchor
    ends: tuple[Anchor, ...]
    """The last one that was reached ends it."""
    events: tuple[Anchor, ...] = ()


_PARTS = (
    _Part("endpointing", "vad", Anchor.USER_STOPPED, (Anchor.DECIDED,)),
    _Part("recognition", "asr", Anchor.USER_STOPPED, (Anchor.FINAL_TRANSCRIPT,)),
    _Part("answer", "llm", Anchor.ANSWER_ASKED, (Anchor.FIRST_SENTENCE, Anchor.ANSWER_BEGAN), (Anchor.ANSWER_BEGAN,)),
    _Part("speech", "tts", Anchor.SPEECH_ASKED, (Anchor.FIRST_AUDIBLE, Anchor.FIRST_SOUND), (Anchor.FIRST_SOUND,)),
    _Part("interruption", None, Anchor.BARGE_IN, (Anchor.LAST_SENT,)),
)


def turn_span(timeline: Timeline, told: TurnAttributes) -> Span | None:
    """From the first to the last thing that happened. None: nothing did."""
    times = [at for anchor in Anchor if (at := timeline.at(anchor)) is not None]
    return Span("turn", min(times), max(times), _of_turn(timeline, told)) if times else None


def part_spans(timeline: Timeline, told: TurnAttributes) -> Iterator[Span]:
    """A part whose anchors are missing, or in an order that can't be, is left out."""
    for part in _PARTS:
        start = timeline.at(part.start)
        end = next((at for anchor in part.ends if (at := timeline.at(anchor)) is not None), None)
        if start is not None and end is not None and end >= start:
            events = tuple((anchor.value, at) for anchor in part.events if (at := timeline.at(anchor)) is not None)
            yield Span(part.name, start, end, _of_part(part, timeline, told), events)


def _of_turn(timeline: Timeline, told: TurnAttributes) -> Attributes:
    emulated = {"antiphon.emulated": any(runs.emulated == "true" for runs in told.ran)} if told.ran else {}
    figures = {f"antiphon.{name}_seconds": seconds for name, seconds in timeline.metrics().items()}
    return {
        "gen_ai.conversation.id": told.session,
        "gen_ai.output.type": told.output_type,
        "antiphon.turn.result": told.result,
        **emulated,
        **figures,
    }


def _of_part(part: _Part, timeline: Timeline, told: TurnAttributes) -> Attributes:
    if part.stage is None:
        return {}
    runs = next((runs for runs in told.ran if runs.stage == part.stage), None)
    of_stage = _of_variant(runs, told.engines.get(part.stage)) if runs else {}
    return of_stage | (_of_answer(timeline, told) if part.stage == "llm" else {})


def _of_variant(runs: Runs, engine: str | None) -> dict[str, str | int | float | bool]:
    return {
        "gen_ai.request.model": runs.model,
        **({"gen_ai.provider.name": engine} if engine else {}),
        "antiphon.stage": runs.stage,
        "antiphon.variant": runs.variant,
        "antiphon.emulated": runs.emulated == "true",
    }


def _of_answer(timeline: Timeline, told: TurnAttributes) -> dict[str, str | int | float | bool]:
    optional = {
        "gen_ai.response.time_to_first_chunk": timeline.metrics().get("llm_ttft"),
        "gen_ai.usage.input_tokens": told.input_tokens,
        "gen_ai.usage.output_tokens": told.output_tokens,
    }
    given = {name: value for name, value in optional.items() if value is not None}
    return {"gen_ai.operation.name": "chat", "gen_ai.conversation.id": told.session, **given}
