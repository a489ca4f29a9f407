"""What is due because of an event: what it concerns, and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from gpu_nodes import H200, node

from antiphon_operator.kube.resources import GPU_POOLS, NODES, PODS, SERVICES, SLA_POLICIES, VOICE_AGENTS, VOICE_MODELS
from antiphon_operator.names import AGENT_LABEL
from antiphon_operator.operate.due import DueQueue
from antiphon_operator.operate.herald import Herald
from antiphon_operator.operate.reconciling import Due
from antiphon_operator.operate.settings import OperatorSettings
from antiphon_operator.operate.world import World
from antiphon_operator.rendering.plan import RenderSettings

Obj = dict[str, Any]
HELLO, OTHER = ("voiceagents", ("ns", "hello")), ("voiceagents", ("ns", "other"))


class _Heard:
    """A herald of a world with two agents, of which one runs on a CPU."""

    def __init__(self) -> None:
        self.world, self._due = World(), DueQueue[Due]()
        self.herald = Herald(self.world, self._due, OperatorSettings(RenderSettings("image")))
        for name, partition in (("hello", "1g.18gb"), ("other", "CPU only")):
            self.world.put(VOICE_AGENTS, _agent(name, 1, partition=partition))

    def due(self) -> set[Due]:
        """Since it was asked last, now or later."""
        found = set(self._due._due)
        for key in found:
            self._due.forget(key)
        return found


def _agent(name: str, version: int, generation: int = 1, partition: str = "", **metadata: Any) -> Obj:
    told = {"name": name, "namespace": "ns", "uid": name, "resourceVersion": str(version), "generation": generation}
    return {"metadata": {**told, **metadata}, "spec": {}, "status": {"partition": partition}}


def _thing(name: str, version: int, generation: int = 1) -> Obj:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": str(version), "generation": generation}}


def _child(version: int, agent: str | None = "hello") -> Obj:
    labels = {AGENT_LABEL: agent} if agent else {}
    return {"metadata": {"name": "x", "namespace": "ns", "uid": "x", "resourceVersion": str(version), "labels": labels}}


def _story(story: Any) -> None:
    async def run() -> None:
        story(_Heard())

    asyncio.run(run())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"generation": 2}, {HELLO}),
        ({"annotations": {"a": "b"}}, {HELLO}),
        ({"labels": {"a": "b"}}, {HELLO}),
        ({"deletionTimestamp": "now"}, {HELLO}),
        ({}, set()),
    ],
)
def test_an_agent_is_due_when_it_asks_for_something_else(change: Obj, expected: set[Due]) -> None:
    def story(heard: _Heard) -> None:
        heard.herald.heard(VOICE_AGENTS, "MODIFIED", _agent("hello", 2, **change))
        assert heard.due() == expected
        heard.herald.heard(VOICE_AGENTS, "MODIFIED", _agent("hello", 2, **change))
        assert heard.due() == set(), "told twice, it is no news"

    _story(story)


def test_an_agent_that_is_gone_is_due_once() -> None:
    def story(heard: _Heard) -> None:
        for expected in ({HELLO}, set()):
            heard.herald.heard(VOICE_AGENTS, "DELETED", _agent("hello", 2))
            assert heard.due() == expected

    _story(story)


def test_a_child_makes_its_agent_due() -> None:
    def story(heard: _Heard) -> None:
        heard.herald.heard(SERVICES, "ADDED", _child(1))
        assert heard.due() == {HELLO}
        heard.herald.heard(SERVICES, "MODIFIED", _child(1))
        assert heard.due() == set()
        heard.herald.heard(SERVICES, "DELETED", _child(2))
        assert heard.due() == {HELLO}
        heard.herald.heard(SERVICES, "ADDED", _child(3, agent=None))
        assert heard.due() == set()

    _story(story)


def test_a_pod_makes_its_agent_and_pools_due() -> None:
    def story(heard: _Heard) -> None:
        heard.world.put(GPU_POOLS, _thing("pool", 1))
        heard.herald.heard(PODS, "ADDED", _child(1))
        assert heard.due() == {HELLO, ("gpupools", ("", "pool"))}

    _story(story)


@pytest.mark.parametrize("resource", [SLA_POLICIES, VOICE_MODELS], ids=str)
def test_who_names_it_is_due(resource: Any) -> None:
    def story(heard: _Heard) -> None:
        heard.world.note_names(("ns", "hello"), [(resource, "named")])
        itself = (resource.plural, ("", "named"))
        heard.herald.heard(resource, "ADDED", _thing("named", 1))
        assert heard.due() == {HELLO, itself}
        heard.herald.heard(resource, "MODIFIED", {**_thing("named", 2), "status": {"agents": 1}})
        assert heard.due() == set(), "a status is ours to write"
        heard.herald.heard(resource, "MODIFIED", _thing("named", 3, generation=2))
        assert heard.due() == {HELLO, itself}
        heard.herald.heard(resource, "DELETED", _thing("named", 4, generation=2))
        assert heard.due() == {HELLO, itself}

    _story(story)


def test_a_node_is_news_by_what_it_offers() -> None:
    def offering(version: int, heartbeat: str = "", **more: Any) -> Obj:
        found = node("n", H200, mig_1g_18gb=7, **more)
        found["metadata"] |= {"resourceVersion": str(version), "uid": "n"}
        found["status"]["conditions"][0]["lastHeartbeatTime"] = heartbeat
        return found

    def story(heard: _Heard) -> None:
        heard.herald.heard(NODES, "ADDED", offering(1))
        assert heard.due() == {HELLO}, "who runs on a CPU does not mind"
        heard.herald.heard(NODES, "MODIFIED", offering(2, heartbeat="later"))
        assert heard.due() == set()
        heard.herald.heard(NODES, "MODIFIED", offering(3, ready=False))
        assert heard.due() == {HELLO}

    _story(story)


def test_all_are_marked_once_for_all() -> None:
    def story(heard: _Heard) -> None:
        heard.world.put(SLA_POLICIES, _thing("policy", 1))
        heard.herald.mark_all()
        assert heard.due() == {HELLO, OTHER, ("slapolicies", ("", "policy"))}

    _story(story)
