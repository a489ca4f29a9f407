"""Simulated runs as they are printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from antiphon_operator.rehearsing.controllers import ANTIPHON
from antiphon_operator.rehearsing.running import BEGINS, Question, Rehearsed
from antiphon_operator.rehearsing.view import NoteView, ScoreView, SimulationView


def simulation_of(question: Question, done: Sequence[Rehearsed], plots: Mapping[int, str]) -> SimulationView:
    """`plots`: files by the place of the run. `done`: at least one."""
    first = done[0]
    promise = first.run.promise
    return SimulationView(
        name=question.subject.name,
        namespace=question.subject.namespace,
        trace=first.traffic.trace.name,
        hours=round(first.traffic.seconds / 3600, 4),
        seed=question.seed,
        promise=promise.name,
        target_ms=promise.target_ms if np.isfinite(promise.target_ms) else None,
        runs=[_score(each, plots.get(place)) for place, each in enumerate(done)],
        notes=[note for each in done for note in _notes(each)],
    )


def _score(done: Rehearsed, plot: str | None) -> ScoreView:
    scores, run = done.scores, done.run
    return ScoreView(
        case=done.case,
        controller=done.controller.name,
        knob=done.controller.knob,
        sessions=scores.offered,
        peak_sessions=done.peak_sessions,
        turns=scores.turns,
        late_turns=scores.late_turns,
        within=round(scores.within, 6),
        p95_ms=round(float(np.percentile(run.times_ms, 95)), 1) if len(run.times_ms) else None,
        goodput_per_second=round(scores.goodput, 4),
        rejected=scores.rejected,
        dropped=scores.dropped,
        replica_hours=round(scores.partition_hours, 4),
        cost=round(scores.cost, 4),
        quality=round(scores.quality, 6),
        actions=scores.actions,
        actions_per_hour=round(scores.actions_per_hour, 2),
        breaches=scores.breaches,
        longest_breach_seconds=round(scores.longest_breach_seconds, 1),
        plot=plot,
    )


def _notes(done: Rehearsed) -> Iterator[NoteView]:
    if done.controller.name != ANTIPHON:
        return
    for note in done.run.notes:
        since = note.at - BEGINS.timestamp() if note.at >= BEGINS.timestamp() else note.at
        yield NoteView(case=done.case, at_seconds=round(since, 1), text=note.text)
