"""What a group is placed on."""

from __future__ import annotations

import pytest
from gpu_nodes import (
    GPU_TAINT,
    H200,
    RTX_PRO,
    choice_of,
    gpu_device,
    gpu_variant,
    llm_group,
    llm_resolution,
    mig_device,
    misfit_of,
    node,
    resource_slice,
)
from objects import pool as pool_object

from antiphon_crds.pool import GPUPool
from antiphon_operator.placing.place import CPU_ONLY, ClusterView

GIB = 2**30
T4 = "Tesla-T4"
MIXED = (node("h", H200, mig_1g_18gb=5, mig_2g_35gb=1, labels={"gpu": "yes"}),)


def _pool(name: str = "pool", **spec: object) -> dict[str, GPUPool]:
    found = pool_object(**spec)
    return {name: found.model_copy(update={"metadata": found.metadata.model_copy(update={"name": name})})}


# --- auto ----------------------------------------------------------------------------------------------------------


def test_auto_runs_on_the_cpu_what_takes_no_gpu_memory() -> None:
    choice = choice_of(llm_resolution(gpu_variant("cpu", 0)), ClusterView(MIXED))
    assert choice.partition == CPU_ONLY
    assert (choice.resources, choice.node_selector, choice.tolerations, choice.slots) == ({}, {}, (), None)


@pytest.mark.parametrize(
    ("gib", "partition"),
    [(14.5, "1g.18gb"), (14.6, "2g.35gb"), (29.3, "2g.35gb"), (1, "1g.18gb")],
)
def test_auto_takes_the_smallest_that_holds_with_headroom(gib: float, partition: str) -> None:
    """1g.18gb holds 16 GiB, whatever its name says: 14.5 and a tenth more."""
    choice = choice_of(llm_resolution(gpu_variant("only", gib)), ClusterView(MIXED))
    assert choice.partition == partition
    assert choice.resources == {f"nvidia.com/mig-{partition}": 1}
    assert choice.hardware == f"h200-141gb/{partition}"
    assert choice.variants == {}


def test_auto_takes_a_whole_gpu_where_no_partition_holds() -> None:
    nodes = (*MIXED, node("w", H200, gpu=8), node("t", T4, gpu=1))
    choice = choice_of(llm_resolution(gpu_variant("only", 60)), ClusterView(nodes))
    assert (choice.partition, choice.resources, choice.slots) == ("1 GPU", {"nvidia.com/gpu": 1}, 8)
    assert choice.node_selector == {"nvidia.com/gpu.product": H200}, "by its name alone it could be the T4"
    assert choice.memory_bytes == 143771 * 2**20


def test_auto_takes_as_many_gpus_as_the_variant_is_spread_over() -> None:
    nodes = (node("two", H200, gpu=2), node("eight", H200, gpu=8))
    choice = choice_of(llm_resolution(gpu_variant("tp4", 95, gpus=4)), ClusterView(nodes))
    assert (choice.partition, choice.resources, choice.slots) == ("4 GPUs", {"nvidia.com/gpu": 4}, 2)


def test_auto_gives_up_the_largest_variants_where_nothing_holds_them() -> None:
    resolution = llm_resolution(gpu_variant("fp16", 60), gpu_variant("fp8", 28), gpu_variant("int4", 8))
    choice = choice_of(resolution, ClusterView(MIXED))
    assert choice.partition == "2g.35gb"
    assert choice.variants == {"llm": ("fp8", "int4")}


def test_auto_gives_up_what_is_spread_wider_than_any_node() -> None:
    resolution = llm_resolution(gpu_variant("tp4", 95, gpus=4), gpu_variant("single", 28))
    choice = choice_of(resolution, ClusterView((node("one", H200, gpu=1),)))
    assert (choice.partition, choice.variants) == ("1 GPU", {"llm": ("single",)})


def test_auto_falls_back_to_variants_for_the_cpu() -> None:
    resolution = llm_resolution(gpu_variant("gpu", 60), gpu_variant("cpu", 0))
    choice = choice_of(resolution, ClusterView(MIXED))
    assert (choice.partition, choice.variants) == (CPU_ONLY, {"llm": ("cpu",)})


def test_sessions_count_where_the_agent_says_how_many() -> None:
    variant = gpu_variant("only", 10, per_session="512Mi")
    few = llm_resolution(variant, placement=llm_group(maxSessions=9))
    many = llm_resolution(variant, placement=llm_group(maxSessions=10))
    assert choice_of(few, ClusterView(MIXED)).partition == "1g.18gb"
    assert choice_of(many, ClusterView(MIXED)).partition == "2g.35gb"
    by_agent = llm_resolution(variant, sessions={"maxPerReplica": 10})
    assert choice_of(by_agent, ClusterView(MIXED)).partition == "2g.35gb"


