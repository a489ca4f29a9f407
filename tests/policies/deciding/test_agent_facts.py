"""What planning knows of the examples of this repository."""

from __future__ import annotations

from typing import Any

import pytest
from agent_plans import agent_with, example_agents, example_catalog
from hypothesis import given
from hypothesis import strategies as st

from antiphon_crds.voicemodel import Profile
from antiphon_policies.deciding.agent_facts import Ground, agent_facts, service_of
from antiphon_policies.deciding.habits import PAUSE_MS, PLAIN, SPECULATIVE
from antiphon_policies.facts import AgentFacts, Service
from antiphon_policies.resolution import resolve


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
    slower = agent_facts(
        resolution,
        learned=lambda *known: Service(known[-1].alpha_ms * 2, known[-1].beta_ms),
    )
    for stage, other in zip(slower.stages, agent_facts(resolution).stages, strict=True):
        for learned, known in zip(stage.variants, other.variants, strict=True):
            assert learned.service.alpha_ms == known.service.alpha_ms * 2


@given(
    steps=st.floats(0, 100),
    awaited=st.floats(0, 100),
    sizes=st.integers(1, 64),
    decode=st.tuples(st.floats(0, 20), st.floats(0, 5)),
)
def test_all_steps_of_an_answer_are_counted_once(
    steps: float, awaited: float, sizes: int, decode: tuple[float, float]
) -> None:
    profile = Profile(
        hardware="h100-80gb", alpha_ms=10, beta_ms=2, item="answer", basis="Measured", origin="a test",
        decode_alpha_ms=decode[0], decode_beta_ms=decode[1],
    )  # fmt: skip
    service = service_of(profile, steps, awaited)
    rest = service.rest_alpha_ms + service.rest_beta_ms * sizes
    whole = 10 + 2 * sizes + steps * (decode[0] + decode[1] * sizes)
    assert service.mean_ms(sizes) + rest == pytest.approx(whole)
    assert rest >= 0
