"""Where agents go: partitions, whole GPUs, claims and the CPU, on nodes that the tests make."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from gpu_nodes import H200, mig_device, resource_slice
from operated import API, Operated, condition, operated_module
from own_nodes import OwnNode, own_node

from antiphon_operator.kube.resources import (
    CLAIM_TEMPLATES,
    DEPLOYMENTS,
    GPU_POOLS,
    RESOURCE_SLICES,
    VOICE_AGENTS,
)
from cluster import Cluster

Obj = dict[str, Any]
FLEET = "example.com/fleet"
SMALL, LARGE, GPU = "nvidia.com/mig-1g.18gb", "nvidia.com/mig-1g.35gb", "nvidia.com/gpu"


class Fleet:
    """Nodes that only the test's agents ask for, and a model that needs GPU memory."""

    def __init__(self, corner: Operated) -> None:
        self.corner = corner
        self.word = uuid.uuid4().hex[:6]

    @property
    def labels(self) -> dict[str, str]:
        return {FLEET: self.word}

    @contextmanager
    def node(self, resource: str, count: int) -> Iterator[OwnNode]:
        told = {"nvidia.com/gpu.product": H200, "nvidia.com/gpu.memory": "143771"}
        with own_node(self.corner.cluster, count, resource, {**self.labels, **told}) as node:
            yield node

    def agent(self, name: str, gib: float, partition: Obj, **group: Any) -> Obj:
        """The llm needs so much GPU memory, in its only variant."""
        model = f"gpu-{name}-{self.word}"
        llm = next(one for one in self.corner.models() if one["spec"]["stage"] == "llm")
        variant = {**llm["spec"]["variants"][0], "memory": {"host": "1Gi", "gpu": f"{gib:g}Gi"}}
        self.corner.cluster.make({**llm, "metadata": {"name": model}, "spec": {**llm["spec"], "variants": [variant]}})
        agent = self.corner.agent(name, replicas=0)
        agent["spec"]["pipeline"]["llm"] = {"model": model}
        agent["spec"]["placement"]["groups"][0] |= {"partition": partition, "nodeSelector": self.labels, **group}
        return agent

    def clean_up(self) -> None:
        for kind in ("VoiceModel", "GPUPool"):
            for one in self.corner.cluster.items(kind):
                if one["metadata"]["name"].endswith(self.word):
                    self.corner.cluster.delete(kind, one["metadata"]["name"])


