"""A sampled fleet: sessions and replicas as in an exact world, and turns as they are predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_agents import Scripted, a_setting, an_agent

from antiphon_crds.policy import Guardrails
from antiphon_policies.deciding.controller import AntiphonController
from antiphon_policies.facts import AgentFacts, GroupFacts, ModeFacts, Service, Setting, TurnShape
from antiphon_policies.seeing.observation import Observation
from antiphon_policies.simulating import traces
from antiphon_policies.simulating.attending import Attention, Seen, Watch
from antiphon_policies.simulating.controlling import Asked, wanted_of_all
from antiphon_policies.simulating.fixed import Fixed
from antiphon_policies.simulating.fleet import FleetAgent, simulate_fleet
from antiphon_policies.simulating.pools import GOING, NONE, SERVING, STARTING, Pools
from antiphon_policies.simulating.runs import Run
from antiphon_policies.simulating.scene import ReplicaDies, Scene
from antiphon_policies.simulating.scores import score
from antiphon_policies.simulating.steady import steady
from antiphon_policies.simulating.traces import Calls
from antiphon_policies.simulating.turn_draws import drawn
from antiphon_policies.simulating.turn_tables import MOST_SESSIONS, TurnTables
from antiphon_policies.simulating.world import simulate


def busy(level: float, seconds: float, seed: int = 7) -> traces.Trace:
    return traces.diurnal(seconds, np.random.default_rng(seed), low=level, high=level, calls=Calls(60.0))


def sampled(*agents: FleetAgent, seed: int = 1, attention: Attention | None = None) -> Sequence[Run]:
    return simulate_fleet(agents, np.random.default_rng(seed), attention=attention).runs


def one(facts: AgentFacts, scene: Scene, controller: Scripted | None = None, attention: Attention | None = None) -> Run:
    return sampled(FleetAgent(facts, scene, controller or Fixed(scene.start)), attention=attention)[0]


def always(script: Callable[[Observation, Setting], Setting]) -> Scripted:
    return Scripted(script, interval_seconds=15.0)


class ByItself(AntiphonController):
    """The loop, asked alone."""

    control_all = None  # type: ignore[assignment]


def test_the_loops_that_are_due_think_together_and_each_decides_for_itself() -> None:
    facts = an_agent(max_sessions=60)
    facts = replace(facts, guardrails=Guardrails(mode="Enforce"))

    def runs(kind: type[AntiphonController]) -> list[object]:
        agents = [
            FleetAgent(facts, Scene(busy(level, 900, seed), a_setting(1), 900), kind(facts))
            for seed, level in enumerate((10.0, 70.0, 130.0))
        ]
        return [(run.moments, run.actions, run.notes, run.replica_hours) for run in sampled(*agents)]

    together = runs(AntiphonController)
    assert together == runs(ByItself)
    assert len({str(run) for run in together}) == 3


def test_the_wishes_of_controllers_come_in_their_order() -> None:
    seen, gathered = Observation(at=0.0), list[int]()

    class Gathering(Scripted):
        @staticmethod
        def control_all(asked: Sequence[Asked]) -> list[Setting]:
            gathered.append(len(asked))
            return [one.controller.control(one.facts, one.seen, one.current) for one in asked]

    def wishing(kind: type[Scripted], count: int) -> Asked:
        return Asked(kind(lambda *_: a_setting(count)), an_agent(), seen, a_setting(9))

    kinds = (Gathering, Scripted, Gathering, Gathering, Scripted)
    asked = [wishing(kind, count) for count, kind in enumerate(kinds)]
    assert [one.replicas["main"] for one in wanted_of_all(asked)] == [0, 1, 2, 3, 4]
    assert gathered == [3]


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    levels=st.lists(st.floats(1, 80), min_size=1, max_size=4),
    wanted=st.lists(st.integers(1, 5), min_size=1, max_size=6),
    drain=st.sampled_from([30.0, 900.0]),
)
def test_every_session_is_ended_rejected_dropped_or_live(
    seed: int, levels: list[float], wanted: list[int], drain: float
) -> None:
    def fickle(seen: Observation, current: Setting) -> Setting:
        return replace(current, replicas={"main": wanted[int(seen.at / 60) % len(wanted)]})

    facts = an_agent(max_sessions=25)
    agents = [
        FleetAgent(facts, Scene(busy(level, 600.0, seed), a_setting(2), 600.0, drain_seconds=drain), always(fickle))
        for level in levels
    ]
    for run in sampled(*agents, seed=seed, attention=Attention(quiet_seconds=0.0)):
        assert run.offered == run.rejected + run.dropped + run.ended + run.live
        assert run.live == run.moments[-1].sessions
        assert run.fidelity == "sampled"
        assert sum(moment.kept for moment in run.moments) <= sum(moment.turns for moment in run.moments)
        assert drain < 600 or run.dropped == 0


def test_sessions_and_replicas_are_those_of_an_exact_world() -> None:
    def by_sessions(seen: Observation, current: Setting) -> Setting:
        return current if seen.sessions is None else replace(current, replicas={"main": 1 + seen.sessions // 30})

    facts = an_agent(max_sessions=60)
    trace = traces.diurnal(3600.0, np.random.default_rng(3), low=10, high=120, period_seconds=3600.0)
    scene = Scene(trace, a_setting(2), 3600.0)
    rough, exact = (
        one(facts, scene, always(by_sessions), Attention(quiet_seconds=0.0)),
        simulate(facts, scene, always(by_sessions), np.random.default_rng(2)),
    )
    assert rough.offered == exact.offered
    assert score(rough).turns == pytest.approx(score(exact).turns, rel=0.03)
    assert score(rough).partition_hours == pytest.approx(score(exact).partition_hours, rel=0.1)
    live = {moment.at: moment.sessions for moment in exact.moments}
    assert [moment.sessions for moment in rough.moments] == pytest.approx(
        [live[moment.at] for moment in rough.moments], abs=8
    )


def test_the_same_seed_is_the_same_fleet() -> None:
    agents = [FleetAgent(an_agent(), Scene(busy(40, 600.0), a_setting(1), 600.0), Fixed(a_setting(1)))]
    runs, again, others = (sampled(*agents, seed=seed) for seed in (1, 1, 2))
    assert runs[0].moments == again[0].moments
    assert runs[0].moments != others[0].moments


def test_turns_that_do_not_keep_up_wait_for_one_another() -> None:
    truth = {("asr", "large"): Service(2000.0, 0.0, noise=0.0)}
    scene = Scene(traces.constant(60), a_setting(1, cap=1), 900.0, truth=truth)  # type: ignore[arg-type]
    rough, exact = one(an_agent(), scene), simulate(an_agent(), scene, Fixed(scene.start), np.random.default_rng(1))
    assert score(rough).turns == pytest.approx(score(exact).turns, rel=0.1)
    assert score(rough).within < 0.05
    assert (rough.moments[-1].p50_ms or 0) >= 10_000
    assert np.median(exact.turns_ms[-100:]) > 10_000


def test_more_replicas_shorten_turns() -> None:
    crowded, roomy = (
        score(one(an_agent(llm="streams"), Scene(traces.constant(240), a_setting(count), 900.0))) for count in (1, 6)
    )
    assert roomy.within > crowded.within + 0.03


def test_modes_and_targets_count_as_in_an_exact_world() -> None:
    facts = an_agent(noise=0.0, modes=(ModeFacts("plain", TurnShape(100, 1000, 7)),))
    run = one(facts, Scene(traces.constant(1), a_setting(), 900.0))
    assert score(run).within == 1.0
    assert (run.moments[-1].p95_ms or 0) <= 50


def test_a_variant_is_in_force_when_it_is_loaded() -> None:
    def script(seen: Observation, current: Setting) -> Setting:
        return a_setting(1, llm="fp8") if seen.at >= 290 else current

    run = one(an_agent(), Scene(traces.constant(10), a_setting(1), 900.0), always(script))
    assert [moment.setting.stages["llm"].variant for moment in run.moments] == ["fp16", "fp8", "fp8"]
    assert run.actions == {"variant": 1}
    assert [moment.quality for moment in run.moments] == [1.0, 0.95, 0.95]


def test_sessions_of_several_groups_are_on_one_replica_of_each() -> None:
    facts = an_agent()
    split = replace(
        facts,
        stages=(facts.stages[0], *(replace(stage, group="voice") for stage in facts.stages[1:])),
        groups=(GroupFacts("main", 1, 4), GroupFacts("voice", 1, 4, max_sessions=10)),
    )
    scene = Scene(traces.constant(25), replace(a_setting(), replicas={"main": 1, "voice": 2}), 900.0)
    run, exact = one(split, scene), simulate(split, scene, Fixed(scene.start), np.random.default_rng(1))
    assert (run.live, run.rejected) == (20, 5)
    assert run.replica_hours == {"main": 0.25, "voice": 0.5}
    middle, rough = np.median(exact.turns_ms), run.moments[-1].p50_ms
    assert rough == pytest.approx(float(middle), rel=0.12)
    watcher = always(lambda _, current: current)
    one(split, scene, watcher)
    assert watcher.seen[-1].sessions == 20


def test_failures_are_not_sampled_and_that_is_said() -> None:
    scene = Scene(traces.constant(1), a_setting(), 60.0, failures=(ReplicaDies(10.0),))
    with pytest.raises(ValueError, match="default/agent has failures"):
        one(an_agent(), scene)


def test_a_controller_sees_pods_turns_and_rates() -> None:
    watcher = always(lambda _, current: current)
    one(an_agent(max_sessions=60), Scene(busy(50, 900.0), a_setting(2), 900.0, begins_at=1000.0), watcher)
    seen = watcher.seen[-1]
    assert seen.at > 1800
    assert [(pod.ready, pod.capacity) for pod in seen.pods] == [(True, 60), (True, 60)]
    assert seen.sessions == pytest.approx(50, abs=20)
    durations = seen.measured["response-p95"].durations
    assert durations is not None
    assert durations.count == pytest.approx(60 * 0.06 * (seen.sessions or 0), rel=0.4)
    assert seen.turns_per_second == pytest.approx(0.06 * (seen.sessions or 0), rel=0.4)
    assert seen.measured["admitted"].part == 0
    assert "asr-p99" not in seen.measured
    assert seen.work == ()


def a_watch(attention: Attention, interval: float = 15.0) -> Watch:
    return Watch(np.array([interval, interval]), attention)


def a_sight(sessions: int, ready: int = 1, rejected: int = 0, broken: bool = False) -> Seen:
    return Seen(np.array([sessions, 50]), np.array([ready, 1]), np.array([rejected, 0]), np.array([broken, False]))


def test_a_controller_is_asked_when_what_it_sees_has_changed() -> None:
    watch = a_watch(Attention(0.2, 3.0, 300.0))
    assert watch.due(15.0, a_sight(50)) == {0: "replicas", 1: "replicas"}
    assert watch.due(30.0, a_sight(59)) == {}
    assert watch.due(45.0, a_sight(60)) == {0: "sessions"}
    assert watch.due(60.0, a_sight(60, ready=2)) == {0: "replicas"}
    assert watch.due(75.0, a_sight(60, ready=2, broken=True)) == {0: "promise"}
    assert watch.due(90.0, a_sight(60, ready=2, broken=True, rejected=1)) == {0: "rejections"}
    assert watch.due(315.0, a_sight(60, ready=2, broken=True, rejected=1)) == {1: "quiet"}


def test_a_controller_is_not_asked_before_its_interval() -> None:
    watch = a_watch(Attention(), interval=60.0)
    watch.due(15.0, a_sight(50))
    assert watch.due(30.0, a_sight(500)) == {}
    assert watch.due(75.0, a_sight(500)) == {0: "sessions"}


def some_pools(most: int | None = None) -> Pools:
    pools = Pools([GroupFacts("main", 1, 4, max_sessions=most)], [30.0], [100.0])
    pools.open(0, 2)
    return pools


def test_replicas_start_serve_drain_and_end() -> None:
    pools = some_pools()
    pools.want(0, 3, 10.0)
    assert sorted(pools.state[0].tolist())[-3:] == [STARTING, SERVING, SERVING]
    pools.pass_to(30.0)
    assert pools.serving.tolist() == [2]
    pools.pass_to(40.0)
    assert pools.serving.tolist() == [3]
    pools.sessions[0, :3] = [5, 2, 3]
    pools.want(0, 2, 50.0)
    assert pools.state[0, :3].tolist() == [SERVING, GOING, SERVING]
    assert pools.pass_to(149.0) == []
    assert pools.pass_to(150.0) == [(0, 1)]
    pools.sessions[0, 1] = 0
    assert pools.pass_to(151.0) == []
    assert pools.state[0, 1] == NONE
    assert pools.placed.tolist() == [2]


def test_the_least_loaded_replica_takes_the_next_session() -> None:
    pools = some_pools(most=4)
    pools.sessions[0, :2] = [4, 3]
    places, fits = pools.least_loaded(np.array([0, 0]), np.array([0, 1]))
    assert (int(places[0]), fits.tolist()) == (1, [True, False])


@given(
    st.lists(st.tuples(st.integers(NONE, GOING), st.integers(0, 9)), min_size=6, max_size=6),
    st.none() | st.integers(1, 9),
    st.integers(1, 30),
)
@settings(max_examples=60, deadline=None)
def test_sessions_that_come_at_once_go_where_they_would_one_by_one(
    replicas: list[tuple[int, int]], most: int | None, count: int
) -> None:
    pools = Pools([GroupFacts("main", max_replicas=2, max_sessions=most)], [0.0], [0.0])
    pools.state[0], pools.sessions[0] = zip(*replicas, strict=True)
    places, fits = pools.least_loaded(np.zeros(count, dtype=np.int64), np.arange(count))
    for place, taken in zip(places.tolist(), fits.tolist(), strict=True):
        first, free = pools.least_loaded(np.array([0]), np.array([0]))
        assert taken == free[0]
        if taken:
            serving = np.where(pools.state[0] == SERVING, pools.sessions[0], np.iinfo(np.int64).max)
            assert place == first[0] == serving.argmin()
            pools.sessions[0, place] += 1


def test_drawn_times_have_their_mean_variance_and_skew() -> None:
    wanted = np.array([[300.0], [2500.0], [1.5 * 2500**1.5]])
    times = drawn(wanted, np.array([200_000]), np.random.default_rng(1))
    assert times.mean() == pytest.approx(300, rel=0.01)
    assert times.std() == pytest.approx(50, rel=0.03)
    assert ((times - times.mean()) ** 3).mean() / times.std() ** 3 == pytest.approx(1.5, rel=0.1)


def test_tables_are_made_once_for_all_that_are_alike() -> None:
    tables, facts = TurnTables({}), an_agent()
    first = tables.of(facts, "main", a_setting(1), facts.modes[0], {})
    assert tables.of(an_agent(), "main", a_setting(3), facts.modes[0], {}) is first
    assert tables.of(facts, "main", a_setting(1, cap=2), facts.modes[0], {}) is not first
    assert np.isfinite(first).all()
    used = first[4]
    assert np.all(np.diff(used[1:]) > 0)
    assert len(used) == MOST_SESSIONS + 1
    assert math.isclose(first[0, 0], first[0, 1])


@pytest.mark.parametrize("sessions", [10, 30])
def test_stages_that_share_a_device_are_slower(sessions: int) -> None:
    apart, together = (
        TurnTables({}).of(an_agent(shares_device=shares), "main", a_setting(), an_agent().modes[0], {})[:, sessions]
        for shares in (False, True)
    )
    assert together[0] > apart[0]
    assert together[3] < apart[3]
    exact = steady(an_agent(shares_device=True), a_setting(), sessions, 1200.0, np.random.default_rng(1))
    assert together[0] == pytest.approx(exact.turns.mean(), rel=0.15)
