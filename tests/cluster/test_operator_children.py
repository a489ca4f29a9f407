"""What an agent becomes, and that it stays so: every child appears, is repaired when it is spoilt, and is left alone else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from operated import QUIET_SECONDS, Child, Operated, operated_module
from operator_process import OperatorProcess

from antiphon_operator.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    NETWORK_POLICIES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    VOICE_AGENTS,
)
from cluster import APPLY, JSON_PATCH, Cluster

Obj = dict[str, Any]
WRITES = "antiphon_operator_writes_total"

CHILDREN_OF_ONE_GROUP: list[Child] = [
    (SERVICE_ACCOUNTS, "hello-main"),
    (SECRETS, "hello-control"),
    (CONFIG_MAPS, "hello-main"),
    (NETWORK_POLICIES, "hello-main"),
    (DISRUPTION_BUDGETS, "hello-main"),
    (SERVICES, "hello"),
    (SERVICES, "hello-main"),
    (SERVICES, "hello-main-pods"),
    (DEPLOYMENTS, "hello-main"),
]
each_child = pytest.mark.parametrize("child", CHILDREN_OF_ONE_GROUP, ids=lambda child: f"{child[0].plural}-{child[1]}")


@pytest.fixture(scope="module")
def running(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Operated, OperatorProcess]]:
    """With one agent, of which no replica is wanted."""
    with operated_module(cluster, tmp_path_factory) as (corner, operator):
        corner.made(corner.agent(replicas=0))
        yield corner, operator


@pytest.fixture
def corner(running: tuple[Operated, OperatorProcess]) -> Operated:
    return running[0]


@pytest.fixture
def operator(running: tuple[Operated, OperatorProcess]) -> OperatorProcess:
    return running[1]


# --- what appears --------------------------------------------------------------------------------------------------


def test_an_agent_becomes_all_of_its_children(corner: Operated) -> None:
    agent = corner.the(VOICE_AGENTS, "hello")
    children = corner.all_children()
    assert children.keys() == set(CHILDREN_OF_ONE_GROUP)
    for (_, name), child in children.items():
        (owner,) = child["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == (agent["metadata"]["uid"], True), name
        labels = child["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "antiphon"
        assert labels["antiphon.dev/agent"] == "hello"
        assert labels.get("antiphon.dev/group") == (None if name in ("hello", "hello-control") else "main")
    assert "finalizers" not in agent["metadata"]


def test_the_parts_fit_each_other(corner: Operated) -> None:
    children = corner.all_children()
    template = children[DEPLOYMENTS, "hello-main"]["spec"]["template"]
    selector = children[SERVICES, "hello"]["spec"]["selector"]
    assert selector.items() <= template["metadata"]["labels"].items()
    assert children[SERVICES, "hello-main-pods"]["spec"]["clusterIP"] == "None"
    assert template["spec"]["serviceAccountName"] == "hello-main"
    sources = [source for volume in template["spec"]["volumes"] for source in _names_in(volume)]
    assert {"hello-main", "hello-control"} <= set(sources)
    assert template["spec"]["terminationGracePeriodSeconds"] >= 120


def _names_in(volume: Obj) -> Iterator[str]:
    for source in volume.values():
        if isinstance(source, dict):
            yield from (str(value) for key, value in source.items() if key in ("name", "secretName"))


# --- nothing is written when nothing differs -----------------------------------------------------------------------


def _stays(corner: Operated, operator: OperatorProcess) -> None:
    before = corner.versions(), corner.agent_version("hello"), operator.metrics().total(WRITES)
    time.sleep(QUIET_SECONDS)
    assert (corner.versions(), corner.agent_version("hello"), operator.metrics().total(WRITES)) == before


def _settle(operator: OperatorProcess) -> None:
    """Until nothing was written for a second: the statuses of what an agent names are written a little later."""
    writes, since = operator.metrics().total(WRITES), time.monotonic()
    last = since + 20
    while time.monotonic() - since < 3.0:
        assert time.monotonic() < last, "it goes on writing"
        time.sleep(0.2)
        if (now := operator.metrics().total(WRITES)) != writes:
            writes, since = now, time.monotonic()


def test_nothing_is_written_when_nothing_differs(corner: Operated, operator: OperatorProcess) -> None:
    _settle(operator)
    _stays(corner, operator)
    corner.edit(VOICE_AGENTS, "hello", {"metadata": {"labels": {"example.com/team": "red"}}})
    _stays(corner, operator)


# --- somebody else's hand ------------------------------------------------------------------------------------------


@each_child
def test_a_child_that_is_deleted_comes_back(corner: Operated, child: Child) -> None:
    before = corner.the(*child)
    assert corner.remove(*child).status in (200, 202)
    after = corner.wait(*child, lambda found: found["metadata"]["uid"] != before["metadata"]["uid"])
    assert _ours(child, after) == _ours(child, before)


SPOILT: dict[str, Obj] = {
    "serviceaccounts-hello-main": {"automountServiceAccountToken": True},
    "secrets-hello-control": {"data": {"token": "//8="}},
    "configmaps-hello-main": {"data": {"runtime.yaml": "stages: []"}},
    "networkpolicies-hello-main": {"spec": {"ingress": [{}]}},
    "poddisruptionbudgets-hello-main": {"spec": {"maxUnavailable": 5}},
    "services-hello": {"spec": {"selector": {"antiphon.dev/group": "nobody"}}},
    "services-hello-main": {"spec": {"selector": {"antiphon.dev/agent": "other"}}},
    "services-hello-main-pods": {"spec": {"publishNotReadyAddresses": False}},
    "deployments-hello-main": {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}},
}


def _held(change: Any, found: Any) -> bool:
    """Whether the change is in force."""
    if isinstance(change, dict):
        return all(_held(value, (found or {}).get(key)) for key, value in change.items())
    return bool(change == found)


@each_child
def test_a_child_that_is_spoilt_is_repaired(corner: Operated, child: Child) -> None:
    change = SPOILT[f"{child[0].plural}-{child[1]}"]
    before = corner.the(*child)
    assert not _held(change, before)
    spoilt = corner.edit(*child, change)
    assert spoilt["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    ours = _ours(child, before)
    repaired = corner.wait(*child, lambda found: not _held(change, found) and _ours(child, found) == ours)
    assert repaired["metadata"]["uid"] == before["metadata"]["uid"]


@each_child
def test_labels_and_owner_are_put_back(corner: Operated, child: Child) -> None:
    before = corner.the(*child)
    change = [
        {"op": "remove", "path": "/metadata/labels/app.kubernetes.io~1part-of"},
        {"op": "remove", "path": "/metadata/annotations/antiphon.dev~1content"},
        {"op": "remove", "path": "/metadata/ownerReferences"},
    ]
    corner.edit(*child, change, JSON_PATCH)
    repaired = corner.wait(*child, lambda found: found["metadata"].get("ownerReferences"))
    assert _ours(child, repaired) == _ours(child, before)


@each_child
def test_a_child_that_lost_the_label_it_is_known_by_gets_it_back(corner: Operated, child: Child) -> None:
    before = corner.the(*child)
    corner.edit(*child, [{"op": "remove", "path": "/metadata/labels/antiphon.dev~1agent"}], JSON_PATCH)
    repaired = corner.wait(*child, lambda found: found["metadata"]["labels"].get("antiphon.dev/agent"))
    assert _ours(child, repaired) == _ours(child, before)
    corner.wait_condition("hello", "Accepted", "True")


@each_child
def test_what_others_add_is_left_alone(corner: Operated, child: Child) -> None:
    theirs = {"labels": {"example.com/owner": "them"}, "annotations": {"example.com/note": "theirs"}}
    corner.edit(*child, {"metadata": theirs})
    edited = corner.wait(*child, lambda found: _is_whole(child, found))
    ours = _ours(child, edited)
    corner.remove(SERVICES, "hello")
    corner.wait(SERVICES, "hello")  # a visit of the agent has come by
    found = corner.the(*child) if child != (SERVICES, "hello") else None
    if found is not None:
        found = corner.wait(*child, lambda again: _is_whole(child, again))
        assert found["metadata"]["labels"]["example.com/owner"] == "them"
        assert found["metadata"]["annotations"]["example.com/note"] == "theirs"
        assert _ours(child, found) == ours


def _is_whole(child: Child, found: Obj) -> bool:
    """Controllers of old do not know one of our fields, and lose it when they write: then we write it again."""
    return child[0].kind != "ServiceAccount" or "automountServiceAccountToken" in found


def test_a_field_of_others_beside_ours_is_left_alone(corner: Operated) -> None:
    """An autoscaler's annotation on pods, a session affinity, a key of their own in a ConfigMap."""
    field = {"spec": {"sessionAffinity": "ClientIP"}}
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "hello-main"}, **field}
    answer = corner.cluster.request(
        "PATCH", corner.path(SERVICES, "hello-main"), manifest, {"fieldManager": "they"}, APPLY
    )
    assert answer.status == 200, answer
    corner.edit(CONFIG_MAPS, "hello-main", {"data": {"theirs.txt": "a note"}})
    corner.remove(NETWORK_POLICIES, "hello-main")
    corner.wait(NETWORK_POLICIES, "hello-main")
    assert corner.the(SERVICES, "hello-main")["spec"]["sessionAffinity"] == "ClientIP"
    assert corner.the(CONFIG_MAPS, "hello-main")["data"]["theirs.txt"] == "a note"


