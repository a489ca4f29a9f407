"""Each rule of the chain: what it holds, what it lets pass, and in which words."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from guarded_agent import (
    FACTS,
    NOW,
    OBJECTIVE,
    SETTING,
    cap,
    facts_with,
    llm,
    look,
    memory_of_old,
    pods,
    prediction,
    replicas,
    scene,
    times_around,
    with_stage,
)

from antiphon_crds.policy import Freeze
from antiphon_policies.guarding.chain import guard
from antiphon_policies.guarding.changes import Change, Held
from antiphon_policies.guarding.difference import inverse
from antiphon_policies.guarding.records import Breaker, Lock
from antiphon_policies.guarding.remembering import remember
from antiphon_policies.guarding.rules.freezing import frozen_until, not_kept
from antiphon_policies.guarding.scene import GuardScene
from antiphon_policies.guarding.wishes import Wishes
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.seeing.observation import Measured

UNDO = replace(inverse(cap(16), "d1"), before=16)


def passed(given: GuardScene, *proposed: Change) -> tuple[Change, ...]:
    return guard(given, proposed).passed


def held(given: GuardScene, change: Change) -> Held:
    guarded = guard(given, [change])
    assert not guarded.passed
    return guarded.held[0]


def test_by_default_ups_and_downs_pass() -> None:
    for change in (replicas(6), replicas(3), cap(16), cap(4), llm("fp8")):
        assert passed(scene(), change) == (change,), guard(scene(), [change])


# --- may anything be done ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["Observe", "Recommend"])
def test_modes_that_do_not_act(mode: str) -> None:
    at = scene(facts=facts_with(mode=mode))
    assert held(at, replicas(6)).rule == "mode"
    assert held(at, UNDO).message == f"the policy's mode is {mode}"


def test_the_kill_switch() -> None:
    assert held(scene(enforce=False), replicas(6)).rule == "mode"


def test_actuators_that_are_not_permitted() -> None:
    at = scene(facts=replace(FACTS, actuators=frozenset(("batch",))))
    assert held(at, replicas(6)).rule == "permitted"
    assert passed(at, cap(16))
    assert held(scene(facts=replace(FACTS, scales=False)), replicas(6)).rule == "permitted"
    assert "may be chosen" in held(scene(), Change("variant", "llm", "fp16", "fp2", "up")).message


def test_values_stay_within_bounds() -> None:
    wide = facts_with(max_step=10.0)
    assert passed(scene(facts=wide), replicas(20)) == (replicas(8),)
    assert passed(scene(facts=wide, load_now=Load(1.0, 0.06), seen=look(sessions=0)), replicas(0)) == (replicas(1),)
    fast = with_stage(SETTING, "llm", variant="int4")
    assert passed(scene(current=fast), cap(64)) == (cap(32),)


def test_what_is_out_of_bounds_is_not_turned_round() -> None:
    change = Change("replicas", "voice", 12, 10, "down")
    many = scene(current=replace(SETTING, replicas={"voice": 12}), seen=look(replicas=12))
    assert passed(many, change) == (change,)
    assert not passed(scene(), Change("replicas", "voice", 8, 12, "up"))


def test_five_errors_in_a_row_hold_everything() -> None:
    memory = memory_of_old()
    for _ in range(4):
        memory = memory.failed(NOW)
    assert passed(scene(memory=memory), replicas(6))
    memory = memory.failed(NOW)
    stopped = held(scene(memory=memory), replicas(6))
    assert (stopped.rule, stopped.until) == ("breaker", NOW + 60)
    assert held(scene(memory=memory), UNDO).rule == "breaker"
    assert passed(scene(memory=memory.worked()), replicas(6))


def test_half_open_one_change_is_tried() -> None:
    memory = memory_of_old(acting=Breaker(5, NOW - 1, 1))
    assert len(passed(scene(memory=memory), replicas(6), cap(16))) == 1


# --- is enough known --------------------------------------------------------------------------------------------------
def unknown_looks() -> dict[str, Any]:
    stale = {OBJECTIVE.name: Measured(300.0, times_around(300))}
    silent = (*pods(3), *pods(1, None, age_seconds=math.inf))
    return {
        "no sample": look(measured={}),
        "stale sample": look(measured=stale),
        "no observation in it": look(measured={OBJECTIVE.name: Measured(5.0, times_around(300, 0))}),
        "one pod was not heard": look(pods=silent),
        "no pod": look(pods=()),
        "old look": look(NOW - 100),
        "look of the future": look(NOW + 600),
        "no source": look(source="none"),
    }


@pytest.mark.parametrize("what", list(unknown_looks()))
def test_what_is_unknown_gives_nothing_back(what: str) -> None:
    seen = unknown_looks()[what]
    for change in (replicas(3), cap(4)):
        assert held(scene(seen=seen, worst_ratio=None, sla="Unknown"), change).rule == "staleness"
    better = with_stage(SETTING, "llm", variant="int4")
    promoted = Change("variant", "llm", "int4", "fp16", "down")
    assert held(scene(seen=seen, current=better, worst_ratio=None), promoted).rule == "staleness"


def test_no_traffic_is_known_and_gives_back() -> None:
    quiet = look(sessions=0, measured={}, turns_per_second=0.0)
    assert passed(scene(seen=quiet, load_now=Load(0.0, 0.06), worst_ratio=None, sla="Unknown"), replicas(3))


def test_blind_ups_are_small() -> None:
    blind = scene(seen=look(pods=(), measured={}), worst_ratio=None, sla="Unknown")
    assert passed(blind, replicas(8)) == (replicas(5),)
    assert held(blind, cap(16)).rule == "staleness"


def test_a_lie_gives_nothing_back() -> None:
    broken = look(measured={OBJECTIVE.name: Measured(-600.0, times_around(300))})
    assert held(scene(seen=broken), replicas(3)).rule == "sanity"
    assert passed(scene(seen=broken), replicas(6))


# --- times and places -------------------------------------------------------------------------------------------------
FREEZE = Freeze(name="christmas", cron="0 0 24 12 *", duration="48h", time_zone="Europe/Vienna")


def at_vienna(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("when", "open_"),
    [
        ("2026-12-23T22:59:59", False),
        ("2026-12-23T23:00:00", True),
        ("2026-12-25T22:59:59", True),
        ("2026-12-25T23:00:00", False),
    ],
)
def test_a_freeze_window_in_its_time_zone(when: str, open_: bool) -> None:
    until = frozen_until(FREEZE, at_vienna(when))
    assert until == (at_vienna("2026-12-25T23:00:00") if open_ else None)


def test_overlapping_beginnings_and_lines_that_never_match() -> None:
    hourly = Freeze(name="a", cron="0 * * * *", duration="2h")
    assert frozen_until(hourly, at_vienna("2026-05-05T10:30:00")) == at_vienna("2026-05-05T12:00:00")
    never = Freeze(name="a", cron="0 0 30 2 *", duration="2h")
    assert frozen_until(never, NOW) is None


def test_a_freeze_that_cannot_be_kept_as_written_is_told() -> None:
    nowhere = Freeze(name="night", cron="0 1 * * *", duration="2h", time_zone="Europe/Atlantis")
    never = Freeze(name="leap", cron="0 0 30 2 *", duration="2h")
    yearly = Freeze(name="leap-day", cron="0 0 29 2 *", duration="2h")
    assert not_kept([FREEZE, yearly]) == []
    strange, missing = not_kept([FREEZE, nowhere, never])
    assert strange.startswith("freeze 'night': the time zone Europe/Atlantis is not known")
    assert strange.endswith("kept in UTC")
    assert missing == "freeze 'leap': '0 0 30 2 *' never begins"


def test_a_freeze_lets_pass_what_keeps_calls_alive() -> None:
    always = facts_with(freeze=[Freeze(name="always", cron="* * * * *", duration="1h").model_dump()])
    quiet, broken = scene(facts=always), scene(facts=always, sla="Breached", worst_ratio=1.6)
    turned_away = scene(facts=always, seen=look(rejected_per_second=0.2))
    for change in (replicas(6), replicas(3), cap(16), llm("fp8")):
        assert held(quiet, change).rule == "freeze"
    for at in (broken, turned_away):
        assert passed(at, replicas(6), cap(16)) == (cap(16), replicas(6))
        assert held(at, llm("fp8")).rule == "freeze"
    assert passed(replace(quiet, current=with_stage(SETTING, "llm", cap=16)), UNDO) == (UNDO,)


def test_calls_that_suffer_by_a_lie_alone_do_not_open_a_freeze() -> None:
    always = facts_with(freeze=[Freeze(name="always", cron="* * * * *", duration="1h").model_dump()])
    lying = look(measured={OBJECTIVE.name: Measured(-600.0, times_around(900))})
    broken = scene(facts=always, seen=lying, sla="Breached", worst_ratio=2.0)
    assert held(broken, replicas(6)).rule == "freeze"


def test_no_load_is_added_to_a_hot_gpu() -> None:
    hot = look(pods=(*pods(3), *pods(1, gpu_temperature_celsius=90.0)))
    at = scene(facts=facts_with(max_gpu_temperature_celsius=88), seen=hot)
    for change in (cap(16), replicas(3), Change("features", "agent", "plain", "speculative", "down")):
        assert held(at, change).rule == "temperature"
    assert "90 °C" in held(at, cap(16)).message
    assert passed(at, replicas(6), llm("fp8")) == (llm("fp8"), replicas(6))
    assert passed(scene(seen=hot), cap(16))
    stale = look(pods=(*pods(3), *pods(1, gpu_temperature_celsius=90.0, age_seconds=100.0)))
    assert passed(replace(at, seen=stale), cap(16))


def test_what_was_rolled_back_is_not_tried_again() -> None:
    memory = memory_of_old(
        locks=(Lock("replicas", "voice", 3, "down", NOW + 60), Lock("variant", "llm", "fp8", "up", NOW + 60, 2))
    )
    at = scene(memory=memory)
    stopped = held(at, llm("fp8"))
    assert (stopped.rule, stopped.until) == ("retry", NOW + 60)
    assert held(at, replicas(2)).rule == "retry"
    assert passed(at, llm("int4"))
    assert passed(at, replicas(6))
    assert passed(replace(at, now=NOW + 61, seen=look(NOW + 61)), llm("fp8"))


# --- do the numbers call for it ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("share", [0.91, 1.0, 1.09])
def test_within_the_tolerance_nothing_changes(share: float) -> None:
    at = scene(worst_ratio=share, predicted=prediction(1.05))
    for change in (cap(16), cap(4), llm("fp8"), replicas(3)):
        assert held(at, change).rule == "tolerance"
    assert passed(at, replicas(6))


def test_beyond_the_tolerance_ups_pass() -> None:
    assert passed(scene(worst_ratio=1.2), llm("fp8"))
    assert passed(scene(worst_ratio=1.0, predicted=prediction(1.3)), llm("fp8"))
    assert held(scene(worst_ratio=1.2), replicas(3)).rule == "tolerance"


def test_the_most_that_was_wished_for_rules_a_removal() -> None:
    wishes = {("replicas", "voice"): Wishes(((NOW - 290, 4), (NOW - 100, 3)), ((NOW - 5, 2),))}
    at = scene(memory=memory_of_old(wishes=wishes), load_now=Load(4.0, 0.06), seen=look(sessions=1))
    assert held(at, replicas(2)).rule == "stabilization"
    later = replace(at, now=NOW + 20, seen=look(NOW + 20, sessions=1))
    assert passed(later, replicas(2)) == (replicas(3),)


def test_a_wish_for_more_must_last_where_the_policy_says_so() -> None:
    patient = facts_with(stabilization={"up": "30s"})
    wishes = {("replicas", "voice"): Wishes((), ((NOW - 40, 4), (NOW - 20, 5), (NOW - 5, 6)))}
    at = scene(facts=patient, memory=memory_of_old(wishes=wishes))
    assert passed(at, replicas(6)) == (replicas(5),)
    assert held(replace(at, memory=replace(at.memory, since=NOW - 5)), replicas(6)).rule == "stabilization"


def test_wishes_for_variants_are_ordered_too() -> None:
    fast = with_stage(SETTING, "llm", variant="int4")
    change = Change("variant", "llm", "int4", "fp16", "down")

    def wished(seconds_ago: float) -> GuardScene:
        wishes = {("variant", "llm"): Wishes(((NOW - seconds_ago, 1),), ())}
        return scene(current=fast, memory=memory_of_old(wishes=wishes))

    assert passed(wished(40), change) == (replace(change, after="fp8"),)
    assert passed(wished(100), change) == (change,), "what is switched back within seconds waits a minute at most"


def test_a_step_is_bounded() -> None:
    assert passed(scene(), replicas(8)) == (replicas(8),)
    two = scene(current=replace(SETTING, replicas={"voice": 2}), seen=look(replicas=2))
    assert passed(two, replicas(8, before=2)) == (replicas(4, before=2),)
    small = replace(two, facts=facts_with(max_step=1.0))
    assert passed(small, replicas(8, before=2)) == (replicas(3, before=2),)
    many = scene(
        current=replace(SETTING, replicas={"voice": 7}), seen=look(replicas=7, sessions=1), load_now=Load(7, 0.06)
    )
    assert passed(many, replicas(1, before=7)) == (replicas(4, before=7),)


def test_cost_is_bounded() -> None:
    at = scene(facts=facts_with(max_cost_per_hour=10.0))
    assert passed(at, replicas(8)) == (replicas(5),)
    poor = scene(facts=facts_with(max_cost_per_hour=4.0))
    assert held(poor, replicas(5)).rule == "cost"
    assert passed(poor, replicas(3))


# --- one at a time ----------------------------------------------------------------------------------------------------
def test_one_thing_of_a_stage_at_a_time() -> None:
    guarded = guard(scene(worst_ratio=1.4, sla="Breached"), [llm("fp8"), cap(16), cap(16, stage="asr"), replicas(6)])
    assert guarded.passed == (cap(16), cap(16, stage="asr"), replicas(6))
    assert [(one.change, one.rule) for one in guarded.held] == [(llm("fp8"), "settling")]


def test_what_was_changed_is_left_alone() -> None:
    memory = memory_of_old(settling={"stage/llm": NOW + 30})
    calm, broken = scene(memory=memory), scene(memory=memory, sla="Breached", worst_ratio=1.4)
    stopped = held(calm, llm("fp8"))
    assert (stopped.rule, stopped.until) == ("settling", NOW + 30)
    assert passed(calm, cap(16, stage="asr"))
    assert passed(broken, llm("fp8"))
    assert passed(scene(memory=memory, predicted=prediction(1.5)), llm("fp8"))


def test_a_removal_must_hold_by_itself() -> None:
    full = scene(load_now=Load(70.0, 0.06), seen=look(sessions=17))
    stopped = held(full, replicas(3))
    assert stopped.rule == "removal"
    assert "hold 60 of 70 sessions" in stopped.message
    busy = scene(load_now=Load(70.0, 4.4), facts=replace(FACTS, groups=(replace(FACTS.groups[0], max_sessions=None),)),
                 seen=look(pods=pods(4, 17, capacity=None)))  # fmt: skip
    stopped = held(busy, replicas(3))
    assert stopped.rule == "removal"
    assert "can be served" in stopped.message


def test_fewer_replicas_go_where_fewer_may() -> None:
    at = scene(load_now=Load(50.0, 0.06), seen=look(sessions=12))
    assert passed(at, replicas(2)) == (replicas(3),)


def test_replicas_that_do_not_serve_yet_do_not_count() -> None:
    starting = tuple(replace(pod, ready=False, sessions=None) for pod in pods(2))
    at = scene(load_now=Load(30.0, 0.06), seen=look(pods=(*pods(2, 10), *starting)))
    assert passed(at, replicas(3))
    more = scene(load_now=Load(45.0, 0.06), seen=look(pods=(*pods(2, 20), *starting)))
    assert held(more, replicas(3)).rule == "removal"


def test_several_removals_are_predicted_together() -> None:
    busy = Load(20.0, 2.5)
    at = scene(load_now=busy, seen=look(turns_per_second=20.0), facts=facts_with(tolerance=0.3))
    alone = {change: bool(passed(at, change)) for change in (cap(4), replicas(3))}
    together = passed(at, cap(4), replicas(3))
    assert len(together) <= sum(alone.values())


# --- how often --------------------------------------------------------------------------------------------------------
def test_actions_are_counted() -> None:
    facts = facts_with(max_actions_per_hour=8)
    used = tuple(NOW - 10 * index for index in range(1, 8))
    at = scene(facts=facts, memory=memory_of_old(actions=used), predicted=prediction(1.3))
    assert held(at, replicas(3)).rule == "budget"
    at = replace(at, memory=memory_of_old(actions=used[:-1]))
    assert passed(at, cap(16), replicas(6), cap(16, stage="asr")) == (cap(16), cap(16, stage="asr"))
    assert passed(
        replace(at, now=NOW + 3600, seen=look(NOW + 3600), memory=replace(at.memory, ticked=NOW + 3595)), replicas(3)
    )


def test_the_last_actions_are_for_what_is_urgent() -> None:
    used = tuple(NOW - index for index in range(1, 28))
    at = scene(memory=memory_of_old(actions=used))
    stopped = held(at, cap(16))
    assert (stopped.rule, stopped.until) == ("budget", NOW - 27 + 3600)
    assert "27 of 30" in stopped.message
    assert passed(at, replicas(6))
    assert passed(replace(at, current=with_stage(SETTING, "llm", cap=16)), UNDO)


def test_caps_leave_half_of_the_actions_to_others_and_better_variants_a_third() -> None:
    fast = with_stage(SETTING, "llm", variant="int4")
    at = scene(current=fast, memory=memory_of_old(actions=tuple(NOW - index for index in range(1, 16))))
    better = Change("variant", "llm", "int4", "fp8", "down")
    assert held(at, cap(16)).rule == "budget"
    assert passed(at, better)
    at = replace(at, memory=memory_of_old(actions=tuple(NOW - index for index in range(1, 21))))
    assert held(at, better).rule == "budget"
    assert passed(at, replicas(3))


def test_smaller_caps_leave_three_quarters_of_the_actions_to_others() -> None:
    at = scene(memory=memory_of_old(actions=tuple(NOW - index for index in range(1, 9))))
    assert held(at, cap(4)).rule == "budget"
    assert passed(at, cap(16))
    assert passed(at, llm("fp8"))
    assert passed(replace(at, predicted=prediction(1.3)), cap(16))


def test_taking_back_goes_first() -> None:
    at = scene(
        current=with_stage(SETTING, "llm", cap=16),
        memory=memory_of_old(actions=tuple(NOW - index for index in range(1, 30))),
    )
    assert passed(at, replicas(6), UNDO) == (UNDO,)


def test_no_actions_at_all() -> None:
    assert held(scene(facts=facts_with(max_actions_per_hour=0)), replicas(6)).rule == "budget"


def test_a_variant_brings_its_cap_along() -> None:
    wide = scene(current=with_stage(SETTING, "llm", cap=48), worst_ratio=1.5, sla="Breached")
    change = llm("int4")
    assert passed(wide, change) == (change, cap(32, 48))
    assert passed(wide, llm("fp8")) == (llm("fp8"),)
    tight = replace(wide, memory=memory_of_old(actions=tuple(NOW - index for index in range(1, 27))))
    assert held(tight, change).rule == "budget"
    assert passed(tight, llm("fp8"))


def test_after_a_break_in_watching_wishes_begin_anew() -> None:
    asleep = scene(memory=memory_of_old(ticked=NOW - 130))
    assert held(asleep, replicas(3)).rule == "stabilization"
    assert passed(asleep, replicas(6))
    memory = remember(asleep, [replicas(3)], guard(asleep, [replicas(3)]))
    assert (memory.since, memory.ticked) == (NOW, NOW)
    assert memory.wishes["replicas", "voice"] == Wishes(((NOW, 3),), ((NOW, 3),))
