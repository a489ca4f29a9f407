"""A simulated run as samples for its picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from antiphon_operator.plotting.series import Picture
from antiphon_operator.plotting.timeline import Sample, agent_picture
from antiphon_policies.facts import AgentFacts
from antiphon_policies.simulating.runs import Moment, Run

_WINDOW_SECONDS = 30.0


def picture_of(run: Run, facts: AgentFacts, title: str, subtitle: str) -> Picture:
    return agent_picture(title, list(samples_of(run, facts)), subtitle=subtitle, figure=figure_of(run))


def figure_of(run: Run) -> str:
    of = "response" if run.promise.response else "turn"
    return f"p{run.promise.share * 100:g} of a {of} over {_WINDOW_SECONDS:g} s"


def samples_of(run: Run, facts: AgentFacts) -> Iterator[Sample]:
    """One for each moment."""
    holds = {group.name: group.max_sessions for group in facts.groups}
    target = run.promise.target_ms if np.isfinite(run.promise.target_ms) else None
    for moment, percentile_ms in zip(run.moments, _rolling(run), strict=True):
        yield Sample(
            at=moment.at,
            sessions=moment.sessions,
            capacity=_capacity(moment, holds),
            p95_ms=percentile_ms,
            target_ms=target,
            wanted=moment.wanted,
            ready=moment.ready,
            variants={stage: setting.variant for stage, setting in moment.setting.stages.items()},
            caps={stage: setting.cap for stage, setting in moment.setting.stages.items()},
            mode=moment.setting.mode if len(facts.modes) > 1 else None,
        )


def _rolling(run: Run) -> Iterator[float | None]:
    """The promised percentile of the turns answered in the last half minute."""
    ends = np.cumsum([moment.turns for moment in run.moments])
    times = np.array([moment.at for moment in run.moments])
    before = np.searchsorted(times, times - _WINDOW_SECONDS, side="right") - 1
    for end, place in zip(ends, before, strict=True):
        turns = run.times_ms[(ends[place] if place >= 0 else 0) : end]
        yield float(np.percentile(turns, run.promise.share * 100)) if len(turns) else None


def _capacity(moment: Moment, holds: dict[str, int | None]) -> float | None:
    """None where a group's replicas have no limit."""
    rooms = [moment.ready[name] * most if most is not None else None for name, most in holds.items()]
    return None if None in rooms else min(room for room in rooms if room is not None)