def test_cordoned_and_lost_nodes_offer_nothing_to_auto() -> None:
    lost = node("lost", H200, ready=False, mig_1g_18gb=7)
    cordoned = node("cordoned", H200, cordoned=True, mig_1g_18gb=7)
    resolution = llm_resolution(gpu_variant("only", 10))
    misfit = misfit_of(resolution, ClusterView((lost, cordoned)))
    assert "7 x 1g.18gb of 16Gi (NVIDIA-H200, on cordoned nodes)" in misfit.message
    assert choice_of(resolution, ClusterView((lost, cordoned, *MIXED))).slots == 5


def test_a_shared_gpu_promises_no_memory() -> None:
    shared = node("s", H200, labels={"nvidia.com/gpu.replicas": "4"}, gpu=4)
    misfit = misfit_of(llm_resolution(gpu_variant("only", 10)), ClusterView((shared,)))
    assert "1 node, of which 1 with GPUs shared by time slicing" in misfit.message


# --- what is asked for ---------------------------------------------------------------------------------------------


def test_a_profile_is_taken_as_it_is() -> None:
    resolution = llm_resolution(gpu_variant("only", 15.9), placement=llm_group(partition={"profile": "1g.18gb"}))
    choice = choice_of(resolution, ClusterView(MIXED))
    assert (choice.partition, choice.slots) == ("1g.18gb", 5)


def test_a_profile_narrows_the_variants_to_those_that_it_holds() -> None:
    variants = gpu_variant("fp16", 17), gpu_variant("fp8", 9.5)
    resolution = llm_resolution(*variants, placement=llm_group(partition={"profile": "1g.18gb"}))
    assert choice_of(resolution, ClusterView(MIXED)).variants == {"llm": ("fp8",)}


def test_a_profile_on_cordoned_nodes_is_waited_for() -> None:
    resolution = llm_resolution(gpu_variant("only", 9), placement=llm_group(partition={"profile": "1g.18gb"}))
    cordoned = node("cordoned", H200, cordoned=True, mig_1g_18gb=7)
    assert choice_of(resolution, ClusterView((cordoned,))).slots == 0


def test_one_slice_under_two_names_is_one() -> None:
    resolution = llm_resolution(gpu_variant("only", 9), placement=llm_group(partition={"profile": "1g.24gb"}))
    choice = choice_of(resolution, ClusterView((node("g", "NVIDIA-GB200", mig_1g_23gb=7),)))
    assert choice.resources == {"nvidia.com/mig-1g.23gb": 1}


@pytest.mark.parametrize(("memory", "partition"), [("16Gi", "1g.18gb"), ("17Gi", "2g.35gb"), ("33Gi", "1 GPU")])
def test_memory_takes_the_smallest_with_at_least_it(memory: str, partition: str) -> None:
    resolution = llm_resolution(gpu_variant("only", 9), placement=llm_group(partition={"memory": memory}))
    nodes = (*MIXED, node("w", H200, gpu=1))
    assert choice_of(resolution, ClusterView(nodes)).partition == partition


def test_whole_gpus_are_those_of_one_node() -> None:
    resolution = llm_resolution(gpu_variant("only", 9), placement=llm_group(partition={"gpus": 2}))
    ones = tuple(node(f"one-{index}", H200, gpu=1) for index in range(4))
    misfit = misfit_of(resolution, ClusterView(ones))
    assert "2 whole GPUs on one node" in misfit.message
    assert "4 x whole GPU of 140.4Gi (NVIDIA-H200, at most 1 on a node)" in misfit.message
    choice = choice_of(resolution, ClusterView((*ones, node("five", H200, gpu=5))))
    assert (choice.partition, choice.slots) == ("2 GPUs", 2)


def test_none_is_the_cpu_and_says_which_models_need_more() -> None:
    placement = llm_group(partition={"profile": "none"})
    mixed = llm_resolution(gpu_variant("gpu", 9), gpu_variant("cpu", 0), placement=placement)
    assert choice_of(mixed, ClusterView(MIXED)).variants == {"llm": ("cpu",)}
    misfit = misfit_of(llm_resolution(gpu_variant("gpu", 9), placement=placement), ClusterView(MIXED))
    assert misfit.reason == "NoPartitionFits"
    assert "llm-model gpu 9Gi" in misfit.message


def test_several_gpus_are_joined_as_is_asked() -> None:
    topology = {"interconnect": "NVLink"}
    resolution = llm_resolution(
        gpu_variant("tp2", 95, gpus=2), placement=llm_group(partition={"gpus": 2}, pool="pool", topology=topology)
    )
    nodes = (node("n", H200, {"gpu": "yes"}, gpu=8),)
    misfit = misfit_of(resolution, ClusterView(nodes, _pool(interconnect="PCIe")))
    assert "joined by NVLink" in misfit.message
    assert choice_of(resolution, ClusterView(nodes, _pool(interconnect="NVLink"))).slots == 4


