"""Between a setting of the brain and the tunings of pods, for the examples of this repository."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agent_plans import agent_with, example_agents, plan_of

from antiphon_operator.looping.tunings import setting_in_force, wishes
from antiphon_operator.operate.judging import merged
from antiphon_operator.rendering.plan import AgentPlan
from antiphon_policies.deciding.agent_facts import agent_facts
from antiphon_policies.deciding.habits import PLAIN, SPECULATIVE
from antiphon_policies.facts import AgentFacts, Setting, StageSetting

CASCADE = "cascade-emulated"


def known(name: str = CASCADE) -> tuple[AgentFacts, AgentPlan]:
    plan = plan_of(agent_with(example_agents()[name]))
    return agent_facts(plan.resolution), plan


def carried_out(plan: AgentPlan, facts: AgentFacts, setting: Setting) -> AgentPlan:
    """As the reconciler does it."""
    wished = wishes(facts, plan, setting)
    groups = []
    for group in plan.groups:
        wish = wished.get(group.group.name)
        tuning = merged(group.tuning, wish.tuning) if wish else group.tuning
        replicas = wish.replicas if wish and wish.replicas is not None else group.replicas
        groups.append(replace(group, tuning=tuning, replicas=replicas))
    return replace(plan, groups=tuple(groups))


@pytest.mark.parametrize("name", sorted(example_agents()))
def test_what_is_in_force_can_be_wished_for_and_then_is_in_force(name: str) -> None:
    facts, plan = known(name)
    setting = setting_in_force(facts, plan)
    assert setting_in_force(facts, carried_out(plan, facts, setting)) == setting


def test_every_part_of_a_setting_reaches_its_group() -> None:
    facts, plan = known()
    before = setting_in_force(facts, plan)
    asr = next(stage for stage in facts.stages if stage.stage == "asr")
    wanted = replace(
        before,
        stages={**before.stages, "asr": StageSetting(asr.variants[-1].name, 3)},
        replicas=dict.fromkeys(before.replicas, 5),
    )
    found = setting_in_force(facts, carried_out(plan, facts, wanted))
    assert found == wanted != before


def test_speculation_is_switched_where_it_may_be_and_else_left_alone() -> None:
    facts, plan = known()
    assert [mode.name for mode in facts.modes] == [SPECULATIVE]
    setting = setting_in_force(facts, plan)
    assert all(wish.tuning and not wish.tuning.features.to_manifest() for wish in wishes(facts, plan, setting).values())
    pipeline = example_agents()[CASCADE].spec.pipeline.to_manifest()
    pipeline["asr"]["switchable"] = ["speculative"]
    plan = plan_of(agent_with(example_agents()[CASCADE], pipeline=pipeline))
    facts = agent_facts(plan.resolution)
    off = replace(setting_in_force(facts, plan), mode=PLAIN)
    carried = carried_out(plan, facts, off)
    assert carried.groups[0].tuning.features.speculative_asr is False
    assert setting_in_force(facts, carried).mode == PLAIN


def test_an_agent_that_others_scale_keeps_its_replicas() -> None:
    agent = agent_with(example_agents()[CASCADE], scaling={"mode": "External", "replicas": 2, "maxReplicas": 4})
    plan = plan_of(agent)
    facts = agent_facts(plan.resolution)
    setting = replace(setting_in_force(facts, plan), replicas={"main": 4})
    assert {wish.replicas for wish in wishes(facts, plan, setting).values()} == {None}
