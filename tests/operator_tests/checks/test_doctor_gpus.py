"""GPU nodes, MIG, and claims."""

from __future__ import annotations

from typing import Any

import pytest
from gpu_nodes import H200, mig_device, node, resource_slice

from antiphon_operator.checks.check import Result

ok, warning, failed, skipped = Result.ok, Result.warning, Result.failed, Result.skipped
STATE, WANTED, STRATEGY = "nvidia.com/mig.config.state", "nvidia.com/mig.config", "nvidia.com/mig.strategy"
MIXED = {STRATEGY: "mixed", WANTED: "all-1g.18gb", STATE: "success", "nvidia.com/mig.capable": "true"}
PRESENT = {"nvidia.com/gpu.present": "true"}


def pool(world: Any, **spec: Any) -> None:
    world.put("GPUPool", "pool", spec={"nodeSelector": {"gpu": "yes"}, **spec})


# --- gpu-nodes ------------------------------------------------------------------------------------------------------


def test_what_nodes_offer_is_told(world: Any, found: Any) -> None:
    world.add(node("cpu"))
    world.add(node("mig-0", H200, MIXED, mig_1g_18gb=7))
    world.add(node("mig-1", H200, MIXED, mig_1g_18gb=7))
    world.add(node("whole", H200, gpu=8))
    finding = found("gpu-nodes")
    assert finding.result is ok
    assert finding.message == "3 nodes: 14 x 1g.18gb of NVIDIA-H200, 8 x whole GPU of NVIDIA-H200"


def test_a_cluster_without_gpus_is_well_unless_pools_want_some(world: Any, found: Any) -> None:
    world.add(node("cpu"))
    assert found("gpu-nodes").result is ok
    pool(world)
    finding = found("gpu-nodes")
    assert finding.result is warning
    assert "GPUPools pool" in finding.message


def test_gpus_that_nobody_offers_are_a_failure(world: Any, found: Any) -> None:
    world.add(node("bare", labels=PRESENT))
    finding = found("gpu-nodes")
    assert finding.result is failed
    assert "bare have GPUs that nobody offers" in finding.message
    assert "device plugin" in finding.advice


def test_gpus_that_a_driver_publishes_need_no_device_plugin(world: Any, found: Any) -> None:
    world.add(node("claims", labels=PRESENT))
    world.add(resource_slice("claims", mig_device(0, 0, "1g.18gb", "16Gi")))
    finding = found("gpu-nodes")
    assert (finding.result, finding.message) == (ok, "1 node, by claims")


def test_nodes_that_can_not_be_used_are_told(world: Any, found: Any) -> None:
    sick = node("sick", H200, gpu=1)
    sick["status"]["allocatable"] = {**sick["status"]["allocatable"], "nvidia.com/gpu": "0"}
    world.add(node("gone", H200, ready=False, gpu=1))
    assert "gone are not ready" in found("gpu-nodes").message
    world.add(node("closed", H200, cordoned=True, gpu=1))
    assert "closed are cordoned" in found("gpu-nodes").message
    world.add(sick)
    finding = found("gpu-nodes")
    assert (finding.result, finding.message) == (failed, "sick offer no GPU at the moment")


# --- mig ------------------------------------------------------------------------------------------------------------


def test_nodes_that_were_cut_are_well(world: Any, found: Any) -> None:
    assert found("mig").result is skipped
    world.add(node("mig-0", H200, MIXED, mig_1g_18gb=7))
    assert found("mig").result is ok


@pytest.mark.parametrize(
    ("labels", "resources", "result", "says"),
    [
        ({**MIXED, STATE: "failed"}, {"mig_1g_18gb": 7}, failed, "could not cut mig-0 (all-1g.18gb)"),
        ({**MIXED, STATE: "pending"}, {"mig_1g_18gb": 7}, warning, "mig-0 (pending)"),
        ({**MIXED, STATE: "rebooting"}, {"mig_1g_18gb": 7}, warning, "mig-0 (rebooting)"),
        ({STRATEGY: "mixed", WANTED: "all-1g.18gb"}, {"mig_1g_18gb": 7}, warning, "has not answered"),
        (MIXED, {}, failed, "strategy mixed and no partition"),
        (MIXED, {"mig_1g_18gb": 0}, failed, "strategy mixed and no partition"),
        (MIXED, {"gpu": 8}, ok, "1 node cut as wanted"),
        ({STRATEGY: "single", WANTED: "all-1g.18gb", STATE: "success"}, {"gpu": 7}, ok, "1 node cut as wanted"),
        ({STRATEGY: "none", "nvidia.com/mig.capable": "false"}, {"gpu": 1}, skipped, "no node"),
    ],
)
def test_what_ails_the_cutting_is_told(
    world: Any, found: Any, labels: Any, resources: Any, result: Result, says: str
) -> None:
    world.add(node("mig-0", H200, labels, **resources))
    finding = found("mig")
    assert finding.result is result, finding
    assert says in finding.message


# --- dra ------------------------------------------------------------------------------------------------------------


def driver(world: Any) -> None:
    world.add(resource_slice("node", mig_device(0, 0, "1g.18gb", "16Gi")))
    for name in ("gpu.nvidia.com", "mig.nvidia.com"):
        world.put("DeviceClass", name, spec={})


def test_a_driver_that_publishes_slices_is_well(world: Any, found: Any) -> None:
    driver(world)
    finding = found("dra")
    assert (finding.result, finding.message) == (ok, "1 slice of driver gpu.nvidia.com on 1 node")


def test_without_a_driver_only_pools_that_ask_for_claims_fail(world: Any, found: Any) -> None:
    finding = found("dra")
    assert finding.result is ok
    assert "no GPUPool asks for it" in finding.message
    pool(world, backend="DRA")
    finding = found("dra")
    assert finding.result is failed
    assert "slices of driver gpu.nvidia.com, DeviceClass gpu.nvidia.com" in finding.message
    assert "GPUPools pool ask for it" in finding.message


def test_a_server_that_knows_no_claims_fails_pools_that_ask_for_them(world: Any, found: Any, monkeypatch: Any) -> None:
    async def serves(*_: Any) -> bool:
        return False

    monkeypatch.setattr("antiphon_operator.checks.cluster.Cluster.serves", serves)
    assert found("dra").result is skipped
    pool(world, backend="DRA")
    finding = found("dra")
    assert finding.result is failed
    assert "1.34" in finding.advice