# --- nodes and pools -----------------------------------------------------------------------------------------------


def test_without_a_pool_the_product_is_always_said() -> None:
    choice = choice_of(llm_resolution(gpu_variant("only", 9)), ClusterView(MIXED))
    assert choice.node_selector == {"nvidia.com/gpu.product": H200}
    assert [taint["key"] for taint in choice.tolerations] == ["nvidia.com/gpu"]


def test_in_a_pool_the_product_is_said_where_not_all_will_do() -> None:
    a100, h100 = "NVIDIA-A100-SXM4-80GB", "NVIDIA-H100-80GB-HBM3"
    nodes = (node("a", a100, {"gpu": "yes"}, mig_1g_10gb=7), node("h", h100, {"gpu": "yes"}, mig_1g_10gb=7))
    group = llm_group(pool="pool")
    small = choice_of(llm_resolution(gpu_variant("only", 8.7), placement=group), ClusterView(nodes, _pool()))
    large = choice_of(llm_resolution(gpu_variant("only", 8.8), placement=group), ClusterView(nodes, _pool()))
    assert small.node_selector == {"gpu": "yes", "nvidia.com/gpu.product": a100}
    assert large.node_selector == {"gpu": "yes", "nvidia.com/gpu.product": h100}
    assert large.hardware == "h100-80gb/1g.10gb"
    alone = choice_of(llm_resolution(gpu_variant("only", 8.7), placement=group), ClusterView(nodes[:1], _pool()))
    assert alone.node_selector == {"gpu": "yes"}


def test_boards_of_two_forms_are_alike() -> None:
    nodes = (
        node("sxm", "NVIDIA-A100-SXM4-80GB", {"gpu": "yes"}, mig_1g_10gb=7),
        node("pcie", "NVIDIA-A100-PCIE-80GB", {"gpu": "yes"}, mig_1g_10gb=7),
    )
    resolution = llm_resolution(gpu_variant("only", 8), placement=llm_group(pool="pool"))
    choice = choice_of(resolution, ClusterView(nodes, _pool()))
    assert (choice.slots, choice.node_selector) == (14, {"gpu": "yes"})


def test_of_two_pools_the_cheaper_one_is_taken() -> None:
    nodes = (
        node("dear", H200, {"gpu": "dear"}, mig_1g_18gb=7),
        node("cheap", RTX_PRO, {"gpu": "cheap"}, mig_1g_24gb=4),
    )
    pools = {
        **_pool("dear", nodeSelector={"gpu": "dear"}, prices={"gpuHour": 8}),
        **_pool("cheap", nodeSelector={"gpu": "cheap"}, prices={"gpuHour": 2, "nodeHour": 2}),
    }
    choice = choice_of(llm_resolution(gpu_variant("only", 10)), ClusterView(nodes, pools))
    assert (choice.pool, choice.partition) == ("cheap", "1g.24gb"), "2 / 4 + 2 / 4 against 8 / 7"
    assert choice.hardware == "rtx-pro-6000-96gb/1g.24gb"
    pools["dear"] = _pool("dear", nodeSelector={"gpu": "dear"}, prices={"gpuHour": 6.9})["dear"]
    assert choice_of(llm_resolution(gpu_variant("only", 10)), ClusterView(nodes, pools)).pool == "dear"


def test_a_pool_that_stands_for_other_gpus_is_taken_by_name_only() -> None:
    pools = _pool("stand-in", nodeSelector={"kubernetes.io/os": "linux"}, hardware="b200-180gb")
    view = ClusterView(MIXED, pools)
    assert choice_of(llm_resolution(gpu_variant("only", 9)), view).pool is None
    named = choice_of(llm_resolution(gpu_variant("only", 9), placement=llm_group(pool="stand-in")), view)
    assert (named.pool, named.hardware) == ("stand-in", "b200-180gb/1g.18gb")


def test_a_reserved_pool_is_left_alone() -> None:
    pools = _pool("reserved", onlyAgentsOf=["other"])
    resolution = llm_resolution(gpu_variant("only", 9))
    assert "the cluster offers no GPU" in misfit_of(resolution, ClusterView(MIXED, pools)).message
    assert choice_of(resolution, ClusterView(MIXED, pools, namespace="other")).pool == "reserved"
    named = llm_resolution(gpu_variant("only", 9), placement=llm_group(pool="reserved"))
    misfit = misfit_of(named, ClusterView(MIXED, pools))
    assert misfit.reason == "PoolNotAllowed"
    assert "other" in misfit.message


