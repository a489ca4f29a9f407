"""What nodes and slices offer, by what it really holds."""

from __future__ import annotations

import pytest
from gpu_nodes import H200, RTX_PRO, gpu_device, mig_device, node, resource_slice

from antiphon_operator.placing import partition_table as table
from antiphon_operator.placing.claims import claimable
from antiphon_operator.placing.offers import Offer, is_tolerated, offers_of

GIB = 2**30
H100 = "NVIDIA-H100-80GB-HBM3"


def _told(offers: list[Offer]) -> list[tuple[str, float | None, int, str | None]]:
    return [
        (
            offer.kind,
            None if offer.memory_bytes is None else round(offer.memory_bytes / GIB, 2),
            sum(offer.counts.values()),
            offer.hardware,
        )
        for offer in offers
    ]


def test_mixed_nodes_offer_partitions_and_whole_gpus_side_by_side() -> None:
    nodes = [node("a", H200, mig_1g_18gb=7, mig_3g_71gb=2, gpu=6), node("b", H200, mig_1g_18gb=14)]
    offers = offers_of(nodes)
    assert _told(offers) == [
        ("1g.18gb", 16.0, 21, "h200-141gb/1g.18gb"),
        ("3g.71gb", 69.5, 2, "h200-141gb/3g.71gb"),
        ("whole GPU", 140.4, 6, "h200-141gb"),
    ]
    assert [offer.resource for offer in offers] == [
        "nvidia.com/mig-1g.18gb",
        "nvidia.com/mig-3g.71gb",
        "nvidia.com/gpu",
    ]
    assert offers[0].counts == {"a": 7, "b": 14}
    assert (offers[0].slots(2), offers[0].multiprocessors) == (10, 16)


def test_with_strategy_single_partitions_go_by_the_name_of_gpus() -> None:
    labels = {"nvidia.com/gpu.memory": "9984", "nvidia.com/mig.strategy": "single"}
    (offer,) = offers_of([node("n", f"{H100}-MIG-1g.10gb", labels, gpu=7)])
    assert _told([offer]) == [("1g.10gb", 9.75, 7, "h100-80gb/1g.10gb")]
    assert offer.resource == "nvidia.com/gpu"
    assert offers_of([node("n", f"{H100}-MIG-INVALID", labels, gpu=7)]) == []


def test_what_was_measured_goes_before_the_table_unless_it_is_more_than_the_name_says() -> None:
    for measured, held in (("15000", 14.65), ("143771", 16.0)):
        labels = {"nvidia.com/mig-1g.18gb.memory": measured}
        assert _told(offers_of([node("n", H200, labels, mig_1g_18gb=7)]))[0][1] == held


def test_of_two_measures_the_lesser_stands() -> None:
    nodes = [
        node(name, H200, {"nvidia.com/mig-1g.18gb.memory": measured}, mig_1g_18gb=7)
        for name, measured in (("a", "16384"), ("b", "16000"))
    ]
    (offer,) = offers_of(nodes)
    assert (offer.memory_bytes, offer.counts) == (16000 * 2**20, {"a": 7, "b": 7})


def test_partitions_with_media_engines_are_named_with_a_plus() -> None:
    found = node("n", H200, mig_1g_18gb_me=1, mig_1g_18gb=6)
    assert [offer.profile for offer in offers_of([found])] == ["1g.18gb", "1g.18gb+me"]


def test_nodes_that_are_lost_offer_nothing_and_cordoned_ones_nothing_new() -> None:
    assert offers_of([node("n", H200, ready=False, gpu=8)]) == []
    (offer,) = offers_of([node("n", H200, cordoned=True, gpu=8)])
    assert (offer.on_one_node, offer.most_open, offer.slots(1)) == (8, 0, 0)


