"""Whether a partition is free, and what a pool's status says."""

from __future__ import annotations

import pytest
from gpu_nodes import H200, gpu_device, mig_device, node, resource_slice
from objects import pool

from antiphon_operator.objects import Obj
from antiphon_operator.placing.choice import Choice
from antiphon_operator.placing.usage import pool_status, surge

YES = {"gpu": "yes", "nvidia.com/gpu.count": "1"}


def _pod(name: str, node_name: str, resource: str = "", count: int = 1, phase: str = "Running", claim: str = "") -> Obj:
    labels = {"antiphon.dev/agent": "hello", "antiphon.dev/group": "main"}
    limits = {resource: str(count)} if resource else {}
    status: Obj = {"phase": phase}
    if claim:
        status["resourceClaimStatuses"] = [{"name": "gpu", "resourceClaimName": claim}]
    return {
        "metadata": {"name": name, "namespace": "team", "labels": labels},
        "spec": {"nodeName": node_name, "containers": [{"name": "voice", "resources": {"limits": limits}}]},
        "status": status,
    }


def _claim(name: str, *devices: str, driver: str = "gpu.nvidia.com") -> Obj:
    results = [{"request": "gpu", "driver": driver, "pool": "n", "device": device} for device in devices]
    return {
        "metadata": {"name": name, "namespace": "team"},
        "status": {"allocation": {"devices": {"results": results}}},
    }


@pytest.mark.parametrize(("wanted", "others", "free"), [(3, 3, True), (3, 4, False), (7, 0, False), (0, 6, True)])
def test_one_more_is_free_while_fewer_are_wanted_than_there_are(wanted: int, others: int, free: bool) -> None:
    assert surge(Choice("1g.18gb", slots=7), wanted, others) is free
    assert surge(Choice("CPU only"), wanted, others)


def test_a_pool_tells_what_is_placed_where() -> None:
    labels = {**YES, "nvidia.com/mig.config": "all-1g.18gb", "nvidia.com/mig.config.state": "success"}
    nodes = [node("b", H200, labels, mig_1g_18gb=7), node("a", H200, labels, mig_1g_18gb=7), node("other", H200, gpu=8)]
    pods = [
        _pod("p1", "a", "nvidia.com/mig-1g.18gb"),
        _pod("p2", "a", "nvidia.com/mig-1g.18gb"),
        _pod("done", "a", "nvidia.com/mig-1g.18gb", phase="Succeeded"),
        _pod("elsewhere", "other", "nvidia.com/gpu"),
    ]
    status = pool_status(pool(), nodes, pods)
    assert (status.nodes, status.gpus, status.partitions, status.partitions_used) == (2, 2, 14, 2)
    first, second = status.node_status
    assert (first.name, first.product, first.layout, first.free) == ("a", H200, "all-1g.18gb", {"1g.18gb": 5})
    assert [(one.pod, one.agent, one.group, one.gpu) for one in first.placed] == [
        ("p1", "team/hello", "main", 0),
        ("p2", "team/hello", "main", 0),
    ]
    assert (second.free, second.placed) == ({"1g.18gb": 7}, [])


def test_what_the_device_plugin_keeps_to_itself_is_counted_and_not_listed() -> None:
    nodes = [node("a", H200, {**YES, "nvidia.com/gpu.count": "8"}, gpu=8)]
    some = pool_status(pool(), nodes, [_pod("p", "a", "nvidia.com/gpu", 4)])
    assert (some.partitions_used, some.node_status[0].free, some.node_status[0].placed) == (4, {"whole": 4}, [])
    every = pool_status(pool(), nodes, [_pod("p", "a", "nvidia.com/gpu", 8)])
    assert [one.gpu for one in every.node_status[0].placed] == list(range(8))


def test_a_layout_that_is_being_cut_is_not_in_force() -> None:
    labels = {**YES, "nvidia.com/mig.config": "all-2g.35gb", "nvidia.com/mig.config.state": "pending"}
    assert pool_status(pool(), [node("a", H200, labels)], []).node_status[0].layout == ""


def test_claims_tell_which_gpu_it_is() -> None:
    devices = [mig_device(1, index, "1g.18gb", "16Gi") for index in range(7)]
    slices = [resource_slice("n", gpu_device(0), *devices)]
    pods = [_pod("p1", "n", claim="c1"), _pod("p2", "n", claim="c2")]
    claims = [_claim("c1", "gpu-1-mig-1g18gb-3"), _claim("c2", "gpu-0"), _claim("c3", "gpu-0", driver="other")]
    status = pool_status(pool(backend="DRA"), [node("n", labels=YES)], pods, slices, claims)
    assert (status.partitions, status.partitions_used) == (8, 2)
    (found,) = status.node_status
    assert found.free == {"1g.18gb": 6, "whole": 0}
    assert [(one.pod, one.gpu, one.profile) for one in found.placed] == [("p1", 1, "1g.18gb"), ("p2", 0, "whole")]
    assert pool_status(pool(backend="DRA"), [node("n", labels=YES)], pods, slices).partitions_used == 0


def test_a_pool_without_nodes_is_empty() -> None:
    status = pool_status(pool(), [], [])
    assert (status.nodes, status.gpus, status.partitions, status.partitions_used) == (0, 0, 0, 0)
