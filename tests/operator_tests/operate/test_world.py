"""What is known of the cluster after any news: the same, whatever is told twice, late, or not at all until the next list."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from agent_plans import example_agents
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_operator.kube.resources import CONFIG_MAPS, DEPLOYMENTS, PODS, SERVICES, VOICE_AGENTS, Resource
from antiphon_operator.names import AGENT_LABEL, ROTATE_ANNOTATION
from antiphon_operator.operate.due import DueQueue
from antiphon_operator.operate.herald import Herald
from antiphon_operator.operate.reconciling import Due
from antiphon_operator.operate.settings import OperatorSettings
from antiphon_operator.operate.world import World, key_of
from antiphon_operator.rendering.plan import RenderSettings

Obj = dict[str, Any]
Event = tuple[Literal["ADDED", "MODIFIED", "DELETED"], Obj]
SETTINGS = OperatorSettings(RenderSettings("image"))


def _child(name: str, uid: int, version: int, agent: str = "hello") -> Obj:
    metadata = {"name": name, "namespace": "ns", "uid": f"u{uid}", "resourceVersion": str(version)}
    return {"metadata": {**metadata, "labels": {AGENT_LABEL: agent}}}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], list[Obj]]:
    """What happened to objects of three names, and what there is in the end."""
    events: list[Event] = []
    now: dict[str, Obj] = {}
    for version in range(1, draw(st.integers(1, 20)) + 1):
        name = draw(st.sampled_from("abc"))
        if name not in now:
            now[name] = _child(name, version, version)
            events.append(("ADDED", now[name]))
        elif draw(st.booleans()):
            now[name] = _child(name, int(now[name]["metadata"]["uid"][1:]), version)
            events.append(("MODIFIED", now[name]))
        else:
            uid = int(now.pop(name)["metadata"]["uid"][1:])
            events.append(("DELETED", _child(name, uid, version)))
    return events, list(now.values())


def _herald() -> tuple[World, Herald]:
    world = World()
    return world, Herald(world, DueQueue(), SETTINGS)


def _known(world: World, resource: Resource) -> dict[tuple[str, str], Obj]:
    return {key_of(obj): obj for obj in world.store(resource).all()}


@settings(max_examples=200, deadline=None)
@given(histories(), st.data())
def test_events_that_are_dropped_are_healed_by_the_next_list(history: tuple[list[Event], list[Obj]], data: Any) -> None:
    """Each is told never, once or twice, in order; then all that there is is listed."""
    events, now = history

    async def story() -> None:
        world, herald = _herald()
        for kind, obj in events:
            for _ in range(data.draw(st.integers(0, 2))):
                herald.heard(CONFIG_MAPS, kind, obj)
        herald.reconcile_listing(CONFIG_MAPS, now, len(events), None)
        expected = {key_of(obj): obj for obj in now}
        assert _known(world, CONFIG_MAPS) == expected
        children = world.children_of(("ns", "hello"))
        assert {key_of(child) for resource, child in children if resource is CONFIG_MAPS} == expected.keys()

    asyncio.run(story())


@given(st.permutations(range(1, 8)))
def test_states_of_one_object_in_any_order_leave_the_last(versions: list[int]) -> None:
    world = World()
    for version in versions:
        world.put(SERVICES, _child("a", 1, version))
    assert _known(world, SERVICES) == {("ns", "a"): _child("a", 1, max(versions))}


def test_the_end_of_an_object_does_not_end_the_one_that_was_made_anew() -> None:
    world = World()
    world.put(SERVICES, _child("a", 1, 1))
    world.put(SERVICES, _child("a", 2, 3))
    assert not world.drop(SERVICES, _child("a", 1, 2))
    assert _known(world, SERVICES) == {("ns", "a"): _child("a", 2, 3)}
    assert len(world.children_of(("ns", "hello"))) == 1


def test_pods_are_told_apart_from_children_and_agents_from_each_other() -> None:
    world = World()
    world.put(DEPLOYMENTS, _child("a", 1, 1))
    world.put(PODS, _child("a-1", 2, 2))
    world.put(PODS, _child("b-1", 3, 3, agent="other"))
    assert [resource for resource, _ in world.children_of(("ns", "hello"))] == [DEPLOYMENTS]
    assert [pod["metadata"]["name"] for pod in world.pods_of(("ns", "hello"))] == ["a-1"]
    assert world.children_of(("elsewhere", "hello")) == []


def test_a_list_of_one_namespace_says_nothing_of_others() -> None:
    async def story() -> None:
        world, herald = _herald()
        world.put(SERVICES, _child("a", 1, 1))
        herald.reconcile_listing(SERVICES, [], 5, "other")
        assert len(_known(world, SERVICES)) == 1
        herald.reconcile_listing(SERVICES, [], 5, "ns")
        assert not _known(world, SERVICES)

    asyncio.run(story())


def test_a_list_that_is_older_than_an_object_does_not_end_it() -> None:
    async def story() -> None:
        world, herald = _herald()
        world.put(SERVICES, _child("a", 1, 9))
        herald.reconcile_listing(SERVICES, [], 5, None)
        assert len(_known(world, SERVICES)) == 1

    asyncio.run(story())


# --- what is read of agents ----------------------------------------------------------------------------------------


def _agent(version: int, generation: int = 1, annotations: dict[str, str] | None = None) -> Obj:
    manifest = example_agents()["hello-world"].to_manifest()
    told = {"namespace": "ns", "uid": "u1", "resourceVersion": str(version), "generation": generation}
    manifest["metadata"] |= {**told, "annotations": annotations or {}}
    return manifest


def test_an_annotation_is_seen_though_it_begins_no_generation() -> None:
    world = World()
    world.put(VOICE_AGENTS, _agent(1))
    name = key_of(_agent(1))
    before = world.agents.parsed(name)
    world.put(VOICE_AGENTS, _agent(2, annotations={ROTATE_ANNOTATION: "today"}))
    after = world.agents.parsed(name)
    assert before is not None
    assert after is not None
    assert after.object is not None
    assert after.object.metadata.annotations == {ROTATE_ANNOTATION: "today"}


def test_a_spec_is_read_once_and_its_status_is_always_the_last() -> None:
    world = World()
    world.put(VOICE_AGENTS, _agent(1))
    key = key_of(_agent(1))
    first = world.agents.parsed(key)
    world.put(VOICE_AGENTS, {**_agent(2), "status": {"phase": "Ready"}})
    second = world.agents.parsed(key)
    assert first is not None
    assert second is not None
    assert second.object is first.object
    assert second.raw["status"] == {"phase": "Ready"}


def test_a_spec_that_comes_with_the_answer_to_a_status_is_left_to_the_watch() -> None:
    """Else its own event were no news, and nobody would be told."""

    async def story() -> None:
        world, due = World(), DueQueue[Due]()
        herald = Herald(world, due, SETTINGS)
        world.put(VOICE_AGENTS, _agent(1))
        assert not world.accept(VOICE_AGENTS, _agent(3, generation=2))
        herald.heard(VOICE_AGENTS, "MODIFIED", _agent(2, generation=2))
        assert len(due) == 1
        assert world.accept(VOICE_AGENTS, _agent(3, generation=2))

    asyncio.run(story())


def test_what_agents_name_is_noted_and_forgotten() -> None:
    world, key = World(), ("ns", "hello")
    named = [(SERVICES, "x"), (SERVICES, "y")]
    assert world.note_names(key, named) == set(named)
    assert world.note_names(key, named) == frozenset()
    assert world.agents_naming(SERVICES, "x") == {key}
    assert world.note_names(key, named[:1]) == {named[1]}
    assert world.agents_naming(SERVICES, "y") == frozenset()
    world.note_names(key, ())
    assert world.agents_naming(SERVICES, "x") == frozenset()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.dictionaries(st.sampled_from("pq"), st.integers(0, 5))), max_size=12)
)
def test_what_others_want_is_all_without_ones_own(notes: list[tuple[str, dict[str, int]]]) -> None:
    world, last = World(), {}
    for agent, wanted in notes:
        world.note_wanted(("ns", agent), wanted)
        last[agent] = wanted
    for agent in "abc":
        elsewhere = world.wanted_elsewhere(("ns", agent))
        for partition in "pq":
            others = sum(wanted.get(partition, 0) for name, wanted in last.items() if name != agent)
            assert elsewhere.get(partition, 0) == others
