"""Objects that have the names of an agent's children and are not its own: nobody's, and another agent's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from cluster_objects import deployment
from operated import QUIET_SECONDS, Child, Operated, condition, operated_module

from antiphon_operator.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    NETWORK_POLICIES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    VOICE_AGENTS,
    Resource,
)
from cluster import Cluster

Obj = dict[str, Any]

FOREIGN: dict[Resource, Obj] = {
    SERVICE_ACCOUNTS: {"automountServiceAccountToken": True},
    SECRETS: {"data": {"token": "dGhlaXJz"}},
    CONFIG_MAPS: {"data": {"runtime.yaml": "theirs"}},
    NETWORK_POLICIES: {"spec": {"podSelector": {"matchLabels": {"app": "theirs"}}, "policyTypes": ["Egress"]}},
    DISRUPTION_BUDGETS: {"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "theirs"}}}},
    SERVICES: {"spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]}},
    DEPLOYMENTS: {"spec": deployment("theirs", replicas=0)["spec"]},
}


@pytest.fixture(scope="module")
def corner(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    with operated_module(cluster, tmp_path_factory) as (found, _):
        yield found


@pytest.fixture(scope="module")
def left_in_peace(corner: Operated) -> str:
    """An agent that had a foreign ConfigMap in its way, which is gone: nobody tells the operator."""
    _refused_for(corner, "patient", CONFIG_MAPS)
    corner.remove(CONFIG_MAPS, "patient-main")
    return "patient"


def _name(resource: Resource, agent: str) -> str:
    return f"{agent}-control" if resource is SECRETS else f"{agent}-main"


def _refused_for(corner: Operated, agent: str, resource: Resource) -> Obj:
    """The foreign object, once the agent was refused for it."""
    foreign = corner.post(resource, {"metadata": {"name": _name(resource, agent)}, **FOREIGN[resource]})
    corner.make(corner.agent(agent, replicas=0))
    refused = corner.wait_condition(agent, "Accepted", "False", "NameTaken")
    message = condition(refused, "Accepted")["message"]
    assert f"{resource.kind} {_name(resource, agent)}" in message
    assert condition(refused, "Steady")["status"] == "False"
    return foreign


@pytest.mark.parametrize("resource", FOREIGN, ids=lambda resource: str(resource.plural))
@pytest.mark.usefixtures("left_in_peace")
def test_what_is_nobodys_is_not_touched(corner: Operated, resource: Resource) -> None:
    agent = f"one-{resource.plural}"
    child: Child = (resource, _name(resource, agent))
    foreign = _refused_for(corner, agent, resource)
    now = corner.the(*child)
    assert _theirs(now) == _theirs(foreign)
    assert corner.remove(*child).status in (200, 202)
    corner.wait_replaced(*child, foreign)
    corner.edit(VOICE_AGENTS, agent, {"metadata": {"labels": {"example.com/look": "again"}}})
    corner.wait_condition(agent, "Accepted", "True", "Valid")
    assert corner.the(*child)["metadata"]["labels"]["antiphon.dev/agent"] == agent


def _theirs(obj: Obj) -> Any:
    """Controllers may write its status."""
    metadata = obj["metadata"]
    return metadata["uid"], metadata.get("labels"), metadata.get("ownerReferences"), obj.get("spec"), obj.get("data")


def _group(corner: Operated, name: str) -> Obj:
    (group,) = corner.agent()["spec"]["placement"]["groups"]
    return {"groups": [{**group, "name": name}]}


@pytest.mark.parametrize("first", ["a-b", "a"])
def test_agents_whose_names_collide_leave_each_other_alone(corner: Operated, first: str) -> None:
    """Of agent a-b with group c, and of agent a with group b-c: both are called a-b-c."""
    groups = {"a-b": "c", "a": "b-c"}
    (second,) = groups.keys() - {first}
    for name in (first, second):
        corner.make(corner.agent(name, replicas=0, placement=_group(corner, groups[name])))
        if name == first:
            corner.wait_condition(first, "Accepted", "True")
    refused = corner.wait_condition(second, "Accepted", "False", "NameTaken")
    assert f"agent {first}" in condition(refused, "Accepted")["message"]
    before = corner.versions(first)
    assert {name for _, name in before} == {first, f"{first}-control", "a-b-c", "a-b-c-pods"}
    for name in (first, second):
        corner.edit(VOICE_AGENTS, name, {"metadata": {"labels": {"example.com/look": "again"}}})
    time.sleep(QUIET_SECONDS / 2)
    assert corner.versions(first) == before
    corner.remove(VOICE_AGENTS, first)
    corner.wait_no_children(first)
    corner.edit(VOICE_AGENTS, second, {"metadata": {"labels": {"example.com/look": "again-and-again"}}})
    corner.wait_condition(second, "Accepted", "True")
    assert corner.the(DEPLOYMENTS, "a-b-c")["metadata"]["labels"]["antiphon.dev/agent"] == second
    corner.remove(VOICE_AGENTS, second)
    corner.wait_no_children(second)


def test_agents_that_come_at_once_and_collide_do_not_block_each_other(corner: Operated) -> None:
    """Of each pair one gets its names: x-y with group z, or x with group y-z."""
    pairs = [(f"x{number}-y", f"x{number}") for number in range(8)]
    for one, other in pairs:
        corner.make(corner.agent(one, replicas=0, placement=_group(corner, "z")))
        corner.make(corner.agent(other, replicas=0, placement=_group(corner, "y-z")))
    for pair in pairs:
        told = [condition(corner.wait(VOICE_AGENTS, name, _is_judged), "Accepted") for name in pair]
        assert sorted(one["reason"] for one in told) == ["NameTaken", "Valid"], told


def _is_judged(agent: Obj) -> bool:
    return bool(condition(agent, "Accepted"))


def test_it_heals_by_itself_when_the_foreign_object_is_gone(corner: Operated, left_in_peace: str) -> None:
    corner.wait_condition(left_in_peace, "Accepted", "True", timeout=40)
    assert corner.the(CONFIG_MAPS, f"{left_in_peace}-main")["metadata"]["labels"]["antiphon.dev/agent"] == left_in_peace
