"""What the person sees: a conversation as it happens, or one JSON object a turn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol, TextIO

from rich.console import Console
from rich.text import Text

from antiphon_operator.talking.agent_http import Figures
from antiphon_operator.talking.conversation import Asked
from antiphon_operator.talking.errors import RefusedError, TalkError
from antiphon_operator.talking.turn import Note, Turn

_LABEL_WIDTH = 8


class Teller(Protocol):
    """Told of everything in the order in which it happens."""

    def remark(self, text: str) -> None:
        """Something about the conversation itself."""

    def awaits(self) -> None:
        """A person may type now."""

    def typed(self) -> None:
        """The person has: the cursor stands at the beginning of a line."""

    def begins(self, asked: Asked, *, is_typed_here: bool) -> None: ...

    def note(self, note: Note) -> None: ...

    def ends(self, turn: Turn, saved: Path | None) -> None: ...

    def sums_up(self, figures: Figures | None) -> None: ...

    def fails(self, error: TalkError) -> None: ...


class TextTeller:
    """Lines for people: who says what, and how long it took."""

    def __init__(self, out: TextIO, beside: TextIO) -> None:
        self._beside = beside
        self._console = Console(file=out, highlight=False, soft_wrap=True)
        self._is_saying = False
        self._is_mid_line = False

    def remark(self, text: str) -> None:
        self._line("", text, "dim")

    def awaits(self) -> None:
        self._line_begins()
        self._console.print(_label("you"), end="")
        self._is_mid_line = True

    def typed(self) -> None:
        self._is_saying = self._is_mid_line = False

    def begins(self, asked: Asked, *, is_typed_here: bool) -> None:
        if not is_typed_here:
            self._line("you", asked.name, "" if asked.sound is None else "italic")

    def note(self, note: Note) -> None:
        match note.kind:
            case "heard":
                self._line("heard", note.text, "cyan")
            case "says":
                self._say(note.text)
            case "anew":
                self._line("", "you went on speaking: the agent answers anew", "dim")
            case "problem":
                self._line("problem", note.text, "red")

    def ends(self, turn: Turn, saved: Path | None) -> None:
        if turn.outcome != "answered" or turn.reason:
            self._line(
                "", turn.reason or str(turn.outcome), "red" if turn.outcome in ("failed", "unheard") else "yellow"
            )
        if times := latency(turn):
            self._line("", times, "dim")
        if saved is not None:
            self._line("", f"saved {saved}", "dim")

    def sums_up(self, figures: Figures | None) -> None:
        if figures is not None and figures.turn_p50_ms is not None:
            self.remark(
                f"measured by the agent, from your last sound to its first: p50 {figures.turn_p50_ms:.0f} ms,"
                f" p95 {figures.turn_p95_ms or 0:.0f} ms of its last {figures.turns or 1} turn{'s' if figures.turns != 1 else ''}"
            )

    def fails(self, error: TalkError) -> None:
        self._line_begins()
        self._beside.write(f"error: {error}\n")

    def _say(self, text: str) -> None:
        if not self._is_saying:
            self._line_begins()
            self._console.print(_label("agent"), end="")
            self._is_saying = self._is_mid_line = True
        self._console.print(Text(text), end="")

    def _line(self, label: str, text: str, style: str) -> None:
        self._line_begins()
        self._console.print(_label(label), Text(text, style), sep="")

    def _line_begins(self) -> None:
        if self._is_mid_line:
            self._console.print()
        self._is_saying = self._is_mid_line = False


class JsonTeller:
    """One object a turn, on one line. What else there is to say goes to the other stream."""

    def __init__(self, out: TextIO, beside: TextIO) -> None:
        self._out, self._beside = out, beside

    def remark(self, text: str) -> None:
        self._beside.write(f"{text}\n")

    def awaits(self) -> None:
        """There is no prompt for programs."""

    def typed(self) -> None:
        """Nor is it answered."""

    def begins(self, asked: Asked, *, is_typed_here: bool) -> None:
        """Nothing is over yet."""

    def note(self, note: Note) -> None:
        if note.kind == "problem":
            self.remark(note.text)

    def ends(self, turn: Turn, saved: Path | None) -> None:
        self._write(
            {
                "asked": turn.asked,
                "heard": turn.heard if turn.is_spoken else None,
                "answer": turn.answer,
                "outcome": turn.outcome,
                "reason": turn.reason,
                "first_text_ms": turn.after_ms(turn.first_text_at),
                "first_audio_ms": turn.after_ms(turn.first_audio_at),
                "done_ms": turn.after_ms(turn.done_at),
                "audio_seconds": round(turn.audio_seconds, 3),
                "saved": None if saved is None else str(saved),
            }
        )

    def sums_up(self, figures: Figures | None) -> None:
        if figures is not None and figures.turn_p50_ms is not None:
            measured = {"turn_p50_ms": figures.turn_p50_ms, "turn_p95_ms": figures.turn_p95_ms, "turns": figures.turns}
            self.remark(f"measured by the agent: {json.dumps(measured)}")

    def fails(self, error: TalkError) -> None:
        refused = error if isinstance(error, RefusedError) else None
        told = {
            "error": str(error),
            "code": refused.code if refused else type(error).__name__.removesuffix("Error").lower(),
            "retry_after_seconds": refused.retry_after_seconds if refused else None,
        }
        self._write(told)

    def _write(self, said: dict[str, Any]) -> None:
        self._out.write(json.dumps(said, ensure_ascii=False) + "\n")
        self._out.flush()


def latency(turn: Turn) -> str:
    """From the end of what the user said."""
    marks = (("words", turn.first_text_at), ("sound", turn.first_audio_at), ("all there", turn.done_at))
    times = [f"{name} after {ms} ms" for name, at in marks if (ms := turn.after_ms(at)) is not None]
    if turn.audio:
        times.append(f"{turn.audio_seconds:.1f} s of speech")
    return ", ".join(times)


def _label(text: str) -> Text:
    return Text(text.ljust(_LABEL_WIDTH), "bold")
