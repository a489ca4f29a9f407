"""What a run is worth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_agents import TARGET_MS, a_setting, an_agent, promised

from antiphon_crds.policy import Objective
from antiphon_policies.simulating import traces
from antiphon_policies.simulating.fixed import Fixed
from antiphon_policies.simulating.promises import Promise, promise_of
from antiphon_policies.simulating.runs import Moment, Run, changes
from antiphon_policies.simulating.scene import Scene
from antiphon_policies.simulating.scores import breaches, recovery_seconds, score
from antiphon_policies.simulating.world import simulate


def a_moment(at: float, turns: int, kept: int, failed: int = 0, quality: float = 1.0) -> Moment:
    return Moment(
        at, 5.0, 10, 4, 1, 0, turns, kept, failed, None, None, None,
        {"main": 1}, {"main": 1}, {"main": 1}, a_setting(), quality, 0.5, 1.0,
    )  # fmt: skip


def a_run(moments: Sequence[Moment], *, waiting: Sequence[float] = (), warm_up: float = 0.0) -> Run:
    return Run(
        agent=("default", "agent"),
        controller="none",
        promise=Promise("p95", True, 0.95, 450.0, 20.0),
        moments=tuple(moments),
        turns_ms=np.zeros(0),
        responses_ms=np.zeros(0),
        waiting_ms=np.asarray(waiting, dtype=np.float64),
        offered=0, rejected=0, dropped=0, ended=0, live=0, failed=0,
        actions=Counter({"batch": 3, "variant": 1}),
        notes=(),
        replica_hours={},
        warm_up_seconds=warm_up,
    )  # fmt: skip


def of(*kept_of_ten: int) -> list[Moment]:
    return [a_moment(5.0 * (place + 1), 10, kept) for place, kept in enumerate(kept_of_ten)]


def test_late_turns_are_those_above_the_target() -> None:
    scores = score(a_run([a_moment(5.0, 10, 8), a_moment(10.0, 30, 30, failed=2)], waiting=[100.0, 500.0, 900.0]))
    assert (scores.turns, scores.late_turns, scores.failed_turns) == (44, 6, 2)
    assert scores.within == pytest.approx(38 / 44)
    assert scores.goodput == pytest.approx(3.8)


def test_broken_windows_count_all_their_turns() -> None:
    scores = score(a_run(of(10, 10, 5, 10, 10, 10, 10, 10)))
    assert scores.late_turns == 5
    assert scores.breached_turns == 40


def test_the_rest_adds_up() -> None:
    scores = score(a_run([a_moment(5.0, 10, 8, quality=1.0), a_moment(10.0, 30, 30, quality=0.8)]))
    assert scores.quality == pytest.approx(0.85)
    assert (scores.partition_hours, scores.cost) == (1.0, 2.0)
    assert (scores.offered, scores.rejected, scores.rejected_share) == (8, 2, 0.25)
    assert scores.actions == 4
    assert scores.actions_per_hour == pytest.approx(1440)


def test_the_warm_up_is_left_out() -> None:
    scores = score(a_run(of(0, 0, 10, 10), warm_up=10.0))
    assert (scores.turns, scores.late_turns) == (20, 0)


def test_a_run_without_turns_breaks_nothing() -> None:
    scores = score(a_run([a_moment(5.0, 0, 0)]))
    assert (scores.within, scores.quality, scores.breaches) == (1.0, 1.0, 0)
    assert score(a_run([])).turns == 0


def test_breaches_are_timed_on_recent_turns() -> None:
    run = a_run(of(*[10] * 6, 5, 5, *[10] * 10))
    spells = breaches(run.moments, 0.05)
    assert spells == [(35.0, 70.0)]
    assert recovery_seconds(run, 30.0) == 35.0
    assert recovery_seconds(run, 60.0) == 0.0
    assert score(run).longest_breach_seconds == 35.0
    assert recovery_seconds(a_run(of(10, 10, 0, 0)), 10.0) is None


def test_a_window_without_turns_is_as_the_one_before() -> None:
    moments = [a_moment(5.0, 10, 0), *(a_moment(5.0 * place, 0, 0) for place in range(2, 20)), a_moment(100.0, 10, 10)]
    assert breaches(tuple(moments), 0.05) == [(5.0, 100.0)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.floats(0, 1), st.integers(0, 2)), max_size=40))
def test_scores_are_shares_and_counts(drawn: list[tuple[int, float, int]]) -> None:
    moments = [
        a_moment(5.0 * (place + 1), turns, int(turns * share), failed)
        for place, (turns, share, failed) in enumerate(drawn)
    ]
    scores = score(a_run(moments))
    assert 0 <= scores.within <= 1
    assert 0 <= scores.late_turns <= scores.turns
    assert 0 <= scores.breached_turns <= scores.turns
    assert scores.longest_breach_seconds <= scores.breached_seconds <= 5.0 * len(moments)
    assert (scores.breaches > 0) == (len(breaches(tuple(moments), 0.05)) > 0)


def test_scores_of_a_simulation_are_those_of_its_turns() -> None:
    scene = Scene(traces.constant(170), a_setting(1), 600.0)
    run = simulate(an_agent(), scene, Fixed(scene.start), np.random.default_rng(1))
    scores = score(run)
    assert scores.turns - scores.late_turns == np.count_nonzero(run.times_ms <= TARGET_MS)
    assert scores.partition_hours == pytest.approx(600 / 3600)
    assert scores.cost == pytest.approx(2 * 600 / 3600)
    assert 0.02 < 1 - scores.within < 0.6


def test_the_promise_is_the_first_percentile_about_turns() -> None:
    first = Objective(name="mean", indicator="response", mean=True, target_ms=350)
    second = Objective(name="p99", indicator="turn", percentile=99, target_ms=550, window="5m")
    facts = an_agent()
    assert promise_of(facts) == Promise("response-p95", True, 0.95, 450.0, 60.0)
    assert promise_of(replace(facts, objectives=promised(first, second))) == Promise("p99", False, 0.99, 550.0, 300.0)
    assert promise_of(replace(facts, objectives=promised(first))) == Promise("mean", True, 0.95, 350.0, 120.0)
    assert promise_of(replace(facts, objectives=())).target_ms == float("inf")


def test_changes_are_counted_by_what_makes_them() -> None:
    assert changes(a_setting(1), a_setting(1)) == Counter()
    assert changes(a_setting(1), a_setting(2, asr="small", cap=4, mode="other")) == Counter(
        batch=3, variant=1, replicas=1, features=1
    )
