"""How long turns take by the number of sessions on a replica, as it is predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from antiphon_crds.stages import Stage
from antiphon_policies.facts import AgentFacts, ModeFacts, Service, Setting, StageFacts
from antiphon_policies.predicting.sharing import Asked, shared_times
from antiphon_policies.predicting.times import Times, added, callers, stage_times
from antiphon_policies.simulating.replicas import Truth
from antiphon_policies.simulating.speeds import Floats

MOST_SESSIONS = 400
"""Of one replica; more are taken for so many."""
FIGURES = 5
"""Mean, variance and third central moment in milliseconds, turns a second at most, and utilisation."""
_FULL = 0.97
"""Utilisation up to which the prediction is taken; beyond it a backlog grows."""
_SESSIONS = np.arange(1.0, MOST_SESSIONS + 1)
_SOME_SESSIONS = np.unique(np.round(np.geomspace(1, MOST_SESSIONS, 48)))
"""Where a prediction can only be asked for one number at a time."""

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """One stage as it runs."""

    facts: StageFacts
    service: Service
    cap: int
    calls: float
    """A turn."""

    @property
    def beside(self) -> float:
        """Calls of a turn that nobody waits for."""
        return max(0.0, self.calls - self.facts.in_turn)

    @property
    def key(self) -> Key:
        return (self.facts.discipline, self.facts.in_turn, self.facts.period_ms, self.service, self.cap, self.calls)


@dataclass(slots=True)
class TurnTables:
    """Of the stages of one group. Computed once for all agents that have the same."""

    known: dict[Key, Floats]

    def of(self, facts: AgentFacts, group: str, setting: Setting, mode: ModeFacts, truth: Truth) -> Floats:
        """FIGURES rows, by sessions."""
        stages = [_chosen(stage, setting, mode, truth) for stage in facts.stages if stage.group == group]
        shares = next(one.shares_device for one in facts.groups if one.name == group)
        key: Key = (facts.turns_per_second, facts.duty_cycle, shares, *(stage.key for stage in stages))
        if key not in self.known:
            self.known[key] = _table(facts, stages, shares)
        return self.known[key]


def _chosen(
    stage: StageFacts, setting: Setting, mode: ModeFacts, truth: Mapping[tuple[Stage, str], Service]
) -> _Chosen:
    name, cap = setting.stages[stage.stage].variant, setting.stages[stage.stage].cap
    known = next(variant for variant in stage.variants if variant.name == name)
    return _Chosen(
        stage,
        truth.get((stage.stage, name), known.service),
        max(1, min(cap, known.max_batch)),
        mode.calls.get(stage.stage, stage.calls_per_turn),
    )


def _table(facts: AgentFacts, stages: Sequence[_Chosen], shares: bool) -> Floats:
    if not any(stage.facts.in_turn for stage in stages):
        return np.vstack(
            [np.zeros((3, MOST_SESSIONS + 1)), np.full((1, MOST_SESSIONS + 1), 1e9), np.zeros((1, MOST_SESSIONS + 1))]
        )
    figures = _together(facts, stages) if shares else _apart(facts, stages)
    used = figures[3]
    fine = np.isfinite(figures[:3]).all(axis=0) & (used < _FULL)
    last = int(np.flatnonzero(fine)[-1]) if fine.any() else 0
    place = np.where(fine, np.arange(MOST_SESSIONS), last)
    most = _FULL * _SESSIONS * facts.turns_per_second / np.maximum(used, 1e-9)
    rows = np.vstack([np.nan_to_num(figures[:3, place], posinf=0.0), most, used])
    return np.hstack([rows[:, :1], rows])


def _apart(facts: AgentFacts, stages: Sequence[_Chosen]) -> Floats:
    """Each stage has its own time."""
    times = [_times(facts, stage) for stage in stages if stage.facts.in_turn]
    return _figures(added(times), MOST_SESSIONS)


def _times(facts: AgentFacts, stage: _Chosen) -> Times:
    crowd = 1.0 if stage.facts.discipline == "lockstep" else callers(1.0, stage.beside)
    return stage_times(
        stage.facts.discipline,
        alpha_ms=stage.service.alpha_ms,
        beta_ms=stage.service.beta_ms,
        noise=stage.service.noise,
        cap=stage.cap,
        calls_per_second=_SESSIONS * facts.turns_per_second * (stage.beside + stage.facts.in_turn),
        sessions=_SESSIONS * crowd,
        rest_alpha_ms=stage.service.rest_alpha_ms,
        rest_beta_ms=stage.service.rest_beta_ms,
        period_ms=stage.facts.period_ms,
        duty_cycle=facts.duty_cycle,
    )


def _together(facts: AgentFacts, stages: Sequence[_Chosen]) -> Floats:
    """On one device. Between the numbers that were predicted, figures lie on lines."""
    points = np.hstack([_figures(_shared(facts, stages, float(count)), 1) for count in _SOME_SESSIONS])
    fine = np.isfinite(points).all(axis=0)
    if not fine.any():
        return np.vstack([np.full((3, MOST_SESSIONS), np.inf), np.interp(_SESSIONS, _SOME_SESSIONS, points[3])])
    known = [np.interp(_SESSIONS, _SOME_SESSIONS[fine], row[fine]) for row in points[:3]]
    return np.vstack([*known, np.interp(_SESSIONS, _SOME_SESSIONS, points[3])])


def _shared(facts: AgentFacts, stages: Sequence[_Chosen], sessions: float) -> Times:
    asked = [
        Asked(
            stage.facts.discipline,
            stage.service,
            stage.cap,
            sessions * facts.turns_per_second * (stage.beside + stage.facts.in_turn),
            sessions if stage.facts.discipline == "lockstep" else callers(sessions, stage.beside),
            stage.facts.period_ms,
            facts.duty_cycle,
        )
        for stage in stages
    ]
    times = shared_times(asked, sum(stage.facts.in_turn for stage in stages))
    return added([one for one, stage in zip(times, stages, strict=True) if stage.facts.in_turn])


def _figures(times: Times, width: int) -> Floats:
    """Mean, variance, third central moment and utilisation."""
    rows = (times.mean_ms, times.variance, times.third, times.utilisation)
    return np.vstack([np.broadcast_to(np.asarray(row, dtype=float), (width,)) for row in rows])