@pytest.fixture(scope="module")
def corner(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    with operated_module(cluster, tmp_path_factory) as (found, _):
        yield found


@pytest.fixture
def fleet(corner: Operated) -> Iterator[Fleet]:
    found = Fleet(corner)
    yield found
    for agent in corner.cluster.items("VoiceAgent", corner.namespace):
        corner.remove(VOICE_AGENTS, agent["metadata"]["name"])
    found.clean_up()


def _limits(corner: Operated, agent: str) -> dict[str, str]:
    """Extended resources that its pods ask for."""
    (container,) = corner.the(DEPLOYMENTS, f"{agent}-main")["spec"]["template"]["spec"]["containers"]
    limits = container.get("resources", {}).get("limits") or {}
    return {name: count for name, count in limits.items() if "/" in name}


def test_each_group_gets_the_smallest_that_holds_its_models(fleet: Fleet) -> None:
    corner = fleet.corner
    asked: dict[str, tuple[float, Obj, str, dict[str, str]]] = {
        "little": (10, {"profile": "auto"}, "1g.18gb", {SMALL: "1"}),
        "more": (20, {"profile": "auto"}, "1g.35gb", {LARGE: "1"}),
        "much": (60, {"profile": "auto"}, "1 GPU", {GPU: "1"}),
        "explicit": (10, {"profile": "1g.35gb"}, "1g.35gb", {LARGE: "1"}),
        "memory": (10, {"memory": "20Gi"}, "1g.35gb", {LARGE: "1"}),
        "whole": (10, {"gpus": 2}, "2 GPUs", {GPU: "2"}),
    }
    with fleet.node(SMALL, 7), fleet.node(LARGE, 4), fleet.node(GPU, 4):
        for name, (gib, partition, *_) in asked.items():
            corner.make(fleet.agent(name, gib, partition))
        for name, (_, _, chosen, limits) in asked.items():
            placed = corner.wait_condition(name, "Placed", "True")
            assert placed["status"]["partition"] == chosen, name
            assert _limits(corner, name) == limits, name


def test_no_gpu_where_none_is_asked_for(fleet: Fleet) -> None:
    with fleet.node(SMALL, 7):
        agent = fleet.corner.agent("plain", replicas=0)
        agent["spec"]["placement"]["groups"][0]["nodeSelector"] = fleet.labels
        fleet.corner.make(agent)
        placed = fleet.corner.wait_condition("plain", "Placed", "True")
        assert placed["status"]["partition"] == "CPU only"
        assert _limits(fleet.corner, "plain") == {}


def test_what_fits_nowhere_is_told_and_heals_when_a_node_comes(fleet: Fleet) -> None:
    corner = fleet.corner
    with fleet.node(SMALL, 7):
        corner.make(fleet.agent("hungry", 20, {"profile": "auto"}))
        waiting = corner.wait_condition("hungry", "Placed", "False", "NoPartitionFits")
        message = condition(waiting, "Placed")["message"]
        for told in ("group main", "GPU memory", "20Gi", "7 x 1g.18gb", H200):
            assert told in message
        assert condition(waiting, "Accepted")["status"] == "True"
        assert (waiting["status"]["phase"], corner.all_children("hungry")) == ("Pending", {})
        with fleet.node(LARGE, 1):
            placed = corner.wait_condition("hungry", "Placed", "True")
            assert placed["status"]["partition"] == "1g.35gb"


def test_labels_that_no_node_has_are_told(fleet: Fleet) -> None:
    fleet.corner.make(fleet.agent("lonely", 10, {"profile": "auto"}))
    waiting = fleet.corner.wait_condition("lonely", "Placed", "False", "NoNodeMatches")
    assert f"{FLEET}={fleet.word}" in condition(waiting, "Placed")["message"]


def test_a_smaller_partition_that_comes_later_moves_nobody(fleet: Fleet) -> None:
    corner = fleet.corner
    with fleet.node(LARGE, 4):
        corner.make(fleet.agent("settled", 10, {"profile": "auto"}))
        placed = corner.wait_condition("settled", "Placed", "True")
        assert placed["status"]["partition"] == "1g.35gb"
        before = corner.versions("settled")
        with fleet.node(SMALL, 7):
            corner.make(fleet.agent("newcomer", 10, {"profile": "auto"}))
            corner.wait(VOICE_AGENTS, "newcomer", lambda found: found.get("status", {}).get("partition") == "1g.18gb")
            corner.edit(VOICE_AGENTS, "settled", {"spec": {"scaling": {"maxReplicas": 7}}})
            still = corner.wait_condition("settled", "Placed", "True")
            assert still["status"]["partition"] == "1g.35gb"
            assert corner.versions("settled") == before


def test_nodes_that_go_away_leave_its_children_as_they_are(fleet: Fleet) -> None:
    corner = fleet.corner
    with fleet.node(SMALL, 7):
        corner.make(fleet.agent("bereft", 10, {"profile": "auto"}))
        corner.wait_condition("bereft", "Placed", "True")
        before = corner.versions("bereft")
        assert before
    corner.wait_condition("bereft", "Placed", "False", "NoNodeMatches")
    assert corner.versions("bereft") == before
    with fleet.node(SMALL, 7):
        corner.wait_condition("bereft", "Placed", "True")
        assert corner.versions("bereft") == before


@contextmanager
def _slice(corner: Operated, node: OwnNode) -> Iterator[None]:
    devices = [mig_device(0, start, "1g.18gb", "16Gi") for start in range(2)]
    made = corner.post(RESOURCE_SLICES, resource_slice(node.name, *devices))
    try:
        yield
    finally:
        corner.remove(RESOURCE_SLICES, made["metadata"]["name"])


def test_a_pool_of_claims_gives_a_claim_template(fleet: Fleet) -> None:
    corner = fleet.corner
    pool = f"claims-{fleet.word}"
    spec = {"nodeSelector": fleet.labels, "backend": "DRA"}
    corner.post(GPU_POOLS, {"apiVersion": API, "kind": "GPUPool", "metadata": {"name": pool}, "spec": spec})
    with fleet.node("example.com/none", 0) as node, _slice(corner, node):
        corner.make(fleet.agent("claimed", 10, {"profile": "auto"}, pool=pool))
        placed = corner.wait_condition("claimed", "Placed", "True")
        assert placed["status"]["partition"] == "1g.18gb"
        (template,) = corner.children_of(CLAIM_TEMPLATES, "claimed")
        name = template["metadata"]["name"]
        assert template["metadata"]["ownerReferences"][0]["uid"] == placed["metadata"]["uid"]
        pod = corner.the(DEPLOYMENTS, "claimed-main")["spec"]["template"]["spec"]
        (claim,) = pod["resourceClaims"]
        assert claim["resourceClaimTemplateName"] == name
        (container,) = pod["containers"]
        assert [one["name"] for one in container["resources"]["claims"]] == [claim["name"]]
        assert _limits(corner, "claimed") == {}
        corner.wait(GPU_POOLS, pool, lambda found: found.get("status", {}).get("partitions") == 2)

        corner.remove(CLAIM_TEMPLATES, name)
        corner.wait(CLAIM_TEMPLATES, name)

        llm = {"llm": {"model": corner.model_name("llm")}}
        groups = [{**placed["spec"]["placement"]["groups"][0], "partition": {"profile": "none"}}]
        corner.change("claimed", {"pipeline": llm, "placement": {"groups": groups}})
        corner.wait_gone(CLAIM_TEMPLATES, name)
        assert "resourceClaims" not in corner.the(DEPLOYMENTS, "claimed-main")["spec"]["template"]["spec"]


def test_a_pool_that_is_not_for_the_namespace(fleet: Fleet) -> None:
    corner = fleet.corner
    pool = f"reserved-{fleet.word}"
    spec = {"nodeSelector": fleet.labels, "onlyAgentsOf": ["another"]}
    corner.post(GPU_POOLS, {"metadata": {"name": pool}, "spec": spec})
    corner.make(fleet.agent("stranger", 10, {"profile": "auto"}, pool=pool))
    refused = corner.wait_condition("stranger", "Accepted", "False", "Invalid")
    message = condition(refused, "Accepted")["message"]
    assert pool in message
    assert "another" in message
