"""Bounds leave nothing out that may be chosen: they are held against exact scores, and those against `predict`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_cases import Drawn, objective, score_of

from antiphon_policies.planning.bounding import bounds_of
from antiphon_policies.planning.choices import choices_of, setting_of
from antiphon_policies.planning.combining import Narrowed, best, fitting, narrowed, nearest
from antiphon_policies.planning.fleet import fleet_of
from antiphon_policies.planning.options import Rows

_OBJECTIVES = (
    objective(target_ms=800),
    objective("p99", 900, indicator="response", percentile=99),
    objective("p50", 500, indicator="turn", percentile=50),
    objective("mean", 600, indicator="turn", mean=True),
)


def _narrowed(seed: int, limit: float) -> Narrowed:
    """One row, of the best levels, with two replicas."""
    random = np.random.default_rng(seed)
    ask = Drawn(random).ask(stages=("vad", "asr", "llm"), variants=2, largest_cap=8)
    groups = tuple(replace(group, shares_device=seed % 3 == 0) for group in ask.facts.groups)
    kept = (_OBJECTIVES[seed % len(_OBJECTIVES)],)
    stages = ask.facts.stages
    if seed % 2:
        stages = tuple(replace(stage, discipline="batches") for stage in stages)
    ask = replace(ask, facts=replace(ask.facts, groups=groups, objectives=kept, stages=stages))
    fleet = fleet_of([choices_of(ask)])
    one = np.array([0])
    rows = Rows(one, one, np.zeros((1, 3), dtype=np.int64), np.full((1, 1), 2.0))
    with np.errstate(all="ignore"):
        return narrowed(fleet, rows, np.array([limit]))


def _all(narrow: Narrowed) -> tuple[np.ndarray, np.ndarray]:
    """Every combination, and its score."""
    there = np.isfinite(narrow.options.own[0])
    grid = np.meshgrid(*(np.flatnonzero(stage) for stage in there), indexing="ij")
    picks = np.stack([each.reshape(-1) for each in grid], axis=1)
    with np.errstate(all="ignore"):
        return picks, narrow.score(np.zeros(len(picks), dtype=np.int64), picks)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
def test_scores_are_those_of_predict(seed: int) -> None:
    narrow = _narrowed(seed, np.inf)
    choices = narrow.fleet.choices[0]
    picks, scores = _all(narrow)
    for place in np.random.default_rng(seed).integers(0, len(picks), 3):
        where = (0, np.arange(3), picks[place])
        variants, caps = narrow.options.variant[where].tolist(), narrow.options.cap[where].tolist()
        expected = score_of(choices.ask, setting_of(choices, 0, variants, caps, (2,)))
        assert scores[place] == pytest.approx(expected, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000), st.floats(0.3, 1.5))
def test_nothing_within_the_limit_is_left_out(seed: int, limit: float) -> None:
    narrow = _narrowed(seed, limit)
    picks, scores = _all(narrow)
    within = picks[scores <= limit]
    assert all(narrow.alive[0, np.arange(3), pick].all() for pick in within)
    with np.errstate(all="ignore"):
        assert bool(fitting(narrow)[0]) == bool(len(within))
        found, near = best(narrow), nearest(_narrowed(seed, np.inf))
        (bounds,) = bounds_of(narrow.fleet, np.array([0]), np.full((1, 1), 2.0), np.array([limit]))
    if len(within):
        keys = narrow.options.key[0, np.arange(3), within].sum(axis=1)
        assert (found.pick[0] == within[keys.argmin()]).all()
        assert (0, (0, 0, 0)) in [(member.mode, member.level) for _, member in bounds.members()]
    assert near.score[0] == pytest.approx(scores.min(), rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 100_000))
def test_bounds_of_levels_are_below_their_scores(seed: int) -> None:
    narrow = _narrowed(seed, np.inf)
    _, scores = _all(narrow)
    with np.errstate(all="ignore"):
        (bounds,) = bounds_of(narrow.fleet, np.array([0]), np.full((1, 1), 2.0), np.array([np.inf]))
    least = {(member.mode, member.level): bound for bound, member in bounds.members()}
    if np.isfinite(scores).all():
        assert least[0, (0, 0, 0)] <= scores.min() * (1 + 1e-9)
