"""What comes of decisions, and what is taken back."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from guarded_agent import (
    FACTS,
    OBJECTIVE,
    SETTING,
    GuardedRun,
    cap,
    facts_with,
    llm,
    look,
    prediction,
    scene,
    times_around,
    with_stage,
)

from antiphon_crds.agent_status import Decision
from antiphon_policies.facts import Setting
from antiphon_policies.guarding.changes import Change, Guarded, Held
from antiphon_policies.guarding.evidence import REASONS, decision, held_decision
from antiphon_policies.guarding.indicating import reading
from antiphon_policies.guarding.memory import GuardMemory
from antiphon_policies.guarding.outcome import Verdict, judge, reviewed, settled
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.seeing.observation import Measured, Observation

FASTER = with_stage(SETTING, "llm", variant="fp8")
FEWER = replace(SETTING, replicas={"voice": 3})
MORE = replace(SETTING, replicas={"voice": 5})
BATCH = with_stage(SETTING, "llm", cap=16)


def recent(run: GuardedRun, turn_ms: float, count: float = 100.0, **more: Any) -> Observation:
    replicas = run.setting.replicas["voice"]
    told = {"recent": Measured(5.0, times_around(turn_ms, count), covered_seconds=30.0), **more}
    return look(run.now, replicas=replicas, turn_ms=turn_ms, **told)


def decided(wanted: Setting, turn_ms: float = 300.0, **more: Any) -> GuardedRun:
    """A run that has just carried the one change out."""
    run = GuardedRun(**more)
    guarded = run.tick(wanted, seen=recent(run, turn_ms))
    assert len(guarded.passed) == 1
    return run


def verdict_after(run: GuardedRun, seconds: float, turn_ms: float, count: float = 100.0, **more: Any) -> Verdict | None:
    run.now += seconds
    found = judge(run.scene(seen=recent(run, turn_ms, count), **more))
    return found[0] if found else None


def outcome_after(run: GuardedRun, seconds: float, turn_ms: float, count: float = 100.0, **more: Any) -> str | None:
    verdict = verdict_after(run, seconds, turn_ms, count, **more)
    return verdict.outcome if verdict else None


def test_nothing_is_judged_before_its_time() -> None:
    assert outcome_after(decided(BATCH), 50, 900) is None


def test_what_helps_or_does_no_harm_is_kept() -> None:
    assert outcome_after(decided(BATCH), 60, 220) == "Kept"
    assert outcome_after(decided(BATCH), 60, 300) == "Kept"


def test_what_makes_it_worse_is_taken_back() -> None:
    run = decided(BATCH)
    verdict = verdict_after(run, 60, 480)
    assert verdict is not None
    assert (verdict.outcome, verdict.undo) == (
        "RolledBack",
        Change("batch", "llm", 16, 8, "down", run.memory.pending[0].id),
    )
    assert "100 turns" in verdict.observed
    guarded = run.tick(BATCH, seen=recent(run, 480), worst_ratio=1.05)
    assert guarded.passed == (verdict.undo,)
    assert run.setting == SETTING
    assert (run.memory.pending, len(run.memory.locks), len(run.memory.actions)) == ((), 1, 2)
    run.now += 300
    assert run.tick(BATCH, seen=recent(run, 480), worst_ratio=1.2).held[0].rule == "retry"


def test_a_variant_is_judged_once_it_is_loaded() -> None:
    medium = with_stage(SETTING, "asr", variant="medium")
    run = decided(medium)
    assert outcome_after(run, 70, 480) is None
    assert outcome_after(run, 10, 480) == "RolledBack"


def test_slower_by_less_than_worse_by_is_kept() -> None:
    assert outcome_after(decided(BATCH, 310), 60, 331) == "Kept"
    assert outcome_after(decided(BATCH, facts=facts_with(rollback={"worse_by": 1.0})), 60, 480) == "Kept"


@pytest.mark.parametrize("count", [0, 3, 19])
def test_too_few_samples_are_never_a_success(count: int) -> None:
    run = decided(BATCH)
    thin = {"measured": {OBJECTIVE.name: Measured(5.0, times_around(200, count))}}
    run.now += 60
    few = recent(run, 200, count, **thin)
    assert judge(run.scene(seen=few)) == ()
    run.now += 300
    (verdict,) = judge(run.scene(seen=replace(few, at=run.now)))
    assert verdict.outcome == "Inconclusive"
    assert settled([verdict]) == {run.memory.pending[0].id}


def test_stale_samples_are_none() -> None:
    run = decided(BATCH)
    run.now += 60
    old = Measured(200.0, times_around(200), covered_seconds=30.0)
    assert judge(run.scene(seen=look(run.now, recent=old, measured={}))) == ()


def test_a_decision_of_which_nothing_was_known_is_inconclusive() -> None:
    run = GuardedRun()
    run.tick(BATCH, seen=look(run.now, measured={OBJECTIVE.name: Measured(5.0, times_around(300, 5))}))
    assert outcome_after(run, 60, 200) is None
    assert outcome_after(run, 300, 200) == "Inconclusive"


def test_noise_is_no_ground_for_a_rollback() -> None:
    wide = replace(
        times_around(300, 25.0), counts=tuple([0.0] * 5 + [6.0, 6, 6, 4, 1, 2] + [0.0] * 4), total=25 * 380.0
    )
    run = decided(BATCH, 420)
    run.now += 60
    noisy = look(run.now, recent=Measured(5.0, wide, covered_seconds=30.0), measured={})
    told = reading(run.scene(seen=noisy))
    assert told is not None
    assert told.least_ms < told.value_ms <= told.most_ms
    assert judge(run.scene(seen=noisy)) == ()


def test_a_window_that_began_before_the_change_tells_nothing() -> None:
    run = decided(BATCH)
    run.now += 60
    both = look(run.now, turn_ms=480)
    assert judge(run.scene(seen=both)) == ()
    run.now += 60
    assert judge(run.scene(seen=look(run.now, turn_ms=480)))[0].outcome == "RolledBack"


def test_slower_because_of_more_load_is_no_ground() -> None:
    run = decided(BATCH, load_now=Load(20.0, 0.06))
    assert outcome_after(run, 60, 440, load_now=Load(80.0, 3.5)) == "Kept"
    again = decided(BATCH, load_now=Load(20.0, 0.06))
    assert outcome_after(again, 60, 440, load_now=Load(21.0, 0.06)) == "RolledBack"


def test_less_load_is_no_measure_for_a_rollback() -> None:
    run = decided(BATCH, 440, load_now=Load(80.0, 3.5))
    assert outcome_after(run, 60, 440, load_now=Load(8.0, 0.06)) == "Kept"


def test_giving_back_may_make_turns_longer_within_the_promise() -> None:
    assert outcome_after(decided(FEWER), 60, 390) == "Kept"
    verdict = verdict_after(decided(FEWER), 60, 700)
    assert verdict is not None
    assert verdict.undo == Change("replicas", "voice", 3, 4, "up", verdict.id)


def test_replicas_that_were_added_are_not_taken_away_on_one_reading() -> None:
    verdict = verdict_after(decided(MORE, worst_ratio=1.2), 100, 480)
    assert verdict is not None
    assert (verdict.outcome, verdict.undo) == ("Failed", None)


def test_what_was_changed_again_is_not_judged() -> None:
    run = decided(BATCH)
    run.setting = with_stage(SETTING, "llm", cap=12)
    assert outcome_after(run, 60, 900) == "Inconclusive"


def test_a_rollback_goes_before_what_is_planned_of_the_same() -> None:
    run = decided(FASTER)
    run.now += 60
    guarded = run.tick(
        with_stage(SETTING, "llm", variant="int4"), seen=recent(run, 480), worst_ratio=1.2, sla="Breached"
    )
    assert [change.undoes != "" for change in guarded.passed] == [True]
    assert run.setting == SETTING


def test_a_rollback_that_is_held_is_tried_again() -> None:
    run = decided(BATCH)
    run.now += 60
    assert run.tick(BATCH, seen=recent(run, 480), enforce=False).held[0].rule == "mode"
    assert run.memory.pending
    assert run.tick(BATCH, seen=recent(run, 480)).passed[0].undoes


# --- how it is written down -------------------------------------------------------------------------------------------
def test_every_decision_carries_its_evidence() -> None:
    at = scene(sla="Breached", worst_ratio=1.3, predicted=prediction(1.4), predicted_planned=prediction(0.8))
    written = decision(llm("fp8"), at, "a faster llm keeps turn-p95", "")
    assert written.reason == "ObjectiveBroken"
    assert "a faster llm keeps turn-p95; turn-p95 298 ms (200 samples, 5 s old) of 450" in written.message
    assert "20 sessions on 4 ready pods" in written.message
    assert "predicted: 140% of the target, with the plan 80% of the target" in written.message
    assert written.expected == "turn-p95 360 ms instead of 630 ms"
    assert Decision.from_manifest(written.to_manifest()) == written
    assert (written.outcome, written.observed) == ("Pending", "")


@pytest.mark.parametrize(
    ("change", "more", "reason"),
    [
        (cap(16), {"sla": "Breached"}, "ObjectiveBroken"),
        (cap(16), {"seen": look(rejected_per_second=1.0)}, "SessionsRefused"),
        (cap(16), {"predicted": prediction(1.2)}, "LoadExpected"),
        (cap(16), {"predicted": prediction(math.inf)}, "LoadExpected"),
        (cap(16), {}, "Planned"),
        (cap(4), {}, "CapacityToSpare"),
        (Change("features", "agent", "plain", "speculative", "down"), {}, "QualityPossible"),
        (replace(cap(4), undoes="x"), {}, "MadeItWorse"),
    ],
)
def test_reasons(change: Change, more: dict[str, Any], reason: str) -> None:
    assert decision(change, scene(**more)).reason == reason
    assert reason in REASONS


def test_what_is_held_is_written_down_too() -> None:
    held = Held(llm("fp8"), "mode", "the policy's mode is Recommend")
    written = held_decision(held, scene(), "a faster llm")
    assert (written.outcome, written.reason) == ("Held", "mode")
    assert written.message.startswith("a faster llm; held: the policy's mode is Recommend; turn-p95")


def test_decisions_get_their_outcomes() -> None:
    run = GuardedRun()
    at = run.scene(seen=recent(run, 300))
    run.tick(BATCH, seen=recent(run, 300))
    written = decision(cap(16), at)
    nothing = Guarded(())
    assert reviewed([written], [], nothing, run.memory) == [written]
    kept = Verdict(written.id, "Kept", "290 ms")
    (after,) = reviewed([written], [kept], nothing, run.memory)
    assert (after.outcome, after.observed) == ("Kept", "290 ms")
    back = Verdict(written.id, "RolledBack", "500 ms", Change("batch", "llm", 16, 8, "down", written.id))
    assert reviewed([written], [back], nothing, run.memory) == [written]
    assert back.undo is not None
    assert reviewed([written], [back], Guarded((back.undo,)), run.memory)[0].outcome == "RolledBack"
    assert reviewed([after], [back], Guarded((back.undo,)), run.memory) == [after]
    assert reviewed([written], [], nothing, GuardMemory(run.now))[0].outcome == "Inconclusive"
    assert FACTS.objectives[0].objective == OBJECTIVE