def test_a_gpu_that_nobody_knows_has_the_memory_of_its_label_or_none() -> None:
    labels = {"nvidia.com/gpu.memory": "24564"}
    assert _told(offers_of([node("n", "NVIDIA-GeForce-RTX-4090", labels, gpu=1)])) == [
        ("whole GPU", 23.99, 1, "rtx-4090-24gb")
    ]
    assert _told(offers_of([node("n", gpu=1)])) == [("whole GPU", None, 1, None)]
    assert _told(offers_of([node("n", mig_1g_12gb=7)])) == [("1g.12gb", 9.5, 7, None)]


@pytest.mark.parametrize(
    ("product", "memory_gib", "name"),
    [
        ("NVIDIA-H100-80GB-HBM3", 79.6, "h100-80gb"),
        ("NVIDIA-H100-NVL", 93.6, "h100-94gb"),
        ("NVIDIA-A100-SXM4-40GB", 40, "a100-40gb"),
        ("A100-PCIE-40GB", None, "a100-40gb"),
        ("NVIDIA-H200", None, "h200-141gb"),
        ("NVIDIA-GB200", 185, "gb200-186gb"),
        ("NVIDIA-B200", 179, "b200-180gb"),
        (RTX_PRO, None, "rtx-pro-6000-96gb"),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Max-Q-Workstation-Edition", None, "rtx-pro-6000-96gb"),
        ("Tesla-T4", 15, "t4-16gb"),
        ("NVIDIA-L40S", 44.99, "l40s-45gb"),
        ("NVIDIA-L40S", None, None),
        ("", 80, None),
    ],
)
def test_hardware_goes_by_the_names_that_profiles_use(product: str, memory_gib: float | None, name: str | None) -> None:
    memory = None if memory_gib is None else int(memory_gib * GIB)
    assert table.hardware_name(product, memory) == name


def test_no_partition_holds_what_its_name_says() -> None:
    """The name is a round number of decimal gigabytes; what can be used is less."""
    for product in ("A100", "H100", "H200", "B200", "GB200", "RTX-PRO-6000"):
        for profile in (
            "1g.10gb",
            "1g.18gb",
            "1g.23gb",
            "1g.24gb",
            "2g.48gb",
            "3g.71gb",
            "4g.96gb",
            "7g.80gb",
            "7g.180gb",
        ):
            usable, named = table.usable_bytes(product, profile), table.named_bytes(profile)
            assert usable is not None
            assert named is not None
            assert 0 < usable < named


def test_the_drivers_slices_are_read() -> None:
    nodes = [node("a"), node("b", cordoned=True), node("c", ready=False)]
    slices = [
        resource_slice("a", mig_device(0, 0, "1g.18gb", "99Gi"), generation=1),
        resource_slice("a", mig_device(0, 0, "1g.18gb", "16Gi"), mig_device(0, 1, "1g.18gb", "16Gi"), generation=2),
        resource_slice("b", gpu_device(0), {**gpu_device(1), "taints": [{"key": "broken", "effect": "NoSchedule"}]}),
        resource_slice("c", gpu_device(0)),
        {**resource_slice("a", gpu_device(7)), "spec": {"driver": "other.example.com", "devices": [gpu_device(7)]}},
    ]
    offers = claimable(slices, nodes)
    assert _told(offers) == [("1g.18gb", 16.0, 2, "h200-141gb/1g.18gb"), ("whole GPU", 140.4, 1, "h200-141gb")]
    assert [offer.resource for offer in offers] == [None, None]
    assert [offer.slots(1) for offer in offers] == [2, 0]


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"key": "team", "operator": "Exists"}, True),
        ({"key": "team", "operator": "Equal", "value": "video"}, True),
        ({"key": "team", "operator": "Equal", "value": "audio"}, False),
        ({"key": "team", "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"operator": "Exists"}, True),
    ],
)
def test_taints_are_tolerated_as_the_scheduler_does(toleration: dict[str, str | None], tolerated: bool) -> None:
    state = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    wish = {"key": "nice", "effect": "PreferNoSchedule"}
    taint = {"key": "team", "value": "video", "effect": "NoSchedule"}
    assert is_tolerated(node("n", taints=(taint, state, wish)), [toleration]) is tolerated
