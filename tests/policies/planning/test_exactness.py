"""The planner against trying everything, each setting weighed by `predict` alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planning_cases import Drawn, by_trying_all, objective, score_of

from antiphon_crds.policy import Guardrails
from antiphon_policies.facts import AgentFacts, StageFacts
from antiphon_policies.objectives import EffectiveObjective
from antiphon_policies.planning.asking import Ask, Stock
from antiphon_policies.planning.judging import KEPT
from antiphon_policies.planning.planner import plan, plan_one
from antiphon_policies.predicting.prediction import Load, Prediction
from antiphon_policies.predicting.turn import predict

_SEEDS = st.integers(0, 1_000_000)


def _small(seed: int, groups: int = 1, variants: int = 2) -> Ask:
    """Small enough to try everything; often only just feasible, or just not."""
    random = np.random.default_rng(seed)
    drawn = Drawn(random)
    stages = (("asr", "llm"), ("asr", "tts"), ("vad", "asr"))[seed % 3]
    ask = drawn.ask(
        stages=stages,  # type: ignore[arg-type]
        variants=variants,
        groups=groups,
        most_replicas=3 if groups == 1 else 2,
        largest_cap=4,
        modes=1 + seed % 2,
    )
    load = Load(ask.load.sessions * float(random.uniform(0.2, 2.5)), ask.load.turns_per_second)
    return replace(ask, load=load, slack=float(random.uniform(0.25, 1.1)))


def _facts(ask: Ask, **more: object) -> Ask:
    return replace(ask, facts=replace(ask.facts, **more))  # type: ignore[arg-type]


def _agrees(ask: Ask, limits: dict[str, int] | None = None) -> None:
    score, setting = by_trying_all(ask, limits or {})
    found = plan_one(ask, Stock(limits or {}))
    assert found.setting == setting
    assert found.feasible == (score <= KEPT)
    assert score_of(ask, found.setting, limits or {}) == pytest.approx(score, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(_SEEDS)
def test_one_group(seed: int) -> None:
    _agrees(_small(seed))


@settings(max_examples=15, deadline=None)
@given(_SEEDS)
def test_several_groups(seed: int) -> None:
    _agrees(_small(seed, groups=2))


@settings(max_examples=15, deadline=None)
@given(_SEEDS, st.floats(1, 12))
def test_several_groups_within_a_budget(seed: int, most: float) -> None:
    _agrees(_facts(_small(seed, groups=2), guardrails=Guardrails(max_cost_per_hour=most)))


@settings(max_examples=10, deadline=None)
@given(_SEEDS, st.integers(1, 5))
def test_several_groups_within_a_stock(seed: int, there: int) -> None:
    ask = _small(seed, groups=2)
    if there >= 2:
        _agrees(ask, {"1g.18gb": there})


@settings(max_examples=20, deadline=None)
@given(_SEEDS)
def test_stages_that_share_a_device(seed: int) -> None:
    ask = _small(seed)
    _agrees(_facts(ask, groups=tuple(replace(group, shares_device=True) for group in ask.facts.groups)))


@settings(max_examples=15, deadline=None)
@given(_SEEDS)
def test_variants_that_are_equally_good(seed: int) -> None:
    ask = _small(seed)
    _agrees(_facts(ask, stages=tuple(_all_good(stage) for stage in ask.facts.stages)))


def _all_good(stage: StageFacts) -> StageFacts:
    return replace(stage, variants=tuple(replace(variant, quality=1.0) for variant in stage.variants))


_OTHERS: tuple[list[EffectiveObjective], ...] = (
    [objective(indicator="response", percentile=99, target_ms=700)],
    [objective(indicator="turn", percentile=50, target_ms=600), objective("mean", 550, indicator="turn", mean=True)],
    [objective("asr", 180, indicator="stage", stage="asr", percentile=99), objective(target_ms=900)],
    [objective("asr", 120, indicator="stage", stage="asr", mean=True)],
    [objective(indicator="result", percentile=90, target_ms=300)],
    [objective(indicator="bargeIn", percentile=90, target_ms=300)],
    [],
)


@pytest.mark.parametrize("objectives", _OTHERS)
@pytest.mark.parametrize("seed", [3, 10])
def test_other_objectives(objectives: list[EffectiveObjective], seed: int) -> None:
    _agrees(_facts(_small(seed), objectives=tuple(objectives)))


@pytest.mark.parametrize("seed", range(4))
def test_what_may_not_be_changed(seed: int) -> None:
    for actuators in (frozenset(), frozenset(["batch"]), frozenset(["variant", "features"]), frozenset(["replicas"])):
        _agrees(_facts(_small(seed), actuators=actuators))


@pytest.mark.parametrize("seed", range(3))
def test_replicas_that_serve(seed: int) -> None:
    for count in (0, 1, 3):
        _agrees(replace(_small(seed), serving={"g0": count}))


@pytest.mark.parametrize("seed", range(3))
def test_sessions_that_a_replica_takes(seed: int) -> None:
    ask = replace(_small(seed), slack=3.0)
    for most in (2, 10, 40):
        _agrees(_facts(ask, groups=tuple(replace(group, max_sessions=most) for group in ask.facts.groups)))


def test_lockstep() -> None:
    ask = _small(0)
    stages = tuple(replace(stage, discipline="lockstep", period_ms=400.0) for stage in ask.facts.stages)
    for sessions in (4.0, 40.0):
        _agrees(replace(_facts(ask, stages=stages), load=Load(sessions, 0.06)))


@settings(max_examples=4, deadline=None)
@given(st.lists(_SEEDS, min_size=2, max_size=6))
def test_together_as_alone(seeds: list[int]) -> None:
    asks = [_small(seed, groups=1 + seed % 2, variants=1 + seed % 3) for seed in seeds]
    together, alone = plan(asks), [plan_one(ask) for ask in asks]
    assert [each.setting for each in together] == [each.setting for each in alone]
    assert [each.feasible for each in together] == [each.feasible for each in alone]


@settings(max_examples=10, deadline=None)
@given(_SEEDS)
def test_the_prediction_is_that_of_predict(seed: int) -> None:
    ask = Drawn(np.random.default_rng(seed)).ask(groups=1 + seed % 3, variants=2)
    shares = tuple(replace(group, shares_device=seed % 5 == 0) for group in ask.facts.groups)
    ask = _facts(ask, groups=shares, objectives=(*_OTHERS[1], *_OTHERS[2], *_OTHERS[0][:1]))
    found = plan_one(ask)
    _same(found.prediction, predict(ask.facts, found.setting, ask.load))


def _same(one: Prediction, other: Prediction) -> None:
    assert dict(one.objectives) == pytest.approx(dict(other.objectives), rel=1e-6)
    assert one.turn_p95_ms == pytest.approx(other.turn_p95_ms, rel=1e-6)
    assert one.stages.keys() == other.stages.keys()
    for name, stage in one.stages.items():
        expected = other.stages[name]
        told = (stage.utilisation, stage.mean_ms, stage.p95_ms)
        assert told == pytest.approx((expected.utilisation, expected.mean_ms, expected.p95_ms), rel=1e-6)


def test_without_agents() -> None:
    assert plan([]) == []


def test_an_agent_without_stages() -> None:
    ask = _small(1)
    empty = AgentFacts(ask.facts.key, (), ask.facts.groups, ask.facts.modes, ask.facts.objectives)
    found = plan([replace(ask, facts=empty), ask])
    assert found[0].feasible
    assert found[0].setting.stages == {}