def test_a_pool_that_is_not_there_is_missed() -> None:
    resolution = llm_resolution(gpu_variant("only", 9), placement=llm_group(pool="gone"))
    misfit = misfit_of(resolution, ClusterView(MIXED, _pool("faces")))
    assert misfit.reason == "PoolMissing"
    assert misfit.message == "there is no GPUPool gone; apply it, or name one that there is (faces)"


def test_labels_that_no_node_has_are_named() -> None:
    for partition in ({"profile": "none"}, {"profile": "auto"}):
        placement = llm_group(partition=partition, nodeSelector={"zone": "moon"})
        misfit = misfit_of(llm_resolution(gpu_variant("cpu", 0), placement=placement), ClusterView(MIXED))
        assert misfit.reason == "NoNodeMatches"
        assert "zone=moon" in misfit.message


def test_taints_keep_away_who_does_not_tolerate_them() -> None:
    own = {"key": "team", "value": "video", "effect": "NoSchedule"}
    nodes = (node("n", H200, {"gpu": "yes"}, taints=(GPU_TAINT, own), mig_1g_18gb=7),)
    plain = llm_resolution(gpu_variant("only", 9), placement=llm_group(nodeSelector={"gpu": "yes"}))
    misfit = misfit_of(plain, ClusterView(nodes))
    assert misfit.reason == "NoNodeMatches"
    assert "1 with taints that the group does not tolerate" in misfit.message
    for toleration in (
        {"key": "team", "value": "video"},
        {"key": "team", "operator": "Exists"},
        {"operator": "Exists"},
    ):
        tolerant = llm_resolution(gpu_variant("only", 9), placement=llm_group(tolerations=[toleration]))
        assert choice_of(tolerant, ClusterView(nodes)).slots == 7


def test_layouts_that_a_pool_could_be_cut_into_are_told_and_not_counted() -> None:
    layout = {"name": "all-2g.35gb", "partitions": [{"profile": "2g.35gb", "count": 3}]}
    partitioning = {"mode": "Dynamic", "through": "MigManager", "layouts": [layout]}
    resolution = llm_resolution(gpu_variant("only", 20), placement=llm_group(pool="pool"))
    nodes = (node("n", H200, {"gpu": "yes"}, mig_1g_18gb=7),)
    misfit = misfit_of(resolution, ClusterView(nodes, _pool(partitioning=partitioning)))
    assert misfit.message == (
        "it needs 22Gi of GPU memory for all allowed variants (llm-model only 20Gi, and 10% headroom);"
        " pool pool offers 7 x 1g.18gb of 16Gi (NVIDIA-H200); pool pool could be cut by layout all-2g.35gb."
        " Allow smaller variants, lower maxSessions, cut the GPUs into larger partitions, or add nodes."
    )


# --- claims --------------------------------------------------------------------------------------------------------


def _dra(*, served: bool = True) -> ClusterView:
    devices = [mig_device(0, index, "1g.18gb", "16Gi") for index in range(7)]
    slices = (resource_slice("n", *devices, gpu_device(1), gpu_device(2)),)
    return ClusterView((node("n", labels={"gpu": "yes"}),), _pool(backend="DRA"), slices, serves_dra=served)


def test_a_pool_with_claims_gives_a_claim() -> None:
    choice = choice_of(llm_resolution(gpu_variant("only", 9), placement=llm_group(pool="pool")), _dra())
    assert (choice.partition, choice.resources, choice.slots) == ("1g.18gb", {}, 7)
    assert choice.node_selector == {"gpu": "yes"}
    assert choice.hardware == "h200-141gb/1g.18gb"
    (request,) = (choice.claim or {})["devices"]["requests"]
    assert request["exactly"]["deviceClassName"] == "mig.nvidia.com"
    assert [selector["cel"]["expression"] for selector in request["exactly"]["selectors"]] == [
        "device.attributes['gpu.nvidia.com'].profile == '1g.18gb'",
        "device.capacity['gpu.nvidia.com'].memory.compareTo(quantity('17179869184')) >= 0",
    ]


def test_whole_gpus_are_claimed_together() -> None:
    placement = llm_group(pool="pool", partition={"gpus": 2})
    choice = choice_of(llm_resolution(gpu_variant("only", 9), placement=placement), _dra())
    assert (choice.partition, choice.slots, choice.hardware) == ("2 GPUs", 1, "h200-141gb")
    (request,) = (choice.claim or {})["devices"]["requests"]
    assert (request["exactly"]["deviceClassName"], request["exactly"]["count"]) == ("gpu.nvidia.com", 2)


def test_claims_that_are_not_served_are_refused() -> None:
    misfit = misfit_of(llm_resolution(gpu_variant("only", 9), placement=llm_group(pool="pool")), _dra(served=False))
    assert "this cluster does not serve resource.k8s.io/v1" in misfit.message
    assert misfit.message.endswith("Use backend DevicePlugin, or a cluster with Kubernetes 1.34 or later.")
