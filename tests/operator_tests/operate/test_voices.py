"""The pods of all agents as a reconcile sees them: in virtual time, with pods that are made up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from agent_plans import example_agents, plan_of
from control_pods import TOKEN, MadeUpPod, MadeUpPods, in_background
from virtual_time import in_virtual_time

from antiphon_operator.names import AGENT_LABEL, GROUP_LABEL
from antiphon_operator.operate.metrics import Metrics
from antiphon_operator.operate.voices import Voices
from antiphon_operator.rendering.plan import AgentPlan

AGENT = ("team", "hello")
GROUP = "main"


def pod(name: str, address: str, ready: bool = True) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "namespace": AGENT[0],
            "uid": f"{name}-1",
            "labels": {AGENT_LABEL: AGENT[1], GROUP_LABEL: GROUP},
        },
        "spec": {},
        "status": {"podIP": address, "conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def plan(generation: int = 3) -> AgentPlan:
    made = plan_of(example_agents()["hello-world"])
    (group,) = made.groups
    return replace(made, groups=(replace(group, tuning=group.tuning.model_copy(update={"generation": generation})),))


class Told:
    def __init__(self) -> None:
        self.pods = MadeUpPods()
        self.marked: list[tuple[str, str]] = []
        self.voices = Voices(self.pods, self.marked.append, Metrics())

    def add(self, address: str, sessions: int) -> MadeUpPod:
        self.pods.by_address[address] = made = MadeUpPod(sessions=sessions)
        return made


@asynccontextmanager
async def running() -> AsyncIterator[Told]:
    told = Told()
    async with in_background(told.voices.run()):
        yield told


@in_virtual_time
async def test_what_pods_say_is_added_up_and_news_of_it_marks_the_agent() -> None:
    async with running() as told:
        told.add("10.0.0.1", sessions=3)
        told.add("10.0.0.2", sessions=4)
        told.voices.attend(AGENT, plan(), [pod("a", "10.0.0.1"), pod("b", "10.0.0.2")], TOKEN)
        await asyncio.sleep(5)
        heard = told.voices.heard(AGENT)[GROUP]
        assert (heard.sessions, heard.capacity) == (7, 20)
        assert (heard.tuning_generation, heard.pods_applied, heard.pods_total) == (3, 2, 2)
        assert set(told.marked) == {AGENT}


@in_virtual_time
async def test_a_pod_that_does_not_answer_is_counted_and_one_that_refuses_is_quoted() -> None:
    async with running() as told:
        told.add("10.0.0.1", sessions=0).silent = True
        told.add("10.0.0.2", sessions=0).refusal = "UnknownVariant"
        told.voices.attend(AGENT, plan(), [pod("a", "10.0.0.1"), pod("b", "10.0.0.2")], TOKEN)
        await asyncio.sleep(20)
        heard = told.voices.heard(AGENT)[GROUP]
        assert heard.unreached == 1
        assert [refusal.partition(":")[0] for refusal in heard.refusals] == ["pod b"]
        assert heard.pods_applied == 0


@in_virtual_time
async def test_a_pod_with_a_newer_tuning_is_told_of_until_ours_is_above() -> None:
    async with running() as told:
        told.add("10.0.0.1", sessions=0).generation = 7
        told.voices.attend(AGENT, plan(), [pod("a", "10.0.0.1")], TOKEN)
        await asyncio.sleep(5)
        assert told.voices.newer_tunings(AGENT) == {GROUP: 7}
        told.voices.attend(AGENT, plan(generation=8), [pod("a", "10.0.0.1")], TOKEN)
        assert told.voices.newer_tunings(AGENT) == {}


@in_virtual_time
async def test_those_with_the_fewest_calls_leave_first() -> None:
    async with running() as told:
        pods = [pod("busy", "10.0.0.1"), pod("quiet", "10.0.0.2")]
        told.add("10.0.0.1", sessions=5)
        told.add("10.0.0.2", sessions=1)
        told.voices.attend(AGENT, plan(), pods, TOKEN)
        await asyncio.sleep(5)
        costs = told.voices.leaving_costs(pods, leaving=1)
        assert costs.get("quiet", 0) < costs["busy"]


@in_virtual_time
async def test_an_agent_that_is_forgotten_is_asked_no_more() -> None:
    async with running() as told:
        made = told.add("10.0.0.1", sessions=1)
        told.voices.attend(AGENT, plan(), [pod("a", "10.0.0.1")], TOKEN)
        await asyncio.sleep(5)
        told.voices.forget(AGENT)
        await asyncio.sleep(1)
        asked = len(made.asked)
        await asyncio.sleep(60)
        assert len(made.asked) == asked
        assert told.voices.heard(AGENT) == {}
