"""A whole simulated world: nothing is lost or made up, and what takes time in a cluster takes it here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_agents import Scripted, a_setting, an_agent

from antiphon_policies.facts import AgentFacts, GroupFacts, ModeFacts, Service, Setting, StageSetting, TurnShape
from antiphon_policies.seeing.observation import Observation
from antiphon_policies.simulating import traces
from antiphon_policies.simulating.controlling import Controller
from antiphon_policies.simulating.fixed import Fixed
from antiphon_policies.simulating.runs import Run
from antiphon_policies.simulating.scene import ReplicaDies, Scene, at_best, fitting
from antiphon_policies.simulating.steady import steady
from antiphon_policies.simulating.traces import Calls
from antiphon_policies.simulating.world import World, simulate


def after(seconds: float, wanted: Setting) -> Scripted:
    """Wants something else from then on."""
    return Scripted(lambda seen, current: wanted if seen.at >= seconds else current)


def run_of(facts: AgentFacts, scene: Scene, controller: Controller | None = None, seed: int = 1) -> Run:
    return simulate(facts, scene, controller or Fixed(scene.start), np.random.default_rng(seed))


def busy(level: float, seconds: float, seed: int = 7, calls: Calls | None = None) -> traces.Trace:
    return traces.diurnal(seconds, np.random.default_rng(seed), low=level, high=level, calls=calls)


def balanced(run: Run) -> bool:
    return run.offered == run.rejected + run.dropped + run.ended + run.live


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    level=st.floats(1, 80),
    replicas=st.integers(1, 4),
    wanted=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    drain=st.sampled_from([10.0, 900.0]),
    dies=st.booleans(),
)
def test_every_session_is_ended_rejected_dropped_or_live(
    seed: int, level: float, replicas: int, wanted: list[int], drain: float, dies: bool
) -> None:
    facts = an_agent(max_sessions=25, llm="streams")
    scene = Scene(
        busy(level, 300.0, seed, Calls(60.0)),
        a_setting(replicas),
        300.0,
        failures=(ReplicaDies(100.0), ReplicaDies(101.0)) if dies else (),
        drain_seconds=drain,
        stock={"": 4},
    )

    def fickle(seen: Observation, current: Setting) -> Setting:
        return replace(current, replicas={"main": wanted[int(seen.at / 50) % len(wanted)]})

    run = run_of(facts, scene, Scripted(fickle), seed)
    assert balanced(run)
    assert run.live == run.moments[-1].sessions
    assert len(run.turns_ms) == sum(moment.turns for moment in run.moments)
    assert all(moment.kept <= moment.turns for moment in run.moments)
    assert all(moment.placed["main"] <= 4 for moment in run.moments)
    assert dies or drain < 900 or run.dropped == 0
    assert run.failed <= run.dropped


def test_turns_come_as_often_as_the_facts_say() -> None:
    facts = an_agent()
    run = run_of(facts, Scene(traces.constant(40), a_setting(4), 3600.0))
    assert len(run.turns_ms) == pytest.approx(40 * 3600 * facts.turns_per_second, rel=0.02)


def test_a_quiet_turn_takes_its_stages_and_overhead() -> None:
    mode = ModeFacts("plain", TurnShape(begins_ms=100, decided_ms=200, overhead_ms=7))
    facts = an_agent(noise=0.0, modes=(mode,))
    run = run_of(facts, Scene(traces.constant(1), a_setting(), 600.0))
    assert run.turns_ms == pytest.approx(100 + 120 + 80 + 90 + 7)
    assert run.responses_ms == pytest.approx(197)


def test_nothing_is_heard_before_the_decision() -> None:
    mode = ModeFacts("plain", TurnShape(begins_ms=100, decided_ms=1000, overhead_ms=7))
    run = run_of(an_agent(noise=0.0, modes=(mode,)), Scene(traces.constant(1), a_setting(), 600.0))
    assert run.turns_ms == pytest.approx(1007)
    assert run.responses_ms == pytest.approx(7)


def test_a_mode_holds_for_turns_that_begin_from_then_on() -> None:
    modes = (ModeFacts("early", TurnShape(100, 500)), ModeFacts("late", TurnShape(500, 500)))
    facts = an_agent(noise=0.0, modes=modes)
    run = run_of(
        facts, Scene(traces.constant(5), a_setting(4, mode="early"), 600.0), after(300, a_setting(4, mode="late"))
    )
    times = run.turns_ms
    assert set(times[:50].round()) == {500.0}
    assert set(times[-50:].round()) == {790.0}
    assert run.actions == {"features": 1}


def test_calls_that_nobody_waits_for_take_their_time_too() -> None:
    guessing = ModeFacts("guessing", TurnShape(), {"asr": 3.0})
    plain, busier = (
        steady(an_agent(modes=modes), a_setting(mode=modes[0].name), 40, 600.0, np.random.default_rng(1))
        for modes in ((ModeFacts("plain", TurnShape()),), (guessing,))
    )
    assert len(busier.stages["asr"]) == pytest.approx(3 * len(plain.stages["asr"]), rel=0.05)
    assert len(busier.turns) == pytest.approx(len(plain.turns), rel=0.02)
    assert busier.busy["asr"] > 1.5 * plain.busy["asr"]


def test_the_same_seed_is_the_same_run() -> None:
    scene = Scene(busy(60, 600.0), a_setting(2), 600.0, failures=(ReplicaDies(200.0),), start_noise=0.3)
    one, same, other = (run_of(an_agent(llm="streams"), scene, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.turns_ms, same.turns_ms)
    assert one.moments == same.moments
    assert not np.array_equal(one.turns_ms[:50], other.turns_ms[:50])


def test_a_new_replica_serves_after_its_start_and_not_before() -> None:
    run = run_of(an_agent(start_seconds=42.0), Scene(busy(20, 300.0), a_setting(1), 300.0), after(100, a_setting(3)))
    ready = {moment.at: moment.ready["main"] for moment in run.moments}
    assert (ready[140.0], ready[145.0]) == (1, 3)
    assert {moment.at: moment.placed["main"] for moment in run.moments}[105.0] == 3
    assert run.replica_hours["main"] == pytest.approx((300 + 2 * 200) / 3600)


def test_a_replica_may_take_longer_than_the_facts_say() -> None:
    scene = Scene(busy(20, 300.0), a_setting(1), 300.0, start_seconds={"main": 100.0})
    run = run_of(an_agent(start_seconds=10.0), scene, after(100, a_setting(2)))
    ready = {moment.at: moment.ready["main"] for moment in run.moments}
    assert (ready[195.0], ready[200.0]) == (1, 2)


def test_no_session_and_no_turn_is_lost_when_a_replica_is_given_back() -> None:
    scene = Scene(busy(60, 900.0, calls=Calls(60.0, 0.5)), a_setting(4), 900.0, drain_seconds=3600.0)
    run = run_of(an_agent(), scene, after(200, a_setting(1)))
    assert run.dropped == run.failed == 0
    placed = [moment.placed["main"] for moment in run.moments]
    assert placed[0] == 4
    assert placed[-1] == 1
    assert max(moment.ready["main"] for moment in run.moments if moment.at > 200) == 1
    assert balanced(run)


def test_a_replica_that_drains_for_too_long_cuts_its_sessions_off() -> None:
    scene = Scene(traces.constant(40), a_setting(4), 300.0, drain_seconds=60.0)
    run = run_of(an_agent(), scene, after(100, a_setting(2)))
    assert run.dropped == 20
    placed = {moment.at: moment.placed["main"] for moment in run.moments}
    assert (placed[155.0], placed[165.0]) == (4, 2)


def test_the_replica_with_the_fewest_sessions_goes_first() -> None:
    facts = an_agent()
    world = World(
        facts, Scene(traces.constant(3), a_setting(4), 100.0), after(20, a_setting(3)), np.random.default_rng(1)
    )
    run = world.run()
    assert run.moments[-1].placed["main"] == 3
    assert [len(replica.sessions) for replica in world.groups["main"].replicas] == [1, 1, 1]


def test_a_replica_dies_with_its_sessions_and_is_started_anew() -> None:
    scene = Scene(traces.constant(40), a_setting(2), 300.0, failures=(ReplicaDies(100.0, "main"),))
    run = run_of(an_agent(start_seconds=50.0), scene)
    assert run.dropped == 20
    assert balanced(run)
    ready = {moment.at: moment.ready["main"] for moment in run.moments}
    assert [ready[at] for at in (95.0, 100.0, 145.0, 155.0)] == [2, 1, 1, 2]


def test_sessions_beyond_what_all_replicas_take_are_refused() -> None:
    run = run_of(an_agent(max_sessions=10), Scene(traces.constant(25), a_setting(2), 60.0))
    assert (run.live, run.rejected) == (20, 5)
    assert run.moments[0].offered == 25


def test_sessions_are_spread_evenly() -> None:
    world = World(
        an_agent(), Scene(traces.constant(31), a_setting(3), 10.0), Fixed(a_setting(3)), np.random.default_rng(1)
    )
    world.run()
    assert sorted(len(replica.sessions) for replica in world.groups["main"].replicas) == [10, 10, 11]


def test_replicas_wait_for_partitions_of_the_stock() -> None:
    facts = an_agent(partition="1g.18gb", start_seconds=10.0)
    scene = Scene(busy(20, 300.0), a_setting(1), 300.0, stock={"1g.18gb": 2})
    run = run_of(facts, scene, after(50, a_setting(4)))
    last = run.moments[-1]
    assert (last.wanted["main"], last.placed["main"], last.ready["main"]) == (4, 2, 2)


def test_a_partition_that_becomes_free_is_taken() -> None:
    facts = an_agent(partition="1g.18gb", start_seconds=10.0)
    scene = Scene(traces.constant(10), a_setting(2), 300.0, stock={"1g.18gb": 2}, failures=(ReplicaDies(100.0),))
    run = run_of(facts, scene)
    ready = {moment.at: moment.ready["main"] for moment in run.moments}
    assert (ready[100.0], ready[115.0]) == (1, 2)


def test_a_variant_is_switched_when_it_is_loaded_and_loses_nothing() -> None:
    facts = an_agent(noise=0.0)
    scene = Scene(traces.constant(10), a_setting(1), 300.0)
    run = run_of(facts, scene, after(100, a_setting(1, asr="small", llm="fp8")))
    variants = {moment.at: tuple(one.variant for one in moment.setting.stages.values()) for moment in run.moments}
    assert variants[100.0] == ("large", "fp16", "fp32")
    assert variants[105.0] == ("small", "fp16", "fp32")
    assert variants[110.0] == ("small", "fp8", "fp32")
    assert run.moments[-1].quality == pytest.approx(0.9 * 0.95)
    assert run.actions == {"variant": 2}
    assert run.failed == 0


def test_a_switch_that_is_taken_back_does_not_happen() -> None:
    def script(seen: Observation, current: Setting) -> Setting:
        return replace(current, stages=a_setting(1, llm="fp8" if 100 <= seen.at < 105 else "fp16").stages)

    run = run_of(an_agent(), Scene(traces.constant(10), a_setting(1), 200.0), Scripted(script))
    assert {moment.setting.stages["llm"].variant for moment in run.moments} == {"fp16"}
    assert run.actions == {"variant": 2}


def test_a_new_replica_comes_up_with_what_is_wanted() -> None:
    def script(seen: Observation, current: Setting) -> Setting:
        return a_setting(3 if seen.at >= 200 else 1, llm="fp8", cap=5) if seen.at >= 100 else current

    world = World(an_agent(), Scene(busy(20, 300.0), a_setting(1), 300.0), Scripted(script), np.random.default_rng(1))
    world.run()
    for replica in world.groups["main"].replicas:
        assert (replica.stations["llm"].speed.name, replica.stations["llm"].cap) == ("fp8", 5)


def test_wrong_facts_do_not_change_the_world() -> None:
    truth = {("asr", "large"): Service(300.0, 0.0, noise=0.0)}
    facts = an_agent(noise=0.0)
    run = run_of(facts, Scene(traces.constant(1), a_setting(), 300.0, truth=truth))  # type: ignore[arg-type]
    assert run.turns_ms == pytest.approx(470)


def test_waiting_turns_are_told_at_the_end() -> None:
    truth = {("asr", "large"): Service(60_000.0, 0.0, noise=0.0)}
    run = run_of(an_agent(), Scene(traces.constant(10), a_setting(cap=1), 300.0, truth=truth))  # type: ignore[arg-type]
    assert len(run.waiting_ms) > 5
    assert run.waiting_ms.max() > 60_000


def test_sessions_of_several_groups_are_on_one_replica_of_each() -> None:
    facts = an_agent()
    split = replace(
        facts,
        stages=(facts.stages[0], *(replace(stage, group="voice") for stage in facts.stages[1:])),
        groups=(GroupFacts("main", 1, 4), GroupFacts("voice", 1, 4, max_sessions=10)),
    )
    start = replace(a_setting(), replicas={"main": 1, "voice": 2})
    world = World(split, Scene(traces.constant(25), start, 600.0), Fixed(start), np.random.default_rng(1))
    run = world.run()
    assert (run.live, run.rejected) == (20, 5)
    assert len(world.groups["main"].replicas[0].sessions) == 20
    assert len(run.turns_ms) == pytest.approx(20 * 600 * 0.06, rel=0.1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda wish: replace(wish, replicas={"main": 99}), {"main": 8}),
        (lambda wish: replace(wish, replicas={"main": 0}), {"main": 1}),
        (lambda wish: replace(wish, replicas={}), {"main": 2}),
    ],
)
def test_replicas_stay_within_their_bounds(change: Callable[[Setting], Setting], expected: dict[str, int]) -> None:
    assert fitting(an_agent(), change(a_setting(3)), a_setting(2)).replicas == expected


def test_unknown_variants_and_modes_are_not_taken() -> None:
    wish = replace(a_setting(mode="guess"), stages={"asr": StageSetting("huge", 4), "llm": StageSetting("fp8", 999)})
    fitted = fitting(an_agent(), wish, a_setting(cap=3))
    assert fitted.mode == "plain"
    assert fitted.stages["asr"] == StageSetting("large", 3)
    assert fitted.stages["llm"] == StageSetting("fp8", 32)
    assert at_best(an_agent(), 2).stages["tts"] == StageSetting("fp32", 16)
