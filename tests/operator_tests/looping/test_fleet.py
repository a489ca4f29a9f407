"""One tick for all agents, as the operator knows them: who learns from whom, what is planned together, what is told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from agent_plans import agent_with, example_agents, plan_of

from antiphon_crds.agent_status import VoiceAgentStatus
from antiphon_operator.explaining.thoughts import Thoughts
from antiphon_operator.looping.fleet import Fleet, Subject, Thought
from antiphon_operator.looping.telling import looped, says_the_same, view
from antiphon_operator.looping.tunings import wishes
from antiphon_policies.deciding.agent_facts import Ground
from antiphon_policies.facts import AgentKey
from antiphon_policies.planning.asking import Stock
from antiphon_policies.seeing.distribution import Distribution
from antiphon_policies.seeing.observation import Measured, Observation, PodSeen, StageSeen, StageWork

INFINITE = float("inf")
NOTHING = Stock()


def subject(name: str, uid: str = "", most: int = 8, **grounds: Any) -> Subject:
    agent = agent_with(example_agents()["cascade-emulated"], name, "team", scaling={"maxReplicas": most})
    plan = replace(plan_of(agent), uid=uid or name)
    known: dict[str, Any] = {"hardware": "b200-180gb", "shares_device": True, "sessions_per_replica": 40} | grounds
    return Subject(plan.uid, plan, {"main": Ground(**known)})


def seen(sessions: int, at: float, p95_ms: float = 200.0, pods: int = 1, **more: Any) -> Observation:
    durations = Distribution((100.0, p95_ms, INFINITE), (60.0, 60.0, 0.0), 60 * 80.0 + 60 * p95_ms * 0.9)
    stages = {"asr": StageSeen("large-fp16", 16), "llm": StageSeen("fp16", 32), "tts": StageSeen("fp32", 16)}
    each = [sessions // pods] * pods
    return Observation(
        at=at,
        source="scrape",
        pods=tuple(
            PodSeen(f"pod-{n}", "main", True, sessions=count, capacity=40, stages=stages)  # type: ignore[arg-type]
            for n, count in enumerate(each)
        ),
        replicas={"main": pods},
        measured={
            name: Measured(1.0, durations=durations) for name in ("response-mean", "response-p95", "response-p99")
        },
        recent=Measured(1.0, durations=durations),
        arrivals_per_second=sessions / 180,
        turns_per_second=sessions * 0.06,
        **more,
    )


def thought(fleet: Fleet, subjects: dict[AgentKey, Subject], at: float, sessions: int = 60) -> dict[AgentKey, Thought]:
    looks = {key: seen(sessions, at) for key in subjects}
    return fleet.think(subjects, looks, NOTHING, True)


def one(name: str = "a") -> dict[AgentKey, Subject]:
    return {("team", name): subject(name)}


def test_more_sessions_than_a_replica_serves_well_ask_for_more_replicas() -> None:
    found = thought(Fleet(), one(), 1000.0)["team", "a"]
    assert found.concluded.setting.replicas["main"] > 1
    wished = wishes(found.facts, subject("a").plan, found.concluded.setting)
    assert wished["main"].replicas == found.concluded.setting.replicas["main"]
    assert [decision.actuator for decision in found.concluded.decisions].count("replicas") == 1


def test_what_is_told_can_be_read_by_explain_and_is_json() -> None:
    found = thought(Fleet(), one(), 1000.0)["team", "a"]
    told = Thoughts.model_validate(json.loads(json.dumps(view(found), allow_nan=False)))
    assert told.observation is not None
    assert told.observation.sessions == 60
    assert told.alternatives
    assert told.plan is not None
    assert told.hardware == {"main": "b200-180gb"}


def test_a_status_has_what_a_later_leader_needs() -> None:
    """The actions of the last hour, what is left alone, and the decisions go on counting after a change of the leader."""
    subjects = one()
    first = thought(Fleet(), subjects, 1000.0)["team", "a"]
    said = looped(first)
    status = VoiceAgentStatus(control=said.control, decisions=list(said.decisions))
    again = VoiceAgentStatus.from_manifest(json.loads(json.dumps(status.to_manifest())))
    after = replace(subject("a"), before=again)
    second = Fleet().think({("team", "a"): after}, {("team", "a"): seen(60, 1005.0)}, NOTHING, True)["team", "a"]
    assert second.concluded.control is not None
    assert said.control is not None
    assert {entry.until for entry in said.control.actions} <= {
        entry.until for entry in second.concluded.control.actions
    }
    assert {each.id for each in said.decisions} <= {each.id for each in second.concluded.decisions}


def test_another_agent_of_the_same_name_begins_anew() -> None:
    fleet = Fleet()
    first = thought(fleet, one(), 1000.0)["team", "a"]
    other = thought(fleet, {("team", "a"): subject("a", uid="another")}, 1005.0, sessions=2)["team", "a"]
    assert first.concluded.decisions
    assert not other.concluded.decisions


def test_agents_with_the_same_variant_on_the_same_hardware_learn_from_each_other() -> None:
    fleet = Fleet()
    subjects = {("team", name): subject(name) for name in ("a", "b")}
    work = StageWork("asr", "large-fp16", 5.0, batches=40, items=80, busy_ms=40 * 3 * 130.0)
    for tick in range(60):
        looks = {key: seen(4, 1000.0 + 5 * tick) for key in subjects}
        looks["team", "a"] = replace(looks["team", "a"], work=(work,))
        found = fleet.think(subjects, looks, NOTHING, True)
    asr = next(stage for stage in found["team", "b"].facts.stages if stage.stage == "asr")
    assert asr.variants[0].service.mean_ms(2) == pytest.approx(390.0, rel=0.1)


def test_the_kill_switch_of_the_operator_holds_everything() -> None:
    found = Fleet().think(one(), {("team", "a"): seen(60, 1000.0)}, NOTHING, False)["team", "a"]
    assert not found.concluded.changed
    assert {held.rule for held in found.concluded.held} == {"mode"}


def test_the_stock_is_shared_and_never_exceeded() -> None:
    fleet = Fleet()
    subjects = {("team", name): subject(name, partition="1g.18gb") for name in ("a", "b", "c")}
    looks = {key: seen(200, 1000.0) for key in subjects}
    found = fleet.think(subjects, looks, Stock({"1g.18gb": 7}), True)
    assert sum(each.concluded.plans["ahead"].setting.replicas["main"] for each in found.values()) <= 7
    assert all(each.concluded.plans["ahead"].setting.replicas["main"] >= 1 for each in found.values())


def test_an_agent_of_which_nothing_is_known_is_left_as_it_is() -> None:
    nothing = Observation(at=1000.0)
    found = Fleet().think(one(), {("team", "a"): nothing}, NOTHING, True)["team", "a"]
    assert not found.concluded.changed
    assert found.concluded.sla == "Unknown"
    assert found.concluded.p95_ms is None


def test_an_agent_that_can_not_be_thought_of_starves_no_other() -> None:
    """A figure that nobody foresaw: sessions that are no number."""
    fleet, subjects = Fleet(), {("team", name): subject(name) for name in ("a", "b")}
    broken = seen(60, 1000.0)
    pods = tuple(replace(pod, sessions="sixty") for pod in broken.pods)  # type: ignore[arg-type]
    found = fleet.think(
        subjects, {("team", "a"): replace(broken, pods=pods), ("team", "b"): seen(60, 1000.0)}, NOTHING, True
    )
    assert set(found) == {("team", "b")}
    assert found["team", "b"].concluded.changed


def test_figures_alone_are_told_later_and_news_at_once() -> None:
    fleet, subjects = Fleet(), one()
    before = looped(thought(fleet, subjects, 1000.0, sessions=4)["team", "a"])
    slower = fleet.think(subjects, {("team", "a"): seen(4, 1005.0, p95_ms=240.0)}, NOTHING, True)["team", "a"]
    assert looped(slower) != before
    assert says_the_same(looped(slower), before)
    broken = fleet.think(subjects, {("team", "a"): seen(4, 1010.0, p95_ms=2400.0)}, NOTHING, True)["team", "a"]
    assert not says_the_same(looped(broken), before)


def test_an_agent_without_pods_is_told_once_and_then_no_more() -> None:
    """Nothing is written of agents at rest, whether they run or not."""
    fleet = Fleet()
    told = [
        looped(fleet.think(one(), {("team", "a"): Observation(at=1000.0 + 5 * tick)}, NOTHING, True)["team", "a"])
        for tick in range(100)
    ]
    assert all(each == told[0] for each in told)
