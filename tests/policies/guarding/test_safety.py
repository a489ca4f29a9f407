"""What the guards promise whatever the plan and the operator's restarts do: properties of the whole chain."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

from guarded_agent import (
    FACTS,
    NOW,
    QUICK,
    SETTING,
    SETTINGS,
    SHARES,
    SLOW,
    STATES,
    GuardedRun,
    cap,
    facts_with,
    look,
    memory_of_old,
    prediction,
    replicas,
    scene,
    scenes,
    times_around,
    with_stage,
)
from hypothesis import given
from hypothesis import strategies as st

from antiphon_policies.facts import Setting
from antiphon_policies.guarding.chain import guard
from antiphon_policies.guarding.changes import Change
from antiphon_policies.guarding.difference import changes, targets
from antiphon_policies.guarding.evidence import decision, held_decision
from antiphon_policies.guarding.levels import level, value_of
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.seeing.observation import Measured


# --- noise ------------------------------------------------------------------------------------------------------------
@SLOW
@given(
    st.lists(st.tuples(SETTINGS, st.floats(-1, 1), st.floats(-1, 1)), min_size=2, max_size=30),
    st.floats(0.01, 0.4),
)
def test_no_flapping_under_noise_within_the_tolerance(
    ticks: list[tuple[Setting, float, float]], tolerance: float
) -> None:
    run = GuardedRun(facts_with(tolerance=tolerance))
    for wanted, observed, predicted in ticks:
        run.tick(
            wanted,
            worst_ratio=1 + observed * tolerance * 0.999,
            predicted=prediction(1 + predicted * tolerance * 0.999),
            seconds=60,
        )
    assert {(change.actuator, change.direction) for _, change in run.actions} <= {("replicas", "up")}


@SLOW
@given(st.lists(st.integers(3, 5), min_size=120, max_size=120))
def test_a_wavering_plan_never_goes_to_and_fro(wishes: list[int]) -> None:
    """Within ten minutes, no replica that was added goes again, unless it was not wished for in five minutes on end."""
    run = GuardedRun()
    for count in wishes:
        run.tick(replace(SETTING, replicas={"voice": count}))
    downs = [at for at, change in run.actions if change.direction == "down"]
    for at in downs:
        window = [count for index, count in enumerate(wishes) if at - 300 <= NOW + 5 * index <= at]
        assert run.setting.replicas["voice"] <= max(window) or max(window) < 5
    assert len(downs) <= 2


# --- budget -----------------------------------------------------------------------------------------------------------
STEPS = st.lists(
    st.tuples(
        SETTINGS,
        st.sampled_from(["tick", "tick", "tick", "restart", "lost", "failed", "undone"]),
        st.one_of(st.floats(0.5, 60), st.floats(0.5, 60), st.floats(60, 900)),
        STATES,
    ),
    min_size=5,
    max_size=40,
)


@SLOW
@given(STEPS, st.integers(0, 12))
def test_the_budget_holds_under_any_interleaving(steps: list[tuple[Setting, str, float, Any]], most: int) -> None:
    run = GuardedRun(facts_with(max_actions_per_hour=most, stabilization={"down": "0s"}, rollback={"after": "5s"}))
    for wanted, what, seconds, sla in steps:
        run.tick(
            wanted, seconds=seconds, carried_out=what != "lost", sla=sla, worst_ratio=1.5 if sla == "Breached" else 0.5
        )
        if what == "restart":
            run.restart()
        elif what == "failed":
            run.memory = run.memory.failed(run.now)
        elif what == "undone":
            run.setting = SETTING
    assert run.most_in_an_hour() <= most


def test_an_adversary_that_undoes_every_action_is_bounded() -> None:
    run = GuardedRun(worst_ratio=2.0, sla="Breached", predicted=prediction(2.0))
    wanted = replace(with_stage(SETTING, "llm", variant="int4", cap=32), replicas={"voice": 8})
    for _ in range(2 * 720):
        run.tick(wanted)
        run.setting = SETTING
    assert run.most_in_an_hour() == 30
    assert len(run.actions) <= 2 * 30


@SLOW
@given(STEPS)
def test_a_restart_never_permits_more(steps: list[tuple[Setting, str, float, Any]]) -> None:
    """At every moment, whoever has just restarted lets pass no more than whoever has not."""
    run = GuardedRun(facts_with(max_actions_per_hour=6))
    for wanted, what, seconds, sla in steps:
        share = 1.5 if sla == "Breached" else 0.5
        restarted = GuardedRun(run.facts, run.setting, run.now)
        restarted.memory = run.memory
        restarted.restart()
        mine = run.tick(wanted, seconds=seconds, sla=sla, worst_ratio=share)
        theirs = restarted.tick(wanted, sla=sla, worst_ratio=share)
        assert len(theirs.passed) <= len(mine.passed)
        assert {(one.actuator, one.target) for one in theirs.passed} <= {
            (one.actuator, one.target) for one in mine.passed
        } or any(one.rule == "budget" for one in theirs.held)
        if what == "failed":
            run.memory = run.memory.failed(run.now)


def test_cooldowns_survive_a_restart() -> None:
    run = GuardedRun()
    run.tick(with_stage(SETTING, "llm", cap=16))
    before = dict(run.memory.settling)
    run.restart()
    assert run.memory.settling == {key: math.ceil(until) for key, until in before.items()}
    blocked = run.tick(with_stage(SETTING, "llm", variant="fp8", cap=16))
    assert [held.rule for held in blocked.held] == ["settling"]
    run.now += 3000
    run.restart()
    down = run.tick(with_stage(SETTING, "llm", cap=4))
    assert [held.rule for held in down.held] == ["stabilization"]


# --- the kill switch --------------------------------------------------------------------------------------------------
@QUICK
@given(SETTINGS, SETTINGS, STATES, SHARES, st.sampled_from(["Observe", "Recommend", "switch"]))
def test_the_kill_switch_holds_within_one_tick(
    current: Setting, wanted: Setting, sla: Any, share: float | None, how: str
) -> None:
    facts = FACTS if how == "switch" else facts_with(mode=how)
    at = scenes(current, facts=facts, sla=sla, worst_ratio=share, enforce=how != "switch")
    undo = replace(cap(8, 16), undoes="d1")
    guarded = guard(at, [undo, *changes(current, wanted, FACTS)])
    assert not guarded.passed
    assert {held.rule for held in guarded.held} == {"mode"}


def test_a_run_stops_when_it_is_switched_off_and_writes_nothing() -> None:
    run = GuardedRun()
    run.tick(with_stage(SETTING, "llm", cap=16))
    run.facts = facts_with(mode="Observe")
    setting, actions = run.setting, len(run.actions)
    for count in range(1, 9):
        run.tick(replace(SETTING, replicas={"voice": count}), worst_ratio=2.0, sla="Breached")
    assert (run.setting, len(run.actions)) == (setting, actions)


# --- rollback ---------------------------------------------------------------------------------------------------------
@QUICK
@given(SETTINGS, st.sampled_from(list(targets(FACTS))), st.data())
def test_a_rollback_restores_the_setting_exactly(current: Setting, where: Any, data: st.DataObject) -> None:
    actuator, target = where
    wanted = data.draw(SETTINGS)
    proposed = [one for one in changes(current, wanted, FACTS) if (one.actuator, one.target) == (actuator, target)]
    run = GuardedRun(facts_with(max_step=10.0), current, load_now=Load(1.0, 0.06))
    count = current.replicas["voice"]
    quick = look(replicas=count, sessions=0, recent=Measured(5.0, times_around(300), covered_seconds=30.0))
    guarded = guard(run.scene(seen=quick), proposed)
    run.tick(_only(current, guarded.passed), seen=quick)
    assert len(run.actions) == len(guarded.passed)
    run.now += 200
    slow = Measured(5.0, times_around(900), covered_seconds=30.0)
    run.restart()
    run.tick(run.setting, seen=look(run.now, replicas=run.setting.replicas["voice"], sessions=0, recent=slow))
    added = any(change.actuator == "replicas" and change.direction == "up" for change in guarded.passed)
    assert run.setting == (_only(current, guarded.passed) if added else current)


def _only(current: Setting, passed: tuple[Change, ...]) -> Setting:
    for change in passed:
        if change.actuator == "replicas":
            current = replace(current, replicas={**current.replicas, change.target: int(change.after)})
        elif change.actuator == "features":
            current = replace(current, mode=str(change.after))
        else:
            told = {"cap": int(change.after)} if change.actuator == "batch" else {"variant": str(change.after)}
            current = with_stage(current, change.target, **told)
    return current


def test_what_is_rolled_back_is_tried_ever_more_rarely() -> None:
    run = GuardedRun()
    wanted = with_stage(SETTING, "llm", cap=16)
    for _ in range(4 * 720):
        turn_ms = 480.0 if run.setting.stages["llm"].cap == 16 else 300.0
        recent = Measured(5.0, times_around(turn_ms), covered_seconds=30.0)
        run.tick(wanted, seen=look(run.now, turn_ms=turn_ms, recent=recent))
    tries = [at for at, change in run.actions if not change.undoes]
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps == sorted(gaps)
    assert len(tries) <= 6


# --- evidence, and others ---------------------------------------------------------------------------------------------
@QUICK
@given(SETTINGS, SETTINGS, STATES, SHARES)
def test_every_decision_carries_its_evidence(current: Setting, wanted: Setting, sla: Any, share: float | None) -> None:
    at = scenes(current, sla=sla, worst_ratio=share)
    guarded = guard(at, changes(current, wanted, FACTS))
    written = [decision(change, at) for change in guarded.passed] + [held_decision(held, at) for held in guarded.held]
    for one in written:
        assert "turn-p95" in one.message
        assert "sessions on" in one.message
        assert "predicted" in one.message
        assert one.reason
    assert all(held.message for held in guarded.held)


@QUICK
@given(SETTINGS, SETTINGS, STATES, SHARES)
def test_what_passes_lies_between_what_is_and_what_is_planned(
    current: Setting, wanted: Setting, sla: Any, share: float | None
) -> None:
    at = scenes(current, sla=sla, worst_ratio=share)
    proposed = {(one.actuator, one.target): one for one in changes(current, wanted, FACTS)}
    for change in guard(at, tuple(proposed.values())).passed:
        planned = proposed[change.actuator, change.target]
        before, after, most = (level(change.actuator, change.target, value, FACTS) for value in
                               (change.before, change.after, planned.after))  # fmt: skip
        assert change.before == value_of(current, change.actuator, change.target)
        assert min(before, most) <= after <= max(before, most)
        assert after != before


@SLOW
@given(STEPS)
def test_one_bad_agent_starves_no_other(steps: list[tuple[Setting, str, float, Any]]) -> None:
    """The guards of one agent are a function of that agent alone."""

    def good() -> list[tuple[float, Change]]:
        run = GuardedRun()
        for wanted, _, seconds, _ in steps:
            run.tick(wanted, seconds=seconds)
        return run.actions

    alone = good()
    bad = GuardedRun(facts_with(max_actions_per_hour=0))
    for wanted, _, seconds, _ in steps:
        bad.memory = bad.memory.failed(bad.now)
        bad.tick(wanted, seconds=seconds, seen=look(bad.now, turns_per_second=math.nan))
    assert good() == alone
    assert not bad.actions


def test_the_guards_change_nothing_of_what_they_are_given() -> None:
    at = scene(memory=memory_of_old())
    proposed = [replicas(6), cap(4)]
    assert guard(at, proposed) == guard(at, proposed)
    assert at == scene(memory=memory_of_old())
