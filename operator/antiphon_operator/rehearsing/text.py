"""Simulated runs as text for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from antiphon_operator.rehearsing.view import NoteView, ScoreView, SimulationView
from antiphon_operator.telling.tables import Cell, plain_table

_INDENT = 2
_TITLES = (
    "controller", "turns", "late", "in time", "p95", "refused", "cut off", "replica hours", "quality", "actions", "breaches",
    "longest",
)  # fmt: skip
_MOST_NOTES = 20


def simulation(view: SimulationView) -> RenderableType:
    parts: list[RenderableType] = [_head(view)]
    for case in dict.fromkeys(run.case for run in view.runs):
        runs = [run for run in view.runs if run.case == case]
        sessions = f"{runs[0].sessions} sessions, at most {runs[0].peak_sessions} at once"
        parts += ["", Text.assemble((case, "bold"), f": {sessions}"), plain_table(_TITLES, map(_row, runs), _INDENT)]
        notes = [note for note in view.notes if note.case == case]
        if notes:
            parts += ["", Text(f"What antiphon did, {case}", style="bold"), _notes(notes)]
    plots = [run.plot for run in view.runs if run.plot]
    if plots:
        parts += ["", Text(f"plotted in {', '.join(plots)}")]
    return Group(*parts)


def _head(view: SimulationView) -> Text:
    promise = "nothing is promised about turns"
    if view.target_ms is not None:
        promise = f"in time: within {view.target_ms:.0f} ms ({view.promise})"
    told = f"  {view.hours:g} h of {view.trace}, seed {view.seed}; {promise}"
    return Text.assemble((f"VoiceAgent {view.namespace}/{view.name}", "bold"), told)


def _row(run: ScoreView) -> tuple[Cell, ...]:
    name = run.controller if run.knob is None else f"{run.controller} {run.knob:g}"
    return (
        Text(name),
        str(run.turns),
        str(run.late_turns),
        f"{run.within * 100:.2f} %",
        "-" if run.p95_ms is None else f"{run.p95_ms:.0f} ms",
        str(run.rejected),
        str(run.dropped),
        f"{run.replica_hours:.2f}",
        f"{run.quality * 100:.4g} %",
        str(run.actions),
        str(run.breaches),
        f"{run.longest_breach_seconds:.0f} s",
    )


def _notes(notes: list[NoteView]) -> RenderableType:
    """What was done; the evidence of each is too much for a page."""
    lines = [Text(f"  {_clock(note.at_seconds)}  {_deed(note)}") for note in notes[:_MOST_NOTES]]
    more = f"and {len(notes) - _MOST_NOTES} more; " if len(notes) > _MOST_NOTES else ""
    return Group(*lines, Text(f"  {more}-o json tells the evidence of each", style="dim"))


def _deed(note: NoteView) -> str:
    done, closed, _ = note.text.partition("): ")
    return f"{done})" if closed else note.text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
