"""What a controller sees of a simulated world, and what it does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from simulated_agents import Scripted, a_setting, an_agent

from antiphon_policies.facts import AgentFacts, GroupFacts
from antiphon_policies.seeing.observation import Observation, PodSeen
from antiphon_policies.simulating import traces
from antiphon_policies.simulating.runs import Run
from antiphon_policies.simulating.scene import (
    Failure,
    MetricsGone,
    MetricsLie,
    ReplicaDies,
    Scene,
    scene_from,
    setting_seen,
)
from antiphon_policies.simulating.world import simulate


def seen_by(
    facts: AgentFacts, seconds: float = 300.0, failures: Sequence[Failure] = (), sessions: int = 40, replicas: int = 2
) -> tuple[list[Observation], Run]:
    watcher = Scripted(lambda _, current: current)
    scene = Scene(
        traces.diurnal(seconds, np.random.default_rng(3), low=sessions, high=sessions),
        a_setting(replicas),
        seconds,
        failures=tuple(failures),
        begins_at=1000.0,
    )
    run = simulate(facts, scene, watcher, np.random.default_rng(1))
    return watcher.seen, run


def test_times_are_unix_and_looks_come_at_the_interval() -> None:
    seen, _ = seen_by(an_agent())
    assert [one.at for one in seen[:3]] == [1005.0, 1010.0, 1015.0]
    assert {one.source for one in seen} == {"simulator"}
    assert not any(one.errors for one in seen)


def test_the_window_counts_the_turns_that_were_answered() -> None:
    seen, run = seen_by(an_agent())
    measured = seen[-1].measured["response-p95"]
    assert measured.durations is not None
    assert measured.covered_seconds == pytest.approx(60, abs=5)
    assert measured.age_seconds == 1.0
    answered = sum(moment.turns for moment in run.moments if 240 < moment.at <= 300)
    assert measured.durations.count == pytest.approx(answered, abs=20)
    p95 = measured.durations.quantile(0.95)
    assert p95 is not None
    assert p95 == pytest.approx(float(np.percentile(run.turns_ms[-answered:], 95)), rel=0.12)


def test_a_window_is_covered_as_far_as_it_was_seen() -> None:
    seen, _ = seen_by(an_agent())
    assert [one.measured["response-p95"].covered_seconds for one in seen[:2]] == [4.0, 9.0]


def test_pods_tell_their_sessions_and_settings() -> None:
    seen, run = seen_by(an_agent(max_sessions=60))
    pods = seen[-1].pods
    assert [pod.ready for pod in pods] == [True, True]
    assert seen[-1].sessions == pytest.approx(run.live, abs=4)
    assert {pod.capacity for pod in pods} == {60}
    assert {(pod.stages["llm"].variant, pod.stages["llm"].cap) for pod in pods} == {("fp16", 8)}
    assert all(0.1 < (pod.gpu_utilisation or 0) < 0.9 for pod in pods)


def of_two_groups() -> AgentFacts:
    facts = an_agent()
    first, *others = facts.stages
    return replace(
        facts,
        stages=(first, *(replace(stage, group="behind") for stage in others)),
        groups=(*facts.groups, GroupFacts("behind", 1, 8)),
    )


def test_a_call_that_several_groups_work_for_is_seen_once() -> None:
    facts, watcher = of_two_groups(), Scripted(lambda _, current: current)
    seconds, start = 300.0, replace(a_setting(2), replicas={"main": 2, "behind": 3})
    trace = traces.diurnal(seconds, np.random.default_rng(3), low=40, high=40)
    scene = Scene(trace, start, seconds, step_seconds=1.0)
    run = simulate(facts, scene, watcher, np.random.default_rng(1))
    live = {moment.at: moment.sessions for moment in run.moments}
    assert [one.sessions for one in watcher.seen] == [live[one.at - scene.delay_seconds] for one in watcher.seen]
    last = watcher.seen[-1]
    assert sum(pod.sessions or 0 for pod in last.pods) == 2 * (last.sessions or 0)


def test_calls_of_pods_that_are_going_are_seen() -> None:
    facts = of_two_groups()
    start = replace(a_setting(3), replicas={"main": 3, "behind": 1})
    watcher = Scripted(lambda _, current: replace(current, replicas={"main": 1, "behind": 1}))
    run = simulate(facts, Scene(traces.constant(30), start, 60.0), watcher, np.random.default_rng(1))
    last = watcher.seen[-1]
    assert [pod.going for pod in last.pods if pod.group == "main"].count(True) == 2
    assert last.sessions == run.live == 30


def test_who_works_for_a_call_may_be_silent_about_it() -> None:
    told = (PodSeen("main-0", "main", True, sessions=3), PodSeen("behind-0", "behind", True))
    assert Observation(0.0, pods=told, entries=frozenset(("main",))).sessions == 3
    assert Observation(0.0, pods=told).sessions is None
    assert Observation(0.0, pods=told, entries=frozenset(("behind",))).sessions is None


def test_work_is_told_once_and_adds_up_to_all_calls() -> None:
    seen, run = seen_by(an_agent())
    asr = [work for one in seen for work in one.work if work.stage == "asr"]
    assert sum(work.items for work in asr) == pytest.approx(len(run.turns_ms), abs=10)
    assert sum(work.seconds for work in asr) == pytest.approx(299)
    assert sum(work.busy_ms for work in asr) / sum(work.batches for work in asr) == pytest.approx(122, abs=4)


def test_rates_are_of_the_last_minute() -> None:
    seen, run = seen_by(an_agent(max_sessions=15))
    offered = sum(moment.offered for moment in run.moments if 240 < moment.at <= 300)
    assert seen[-1].arrivals_per_second == pytest.approx(offered / 60, rel=0.35)
    assert (seen[-1].rejected_per_second or 0) > 0
    refused = seen[-1].measured["admitted"]
    assert (refused.part or 0) > 0
    assert (refused.whole or 0) >= (refused.part or 0)


def test_metrics_that_are_gone_are_unknown_and_not_zero() -> None:
    seen, _ = seen_by(an_agent(), failures=[MetricsGone(100.0, 250.0)])
    gone = [one for one in seen if 1165 < one.at < 1250]
    assert gone
    for one in gone:
        assert one.sessions is None
        assert one.measured == {}
        assert one.recent is None
        assert one.work == ()
        assert one.arrivals_per_second is None
        assert one.turns_per_second is None
        assert one.errors
        assert {pod.age_seconds for pod in one.pods} == {math.inf}
        assert one.ready("main") == 2
        assert one.replicas == {"main": 2}


def test_what_was_heard_last_grows_old() -> None:
    seen, _ = seen_by(an_agent(), failures=[MetricsGone(100.0, 250.0)])
    aging = [one for one in seen if 1105 <= one.at <= 1155]
    ages = [one.measured["response-p95"].age_seconds for one in aging]
    assert ages == [6.0 + 5 * step for step in range(len(aging))]
    assert [one.pods[0].age_seconds for one in aging] == ages
    assert all(one.errors and one.work == () and one.arrivals_per_second is None for one in aging)


def test_metrics_come_back_with_what_was_missed() -> None:
    seen, run = seen_by(an_agent(), failures=[MetricsGone(100.0, 250.0)])
    back = next(one for one in seen if one.at >= 1255)
    assert not back.errors
    assert back.work[0].seconds > 150
    items = sum(work.items for one in seen for work in one.work if work.stage == "asr")
    assert items == pytest.approx(len(run.turns_ms), abs=10)


def test_metrics_that_lie_do_not_change_the_world() -> None:
    lied, run = seen_by(an_agent(), failures=[MetricsLie(0.0, 300.0, times=1000.0, sessions=0.0)])
    _, honest = seen_by(an_agent())
    told = lied[-1].measured["response-p95"].durations
    assert told is not None
    assert told.quantile(0.5) == 10_000.0
    assert lied[-1].sessions == 0
    assert lied[-1].work[0].busy_ms / lied[-1].work[0].batches > 100_000
    assert run.turns_ms.max() < 2000
    assert np.array_equal(run.turns_ms, honest.turns_ms)


def test_sessions_that_are_not_told_are_unknown() -> None:
    seen, _ = seen_by(an_agent(), failures=[MetricsLie(0.0, 300.0, sessions=None)])
    assert seen[-1].sessions is None


def test_a_pod_that_died_is_not_seen() -> None:
    seen, _ = seen_by(an_agent(start_seconds=50.0), failures=[ReplicaDies(100.0)])
    counts = {one.at: (len(one.pods), one.ready("main")) for one in seen}
    assert counts[1095.0] == (2, 2)
    assert counts[1105.0] == (2, 1)
    assert counts[1155.0] == (2, 2)


def test_two_groups_tell_each_their_own() -> None:
    facts = an_agent()
    split = replace(facts, groups=(*facts.groups, GroupFacts("spare")))
    watcher = Scripted(lambda _, current: current)
    start = a_setting(2)
    scene = Scene(traces.constant(8), replace(start, replicas={"main": 2, "spare": 1}), 60.0)
    simulate(split, scene, watcher, np.random.default_rng(1))
    assert [pod.group for pod in watcher.seen[-1].pods] == ["main", "main", "spare"]


def test_a_scene_goes_on_from_what_was_seen() -> None:
    facts = an_agent()
    seen, run = seen_by(facts)
    scene = scene_from(facts, seen[-1], a_setting(1), 600.0, np.random.default_rng(5))
    assert scene.start.replicas == {"main": 2}
    assert scene.start.stages == a_setting(2).stages
    assert scene.begins_at == seen[-1].at
    assert np.count_nonzero(scene.trace.starts == 0) == seen[-1].sessions
    later = scene.trace.live(np.array([200.0, 400.0, 599.0]))
    assert later.mean() == pytest.approx(run.live, rel=0.5)


def test_what_is_not_seen_is_as_it_was_wanted() -> None:
    blind = Observation(at=0.0)
    assert setting_seen(an_agent(), blind, a_setting(3)) == a_setting(3)
    scene = scene_from(an_agent(), blind, a_setting(3), 600.0, np.random.default_rng(5))
    assert scene.trace.sessions == 0


def test_what_was_live_at_the_start_did_not_arrive() -> None:
    seen, _ = seen_by(an_agent(), sessions=60)
    assert (seen[0].arrivals_per_second or 0.0) < 2


@pytest.mark.parametrize("delay", [0.0, 2.0, 5.0, 12.0])
def test_metrics_are_seen_as_late_as_they_are(delay: float) -> None:
    watcher = Scripted(lambda _, current: current)
    scene = Scene(traces.constant(20), a_setting(1), 60.0, delay_seconds=delay)
    simulate(an_agent(), scene, watcher, np.random.default_rng(1))
    heard = [one for one in watcher.seen if one.measured]
    assert {round(one.measured["response-p95"].age_seconds, 6) for one in heard} == {delay}
    assert len(watcher.seen) - len(heard) <= 3


def test_a_frozen_source_tells_the_same_for_ever() -> None:
    seen, _ = seen_by(an_agent(), failures=[MetricsLie(100.0, 300.0, frozen=True)])
    frozen = [one for one in seen if one.at > 1105]
    assert len({one.measured["response-p95"].durations for one in frozen}) == 1
    assert {one.measured["response-p95"].age_seconds for one in frozen} == {1.0}
    assert not any(one.errors for one in frozen)


def test_a_clock_that_is_wrong_makes_samples_old_or_young() -> None:
    seen, _ = seen_by(an_agent(), failures=[MetricsLie(100.0, 300.0, skew_seconds=600.0)])
    assert seen[-1].measured["response-p95"].age_seconds == 601.0
    assert seen[-1].pods[0].age_seconds == 601.0


def test_a_pod_that_tells_nothing_is_known_to_be_there() -> None:
    seen, _ = seen_by(an_agent(), failures=[MetricsLie(100.0, 300.0, silent_pods=1)])
    silent, other = seen[-1].pods
    assert (silent.ready, silent.sessions, silent.age_seconds) == (True, None, math.inf)
    assert other.sessions is not None
    assert seen[-1].sessions is None
