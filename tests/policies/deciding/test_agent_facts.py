"""What planning knows of the examples of this repository."""

from __future__ import annotations

from typing import Any

import pytest
from agent_plans import agent_with, example_agents, example_catalog
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.voicemodel import Profile
from antiphon_policies.deciding.agent_facts import Ground, agent_facts, forget, teachable
from antiphon_policies.deciding.habits import PAUSE_MS, PLAIN, SPECULATIVE
from antiphon_policies.deciding.services import awaited, service_of
from antiphon_policies.estimating.estimates import Estimates
from antiphon_policies.facts import AgentFacts
from antiphon_policies.resolution import resolve
from antiphon_policies.seeing.observation import StageWork


def facts_of(name: str, grounds: dict[str, Ground] | None = None, **spec: Any) -> AgentFacts:
    resolution = resolve(agent_with(example_agents()[name], **spec), example_catalog())
    assert not resolution.findings
    return agent_facts(resolution, grounds)


@pytest.mark.parametrize("name", sorted(example_agents()))
def test_every_example_can_be_planned(name: str) -> None:
    facts = facts_of(name)
    groups = {group.name for group in facts.groups}
    assert facts.stages
    assert {stage.group for stage in facts.stages} <= groups
    assert all(stage.variants for stage in facts.stages)
    assert "vad" not in {stage.stage for stage in facts.stages}
    assert all(0 < variant.quality <= 1 for stage in facts.stages for variant in stage.variants)
    assert all(stage.period_ms for stage in facts.stages if stage.discipline == "lockstep")
    assert any(stage.in_turn for stage in facts.stages)


def test_speculation_begins_on_a_pause_and_may_be_left_out_only_where_the_spec_lets_it_be_switched() -> None:
    pipeline = example_agents()["hello-world"].spec.pipeline.to_manifest()
    pipeline["asr"]["switchable"] = ["speculative"]
    switchable = facts_of("hello-world", pipeline=pipeline)
    assert [mode.name for mode in switchable.modes] == [SPECULATIVE, PLAIN]
    assert switchable.modes[0].shape.begins_ms == PAUSE_MS
    assert switchable.modes[1].shape.begins_ms == switchable.modes[1].shape.decided_ms
    pipeline["asr"]["switchable"] = []
    assert [mode.name for mode in facts_of("hello-world", pipeline=pipeline).modes] == [SPECULATIVE]
    pipeline["asr"]["options"] = {"speculative": False}
    assert [mode.name for mode in facts_of("hello-world", pipeline=pipeline).modes] == [PLAIN]


def test_what_pods_measured_and_what_the_spec_allows_bound_the_sessions_of_a_replica() -> None:
    grounds = {"main": Ground(sessions_per_replica=12)}
    assert facts_of("hello-world", grounds).groups[0].max_sessions == 12
    tight = facts_of("hello-world", grounds, sessions={"maxPerReplica": 5})
    assert tight.groups[0].max_sessions == 5


def test_variants_that_do_not_fit_into_the_partition_are_left_out() -> None:
    whole = facts_of("hello-world")
    asr = next(stage for stage in whole.stages if stage.stage == "asr")
    kept = asr.variants[-1].name
    narrowed = facts_of("hello-world", {"main": Ground(variants={"asr": (kept,)})})
    assert [v.name for stage in narrowed.stages if stage.stage == "asr" for v in stage.variants] == [kept]


def test_what_was_learned_goes_before_the_profile() -> None:
    resolution = resolve(example_agents()["hello-world"], example_catalog())
    estimates, known = Estimates(), teachable(resolution, {})
    key, seed = known["asr", "tiny.en-int8"]
    assert seed is not None
    before = seed.service.mean_ms(1)
    for tick in range(200):
        work = StageWork("asr", key.variant, 5.0, batches=20, items=20, busy_ms=20 * 2 * before)
        estimates.learn(key, work, seed, at=5.0 * tick)
    facts = agent_facts(resolution, learned=estimates)
    asr = next(stage for stage in facts.stages if stage.stage == "asr")
    assert asr.variants[0].service.mean_ms(1) == pytest.approx(2 * before, rel=0.05)
    others = {stage.stage: stage for stage in agent_facts(resolution).stages}
    assert [stage for stage in facts.stages if stage.stage != "asr"] == [others["llm"], others["tts"]]


@given(
    steps=st.floats(0, 100),
    share=st.floats(0, 1),
    size=st.integers(1, 64),
    decode=st.tuples(st.floats(0, 20), st.floats(0, 5)),
)
def test_all_steps_of_an_answer_are_counted_once(
    steps: float, share: float, size: int, decode: tuple[float, float]
) -> None:
    profile = Profile(
        hardware="h100-80gb", alpha_ms=10, beta_ms=2, item="answer", basis="Measured", origin="a test",
        decode_alpha_ms=decode[0], decode_beta_ms=decode[1],
    )  # fmt: skip
    first = service_of(profile, steps)
    assert first.mean_ms(size) == 10 + 2 * size, "as batches are timed"
    service = awaited(first, share)
    rest = service.rest_alpha_ms + service.rest_beta_ms * size
    whole = 10 + 2 * size + steps * (decode[0] + decode[1] * size)
    assert service.mean_ms(size) + rest == pytest.approx(whole)
    assert rest >= -1e-9


def test_facts_are_the_very_same_until_a_service_or_a_place_changes() -> None:
    resolution = resolve(example_agents()["hello-world"], example_catalog())
    learned, grounds = Estimates(), {"main": Ground()}
    facts = agent_facts(resolution, grounds, learned)
    assert agent_facts(resolution, {"main": Ground()}, learned) is facts
    (stage, variant), (key, seed) = next(each for each in teachable(resolution, grounds).items() if each[0][0] != "vad")
    for look in range(6):
        learned.learn(key, StageWork(stage, variant, 5.0, 10.0, 40.0, 4000.0), seed, 100.0 + 5 * look)
    taught = agent_facts(resolution, grounds, learned)
    assert taught != facts
    forget()
    assert agent_facts(resolution, grounds, learned) == taught
    grounds["main"] = Ground(start_seconds=77.0)
    assert agent_facts(resolution, grounds, learned).groups[0].start_seconds == 77.0
