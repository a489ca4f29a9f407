"""What holds of every placing."""

from __future__ import annotations

from typing import Any

from gpu_nodes import GPU_TAINT, gpu_variant, llm_group, llm_resolution, node, placed
from hypothesis import given, settings
from hypothesis import strategies as st
from objects import pool as pool_object

from antiphon_operator.objects import Obj
from antiphon_operator.placing.choice import Choice, Misfit
from antiphon_operator.placing.needs import needs_of
from antiphon_operator.placing.offers import PRODUCT_LABEL, offers_of
from antiphon_operator.placing.place import CPU_ONLY, ClusterView
from antiphon_policies.resolution import Resolution

_PROFILES = {
    "NVIDIA-H200": ["mig_1g_18gb", "mig_1g_35gb", "mig_2g_35gb", "mig_3g_71gb", "mig_7g_141gb", "gpu"],
    "NVIDIA-A100-SXM4-80GB": ["mig_1g_10gb", "mig_2g_20gb", "mig_3g_40gb", "gpu"],
    "NVIDIA-H100-80GB-HBM3": ["mig_1g_10gb", "mig_1g_10gb_me", "mig_3g_40gb", "gpu"],
    "Tesla-T4": ["gpu"],
    "": ["gpu", "mig_1g_12gb"],
}


@st.composite
def _nodes(draw: st.DrawFn, least: int = 0) -> list[Obj]:
    count = draw(st.integers(least, 5))
    return [_node(draw, index) for index in range(count)]


def _node(draw: st.DrawFn, index: int) -> Obj:
    product = draw(st.sampled_from(sorted(_PROFILES)))
    amounts: dict[str, Any] = draw(st.dictionaries(st.sampled_from(_PROFILES[product]), st.integers(1, 8), max_size=3))
    labels = draw(st.sampled_from([{}, {"gpu": "yes"}]))
    taints = draw(st.sampled_from([(), (GPU_TAINT,)]))
    ready, cordoned = draw(st.sampled_from([(True, False), (True, False), (True, True), (False, False)]))
    return node(f"n{index}", product, labels, ready=ready, cordoned=cordoned, taints=taints, **amounts)


@st.composite
def _resolutions(draw: st.DrawFn) -> Resolution:
    count = draw(st.integers(1, 3))
    variants = [_variant(draw, f"v{index}") for index in range(count)]
    partitions: list[dict[str, Any]] = [
        {"profile": "auto"},
        {"profile": "auto"},
        {"profile": "none"},
        {"profile": "1g.10gb"},
        {"memory": "20Gi"},
        {"gpus": 2},
    ]
    more: dict[str, Any] = {"partition": draw(st.sampled_from(partitions))}
    if draw(st.booleans()):
        more["pool"] = "pool"
    if draw(st.booleans()):
        more["maxSessions"] = draw(st.integers(1, 20))
    return llm_resolution(*variants, placement=llm_group(**more))


def _variant(draw: st.DrawFn, name: str) -> dict[str, Any]:
    gib = draw(st.sampled_from([0, 2, 8, 8.7, 8.8, 14, 17, 30, 60, 120]))
    gpus = draw(st.sampled_from([0, 0, 2, 4])) if gib else 0
    return gpu_variant(name, gib, gpus=gpus, per_session=draw(st.sampled_from([None, "256Mi"])))


def _view(nodes: list[Obj]) -> ClusterView:
    return ClusterView(tuple(nodes), {"pool": pool_object(prices={"gpuHour": 2})})


def _reached(choice: Choice, nodes: list[Obj]) -> list[Obj]:
    """Nodes to which the scheduler could bring the choice's pods."""
    labelled = [
        one for one in nodes if all(one["metadata"]["labels"].get(k) == v for k, v in choice.node_selector.items())
    ]
    amounts = [one["status"]["allocatable"] for one in labelled]
    enough = [all(int(has.get(name, 0)) >= count for name, count in choice.resources.items()) for has in amounts]
    return [one for one, is_enough in zip(labelled, enough, strict=True) if is_enough]


@given(_resolutions(), _nodes())
@settings(max_examples=100, deadline=None)
def test_wherever_the_pods_come_the_variants_that_stay_fit(resolution: Resolution, nodes: list[Obj]) -> None:
    """Where nodes are labelled: without, one GPU can't be told from another."""
    nodes = [one for one in nodes if PRODUCT_LABEL in one["metadata"]["labels"]]
    found = placed(resolution, _view(nodes))
    if isinstance(found, Misfit):
        return
    allowed = {**needs_of(resolution.groups[0], resolution).names, **found.variants}["llm"]
    (stage,) = [one for one in resolution.stages if one.stage == "llm"]
    kept = [variant for variant in stage.variants if variant.name in allowed]
    assert kept
    if found.partition == CPU_ONLY:
        assert all(variant.memory.gpu is None for variant in kept)
        return
    count = next(iter(found.resources.values()))
    for one in _reached(found, nodes):
        for offer in offers_of([{**one, "spec": {}}]):
            if offer.resource not in found.resources or offer.memory_bytes is None:
                continue
            for variant in kept:
                assert float((variant.memory.gpu or "0Gi")[:-2]) * 2**30 / max(1, variant.gpus) <= offer.memory_bytes
                assert variant.gpus <= (count if offer.is_whole else 0)


@given(_resolutions(), _nodes())
@settings(max_examples=100, deadline=None)
def test_no_smaller_offer_holds_what_auto_was_given_for(resolution: Resolution, nodes: list[Obj]) -> None:
    """Without prices, and where nothing had to be given up."""
    group = resolution.groups[0].model_copy(update={"pool": None})
    resolution = Resolution(**{**vars(resolution), "groups": (group,)})
    found = placed(resolution, ClusterView(tuple(nodes)))
    if group.partition.profile != "auto" or isinstance(found, Misfit) or found.partition == CPU_ONLY or found.variants:
        return
    needs = needs_of(group, resolution)
    assert found.memory_bytes is not None
    for offer in offers_of(nodes):
        if (
            not offer.is_whole
            and offer.slots(1)
            and offer.memory_bytes is not None
            and needs.fit(offer.memory_bytes, 0)
        ):
            assert not found.partition.endswith(("GPU", "GPUs"))
            assert offer.memory_bytes >= found.memory_bytes


@given(_resolutions(), _nodes(least=1), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_more_nodes_never_hurt_and_their_order_does_not_matter(
    resolution: Resolution, nodes: list[Obj], dice: Any
) -> None:
    before = placed(resolution, _view(nodes[1:]))
    after = placed(resolution, _view(nodes))
    assert isinstance(before, Misfit) or isinstance(after, Choice)
    dice.shuffle(nodes)
    assert placed(resolution, _view(nodes)) == after


@given(_resolutions(), _nodes())
@settings(max_examples=100, deadline=None)
def test_every_misfit_says_what_was_needed_and_what_there_is(resolution: Resolution, nodes: list[Obj]) -> None:
    found = placed(resolution, _view(nodes))
    if isinstance(found, Choice):
        return
    assert found.reason in ("NoPartitionFits", "NoNodeMatches")
    if found.reason == "NoNodeMatches":
        assert "gpu=yes" in found.message
    elif resolution.groups[0].partition.profile == "none":
        assert "partition none has no GPU" in found.message
    else:
        assert "it needs " in found.message
        assert " offers " in found.message
        visible = [one for one in nodes if not resolution.groups[0].pool or "gpu" in one["metadata"]["labels"]]
        for offer in offers_of(visible)[:8]:
            assert f"{sum(offer.counts.values())} x {offer.kind}" in found.message