def test_a_port_of_theirs_that_has_the_name_of_ours_goes(corner: Operated) -> None:
    """Both together are invalid, so that ours could not be put back beside it. The Service stays the same."""
    address = corner.the(SERVICES, "hello")["spec"]["clusterIP"]
    corner.edit(SERVICES, "hello", {"spec": {"ports": [{"name": "voice", "port": 1, "targetPort": 1}]}})
    repaired = corner.wait(SERVICES, "hello", lambda found: 8080 in _ports(found))
    assert repaired["spec"]["clusterIP"] == address
    if _refuses_ports_of_one_name(corner):
        assert _ports(repaired) == [8080]
    corner.wait_condition("hello", "Accepted", "True")


def _ports(service: Obj) -> list[int]:
    return [port["port"] for port in service["spec"]["ports"]]


def _refuses_ports_of_one_name(corner: Operated) -> bool:
    """As Kubernetes does; not every control plane for tests has all of its validation."""
    ports = [{"name": "same", "port": number} for number in (1, 2)]
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "two-ports"}, "spec": {"ports": ports}}
    return corner.cluster.create(manifest, corner.namespace, dryRun="All").status == 422


def _ours(child: Child, found: Obj) -> Obj:
    """What the operator writes, without what the cluster or others put there, and without what is made anew when it is lost."""
    metadata = found["metadata"]
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if "example.com" not in key}
    return {"labels": labels, "owners": metadata.get("ownerReferences"), "content": _content(child[0].kind, found)}


def _content(kind: str, child: Obj) -> Any:
    match kind:
        case "Secret":
            return child["type"], child["data"].keys()
        case "ConfigMap":
            config = json.loads(child["data"]["runtime.yaml"])
            config["tuning"].pop("generation")
            return config
        case "ServiceAccount":
            return child["automountServiceAccountToken"]
        case "Service":
            return [child["spec"].get(key) for key in ("selector", "ports", "publishNotReadyAddresses")]
    return child["spec"]
