"""What the guards promise whatever the metrics do: unknown and untrue ones take nothing away, and prove nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from guarded_agent import (
    FACTS,
    NOW,
    OBJECTIVE,
    QUICK,
    SETTING,
    SETTINGS,
    SHARES,
    STATES,
    GuardedRun,
    facts_with,
    look,
    memory_of_old,
    pods,
    prediction,
    scenes,
    times_around,
    with_stage,
)
from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.facts import Setting
from antiphon_policies.guarding.chain import guard
from antiphon_policies.guarding.difference import changes
from antiphon_policies.guarding.levels import level
from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.seeing.observation import Measured, Observation


# --- unknown ----------------------------------------------------------------------------------------------------------
def blinded(seen: Observation) -> dict[str, Observation]:
    """The same look, with something missing from it."""
    objective = seen.measured[OBJECTIVE.name]
    first, *others = seen.pods
    return {
        "prometheus is down": replace(seen, source="none", pods=(), measured={}, turns_per_second=None),
        "it answers nothing": replace(seen, measured={}),
        "it answers nothing, and no pod": replace(seen, measured={}, pods=()),
        "old samples": replace(seen, measured={OBJECTIVE.name: replace(objective, age_seconds=120.0)}),
        "no observations": replace(seen, measured={OBJECTIVE.name: Measured(5.0, times_around(300, 0))}),
        "some pods are missing": replace(seen, pods=(replace(first, age_seconds=math.inf, sessions=None), *others)),
        "a slow look": replace(seen, at=seen.at - 120),
    }


@QUICK
@given(SETTINGS, SETTINGS, STATES, SHARES, st.sampled_from(sorted(blinded(look()))))
def test_unknown_never_scales_down_and_never_promotes(
    current: Setting, wanted: Setting, sla: Any, share: float | None, what: str
) -> None:
    at = scenes(current, sla=sla, worst_ratio=share)
    at = replace(at, seen=blinded(at.seen)[what])
    assert all(change.direction == "up" for change in guard(at, changes(current, wanted, FACTS)).passed)


@QUICK
@given(SETTINGS, SETTINGS, st.sampled_from(sorted(blinded(look()))), STATES)
def test_missing_data_dampens_and_never_reverses(current: Setting, wanted: Setting, what: str, sla: Any) -> None:
    at = scenes(current, sla=sla, worst_ratio=1.5 if sla == "Breached" else 0.5)
    proposed = changes(current, wanted, FACTS)
    full = {(one.actuator, one.target): one for one in guard(at, proposed).passed}
    for change in guard(replace(at, seen=blinded(at.seen)[what]), proposed).passed:
        with_all = full.get((change.actuator, change.target))
        if with_all is None:
            # What else went first with all known: the budget of one change a stage, say.
            assert change in proposed or change.actuator == "replicas"
            continue
        assert with_all.direction == change.direction
        reach, most = (
            abs(level(one.actuator, one.target, one.after, FACTS) - level(one.actuator, one.target, one.before, FACTS))
            for one in (change, with_all)
        )
        assert reach <= most


@QUICK
@given(st.floats(0, 30), st.integers(0, 19))
def test_zero_measurements_are_inconclusive(minutes: float, count: int) -> None:
    run = GuardedRun()
    run.tick(with_stage(SETTING, "llm", cap=16))
    run.now += minutes * 60
    measured = {OBJECTIVE.name: Measured(5.0, times_around(200, float(count)))}
    run.tick(run.setting, seen=look(run.now, measured=measured))
    pending = run.memory.pending
    assert run.setting.stages["llm"].cap == 16
    assert bool(pending) == (minutes * 60 + 5 < 60 + 300)


# --- metrics lie ------------------------------------------------------------------------------------------------------
def scaled(durations: Distribution | None, factor: float) -> Distribution:
    honest = durations or times_around(300)
    return replace(honest, total=honest.total * factor)


def lying(seen: Observation, durations: Distribution, **more: Any) -> Observation:
    return replace(seen, measured={OBJECTIVE.name: Measured(5.0, durations)}, **more)


LIES: Mapping[str, Callable[[Observation], Observation]] = {
    "no number": lambda seen: lying(seen, scaled(None, math.nan), turns_per_second=math.nan),
    "infinite": lambda seen: lying(seen, scaled(None, math.inf), arrivals_per_second=math.inf),
    "negative": lambda seen: lying(seen, scaled(None, -1.0), pods=pods(len(seen.pods), -5)),
    "a thousand times": lambda seen: lying(seen, scaled(None, 1000.0), pods=pods(len(seen.pods), 5000)),
    "clock skew": lambda seen: replace(
        seen,
        measured={OBJECTIVE.name: Measured(-600.0, times_around(300))},
        pods=pods(len(seen.pods), age_seconds=-600.0),
    ),
}


@QUICK
@given(SETTINGS, SETTINGS, STATES, SHARES, st.sampled_from(sorted(LIES)))
def test_whatever_lies_takes_nothing_away(
    current: Setting, wanted: Setting, sla: Any, share: float | None, what: str
) -> None:
    at = scenes(current, sla=sla, worst_ratio=share)
    at = replace(at, seen=LIES[what](at.seen))
    for change in guard(at, changes(current, wanted, FACTS)).passed:
        assert change.direction == "up"
        if change.actuator == "replicas":
            assert int(change.after) <= 2 * int(change.before)


@pytest.mark.parametrize("what", sorted(LIES))
def test_a_lie_neither_keeps_nor_rolls_back(what: str) -> None:
    run = GuardedRun()
    run.tick(with_stage(SETTING, "llm", cap=16), seen=look(recent=Measured(5.0, times_around(300), covered_seconds=30)))
    run.now += 60
    waiting = run.memory.pending
    run.tick(run.setting, seen=LIES[what](look(run.now)), sla="Breached", worst_ratio=1000.0)
    assert run.memory.pending == waiting
    assert run.setting.stages["llm"].cap == 16


def test_a_metric_that_never_moves_takes_nothing_away() -> None:
    run, honest = GuardedRun(), GuardedRun()
    run.memory = honest.memory = memory_of_old(since=NOW)
    frozen = look().measured
    fewer = replace(SETTING, replicas={"voice": 3})
    rules = []
    for _ in range(240):
        guarded = run.tick(fewer, seen=look(run.now, measured=frozen))
        rules += [held.rule for held in guarded.held]
    assert not run.actions
    assert rules[-1] == "sanity"
    for _ in range(240):
        honest.tick(fewer)
    assert len(honest.actions) == 1


@QUICK
@given(SETTINGS, st.lists(st.sampled_from(["honest", *sorted(LIES)]), min_size=1, max_size=40), st.integers(2, 5))
def test_one_pod_or_one_look_that_lies_does_not_drive_the_agent(wanted: Setting, looks: list[str], count: int) -> None:
    """Whatever mixture of lies and honest looks: replicas stay within bounds, steps, and the budget."""
    run = GuardedRun(facts_with(max_actions_per_hour=5), replace(SETTING, replicas={"voice": count}))
    for what in looks:
        seen = look(run.now, replicas=run.setting.replicas["voice"])
        before = run.setting.replicas["voice"]
        run.tick(wanted, seen=seen if what == "honest" else LIES[what](seen), worst_ratio=1.5, sla="Breached")
        assert before <= run.setting.replicas["voice"] <= min(8, 2 * before)
    assert run.most_in_an_hour() <= 5


# --- errors -----------------------------------------------------------------------------------------------------------
def test_five_errors_in_a_row_hold_and_a_restart_does_not_help() -> None:
    run = GuardedRun(worst_ratio=2.0, sla="Breached", predicted=prediction(2.0))
    for index in range(40):
        guarded = run.tick(replace(SETTING, replicas={"voice": 8}), carried_out=False)
        if guarded.passed:
            run.memory = run.memory.failed(run.now)
        if index % 3 == 0:
            run.restart()
    # Five within half a minute, then one trial after a minute, and one two minutes later.
    assert len(run.actions) == 7
    run.memory = run.memory.worked()
    assert run.tick(replace(SETTING, replicas={"voice": 8})).passed


def test_errors_of_looking_hold_too() -> None:
    run = GuardedRun(predicted=prediction(2.0))
    for _ in range(24):
        run.tick(
            replace(SETTING, replicas={"voice": 8}),
            seen=look(run.now, source="none", pods=(), measured={}, turns_per_second=None),
            carried_out=False,
        )
    assert len(run.actions) <= 3
