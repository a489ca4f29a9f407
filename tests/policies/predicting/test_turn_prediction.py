import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_crds.policy import Objective
from antiphon_crds.stages import Stage
from antiphon_policies.facts import (
    AgentFacts,
    GroupFacts,
    ModeFacts,
    Service,
    Setting,
    StageFacts,
    StageSetting,
    TurnShape,
    VariantFacts,
)
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.predicting.prediction import Load
from antiphon_policies.predicting.turn import predict, sessions_of_fullest

SHAPES = {"quick": TurnShape(200, 500, 30), "plain": TurnShape(500, 500, 30)}


def promised(name: str, indicator: Any, **figures: Any) -> EffectiveObjective:
    given = {"percentile": 95, "target_ms": 500} | figures
    objective = Objective(name=name, indicator=indicator, **{key: value for key, value in given.items() if value})
    return EffectiveObjective(objective, False, objective.target_ms)


def stage(name: Stage, service: Service, discipline: Any = "streams", **facts: Any) -> StageFacts:
    return StageFacts(name, "main", (VariantFacts("only", service, max_batch=32),), discipline, **facts)


AGENT = AgentFacts(
    ("default", "one"),
    (
        stage("vad", Service(2, 0.1), "batches", in_turn=False, calls_per_turn=20),
        stage("asr", Service(60, 8), "batches"),
        stage("llm", Service(150, 4, 0.1, 800, 20)),
        stage("tts", Service(80, 6, 0.1, 200, 5)),
        stage("lipsync", Service(4, 1), "lockstep", in_turn=False, period_ms=40),
    ),
    (GroupFacts("main", max_replicas=8),),
    tuple(ModeFacts(name, shape, {"asr": 1.5} if name == "quick" else {}) for name, shape in SHAPES.items()),
    (
        promised("turn", "turn"),
        promised("mean", "turn", percentile=None, mean=True),
        promised("response", "response"),
        promised("ear", "mouthToEar"),
        promised("result", "result"),
        promised("asr", "stage", stage="asr", percentile=99),
        promised("face", "stage", stage="lipsync"),
        promised("refused", "rejectedSessions", percentile=None, target_ms=None, max_ratio=0.01),
        promised("barge", "bargeIn"),
    ),
)
STAGES: tuple[Stage, ...] = ("vad", "asr", "llm", "tts", "lipsync")


def setting(replicas: int = 1, mode: str = "plain", cap: int = 16) -> Setting:
    return Setting({name: StageSetting("only", cap) for name in STAGES}, {"main": replicas}, mode)


def test_promises_are_parts_of_one_turn() -> None:
    told = predict(AGENT, setting(), Load(30, 0.06))
    assert set(told.objectives) == {"turn", "mean", "response", "ear", "result", "asr", "face"}
    assert told.objectives["turn"] == told.objectives["ear"] == told.turn_p95_ms
    assert told.objectives["response"] == pytest.approx(told.objectives["turn"] - 500)
    assert told.objectives["result"] == pytest.approx(told.objectives["turn"] - 500)
    assert told.objectives["face"] == told.stages["lipsync"].p95_ms
    assert told.objectives["asr"] > told.stages["asr"].p95_ms
    assert told.stages["asr"].mean_ms < told.stages["asr"].p95_ms
    stages = sum(told.stages[name].mean_ms for name in ("asr", "llm", "tts"))
    assert told.objectives["mean"] == pytest.approx(530 + stages, rel=0.01)


def test_nothing_is_heard_before_the_turn_is_judged_to_be_over() -> None:
    brisk = replace(AGENT, stages=tuple(stage(name, Service(10, 0)) for name in STAGES))
    told = predict(brisk, setting(mode="quick"), Load(1, 0.06))
    assert told.turn_p95_ms == told.objectives["mean"] == 530


def test_a_mean_near_the_decision_lies_above_it() -> None:
    """Half of the turns are decided when their stages are ready, and half are not."""
    shape = TurnShape(0, 300, 0)
    even = replace(AGENT, stages=(stage("llm", Service(300, 0, 0.2)),), modes=(ModeFacts("even", shape),))
    told = predict(even, setting(mode="even"), Load(1, 0.06))
    assert told.objectives["mean"] == pytest.approx(300 + 60 / math.sqrt(2 * math.pi), rel=0.01)


def test_a_mode_has_its_own_calls_and_begin() -> None:
    plain, quick = (predict(AGENT, setting(mode=mode), Load(60, 0.06)) for mode in ("plain", "quick"))
    assert quick.turn_p95_ms < plain.turn_p95_ms - 200
    assert quick.stages["asr"].utilisation == pytest.approx(1.5 * plain.stages["asr"].utilisation)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 7), st.sampled_from(["plain", "quick"]), st.booleans())
def test_more_replicas_are_never_slower(sessions: int, replicas: int, mode: str, shares: bool) -> None:
    agent = replace(AGENT, groups=(GroupFacts("main", max_replicas=8, shares_device=shares),))
    one, other = (predict(agent, setting(count, mode), Load(sessions, 0.06)) for count in (replicas, replicas + 1))
    assert other.turn_p95_ms <= one.turn_p95_ms * 1.001
    assert other.utilisation <= one.utilisation + 1e-9


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 100))
def test_more_sessions_are_never_quicker(sessions: int, more: int) -> None:
    few, many = (predict(AGENT, setting(2), Load(count, 0.06)) for count in (sessions, sessions + more))
    assert many.turn_p95_ms >= few.turn_p95_ms * 0.999


def test_the_fullest_replica_counts() -> None:
    assert sessions_of_fullest(21, 4) == 6
    assert sessions_of_fullest(20, 4) == 5
    assert predict(AGENT, setting(4), Load(21, 0.06)) == predict(AGENT, setting(4), Load(24, 0.06))


def test_only_replicas_that_serve_count() -> None:
    load = Load(40, 0.06)
    assert predict(AGENT, setting(4), load, {"main": 2}) == predict(AGENT, setting(2), load)
    nobody = predict(AGENT, setting(4), load, {})
    assert math.isinf(nobody.turn_p95_ms)
    assert math.isinf(nobody.utilisation)


def test_too_much_is_infinite() -> None:
    told = predict(AGENT, setting(cap=1), Load(200, 0.06))
    assert math.isinf(told.turn_p95_ms)
    assert told.utilisation > 1
    assert math.isfinite(told.stages["vad"].p95_ms)


def test_no_more_than_the_hardware_takes() -> None:
    """Caps beyond the largest batch of the variant are as that."""
    assert predict(AGENT, setting(cap=32), Load(90, 0.06)) == predict(AGENT, setting(cap=64), Load(90, 0.06))


def test_who_shares_a_device_is_slower() -> None:
    shared = replace(AGENT, groups=(GroupFacts("main", shares_device=True),))
    own, together = (predict(agent, setting(), Load(20, 0.06)) for agent in (AGENT, shared))
    assert together.turn_p95_ms > own.turn_p95_ms
    assert together.stages["vad"].utilisation > own.stages["vad"].utilisation
    assert math.isfinite(together.turn_p95_ms)


def test_an_idle_agent_takes_its_stages_times() -> None:
    told = predict(AGENT, setting(), Load(0, 0.06))
    assert told.stages["llm"].mean_ms == pytest.approx(154)
    assert told.stages["asr"].utilisation == 0
