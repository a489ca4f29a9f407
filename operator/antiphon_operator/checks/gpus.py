"""GPU nodes, the partitions of their GPUs, and claims on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from antiphon_operator.checks.check import Finding, counted, failed, few, ok, skipped, warning, worst
from antiphon_operator.checks.cluster import Cluster, NotServedError
from antiphon_operator.kube.resources import DEVICE_CLASSES, GPU_POOLS, NODES, RESOURCE_SLICES
from antiphon_operator.objects import Obj, labels_of, name_of
from antiphon_operator.placing.offers import PRODUCT_LABEL, Offer, is_cordoned, is_ready, offers_of

DRIVER = "gpu.nvidia.com"
CLASSES = (DRIVER, "mig.nvidia.com")
_RESOURCES = "nvidia.com/"
_PRESENT = (
    "nvidia.com/gpu.present",
    "feature.node.kubernetes.io/pci-10de.present",
    "feature.node.kubernetes.io/pci-0302_10de.present",
)
_STATE, _WANTED, _STRATEGY = "nvidia.com/mig.config.state", "nvidia.com/mig.config", "nvidia.com/mig.strategy"
_UNDER_WAY = ("pending", "rebooting")
_PLUGIN = "Install NVIDIA's GPU operator, or its device plugin or DRA driver, and see that its pods run on these nodes."


async def check_gpu_nodes(cluster: Cluster) -> Finding:
    nodes = await cluster.all_of(NODES)
    gpu_nodes = [node for node in nodes if has_gpu(node)]
    if not gpu_nodes:
        return await _without_gpus(cluster)
    sliced = {_node_of(found) for found in await _slices(cluster)}
    findings = [*_bare(node for node in gpu_nodes if name_of(node) not in sliced), *_away(gpu_nodes)]
    offers = offers_of(gpu_nodes)
    told = few(_counted(offer) for offer in offers)
    return worst(findings, ok(f"{counted(len(gpu_nodes), 'node')}{f': {told}' if told else ', by claims'}"))


async def check_mig(cluster: Cluster) -> Finding:
    nodes = [node for node in await cluster.all_of(NODES) if _STRATEGY in labels_of(node) or _WANTED in labels_of(node)]
    nodes = [node for node in nodes if labels_of(node).get("nvidia.com/mig.capable") != "false"]
    if not nodes:
        return skipped("no node has GPUs that are cut by MIG")
    return worst(_uncut(nodes), ok(f"{counted(len(nodes), 'node')} cut as wanted"))


async def check_dra(cluster: Cluster) -> Finding:
    pools = [name_of(pool) for pool in await _pools(cluster) if pool["spec"].get("backend") == "DRA"]
    wanted = f"; GPUPools {few(pools)} ask for it" if pools else ""
    if not await cluster.serves(RESOURCE_SLICES):
        message = f"resource.k8s.io/{RESOURCE_SLICES.version} is not served{wanted}"
        advice = "Use Kubernetes 1.34 or later, or backend DevicePlugin."
        return failed(message, advice) if pools else skipped(f"{message}; no GPUPool asks for it")
    slices = await _slices(cluster)
    classes = {name_of(found) for found in await cluster.all_of(DEVICE_CLASSES)}
    missing = [name for name in CLASSES if name not in classes]
    if slices and not missing:
        return ok(
            f"{counted(len(slices), 'slice')} of driver {DRIVER} on {counted(len(set(map(_node_of, slices))), 'node')}"
        )
    lacks = few([*([] if slices else [f"slices of driver {DRIVER}"]), *(f"DeviceClass {name}" for name in missing)])
    if not pools:
        return ok(f"served, without {lacks}; no GPUPool asks for it")
    return failed(f"there are no {lacks}{wanted}", "Install NVIDIA's DRA driver, or use backend DevicePlugin.")


def has_gpu(node: Obj) -> bool:
    """By what found it: labels, or the device plugin."""
    labels = labels_of(node)
    told = any(labels.get(name) == "true" for name in _PRESENT) or PRODUCT_LABEL in labels
    return told or bool(_counts(node, "capacity"))


def _counts(node: Obj, field: str) -> dict[str, int]:
    amounts: Mapping[str, str] = (node.get("status") or {}).get(field) or {}
    return {
        name: int(amount) for name, amount in amounts.items() if name.startswith(_RESOURCES) and str(amount).isdigit()
    }


async def _pools(cluster: Cluster) -> list[Obj]:
    try:
        return await cluster.all_of(GPU_POOLS)
    except NotServedError:
        return []


async def _slices(cluster: Cluster) -> list[Obj]:
    try:
        found = await cluster.all_of(RESOURCE_SLICES)
    except NotServedError:
        return []
    return [one for one in found if one["spec"].get("driver") == DRIVER]


def _node_of(resource_slice: Obj) -> str:
    return str(resource_slice["spec"].get("nodeName") or "")


async def _without_gpus(cluster: Cluster) -> Finding:
    pools = [
        name_of(pool) for pool in await _pools(cluster) if pool["spec"].get("partitioning", {}).get("mode") != "None"
    ]
    if pools:
        message = f"no node has a GPU, and GPUPools {few(pools)} are there"
        return warning(message, f"Add GPU nodes, or delete the pools. Where nodes have GPUs: {_PLUGIN}")
    return ok("no node has a GPU: agents run on CPUs")


def _counted(offer: Offer) -> str:
    of = f" of {offer.product}" if offer.product else ""
    return f"{sum(offer.counts.values())} x {offer.kind}{of}"


def _bare(nodes: Iterable[Obj]) -> Iterator[Finding]:
    """Nodes that have GPUs of which Kubernetes knows nothing, or that are all broken."""
    found = list(nodes)
    if bare := [name_of(node) for node in found if not _counts(node, "capacity")]:
        yield failed(f"{few(bare)} have GPUs that nobody offers", _PLUGIN)
    sick = [
        name_of(node) for node in found if _counts(node, "capacity") and not any(_counts(node, "allocatable").values())
    ]
    if sick:
        yield failed(
            f"{few(sick)} offer no GPU at the moment", "Look at the device plugin's logs there: GPUs may be unhealthy."
        )


def _away(nodes: Iterable[Obj]) -> Iterator[Finding]:
    found = list(nodes)
    if lost := [name_of(node) for node in found if not is_ready(node)]:
        yield warning(f"GPU nodes {few(lost)} are not ready", "`kubectl describe node` says why.")
    if cordoned := [name_of(node) for node in found if is_cordoned(node)]:
        yield warning(f"GPU nodes {few(cordoned)} are cordoned", "`kubectl uncordon` lets pods come there again.")


def _uncut(nodes: Sequence[Obj]) -> Iterator[Finding]:
    if failures := [node for node in nodes if _state(node) == "failed"]:
        told = few(f"{name_of(node)} ({labels_of(node).get(_WANTED) or 'unknown'})" for node in failures)
        advice = "Its logs say why; often a process still uses the GPU. Set the label nvidia.com/mig.config anew then."
        yield failed(f"mig-manager could not cut {told}", advice)
    if under_way := [node for node in nodes if _state(node) in _UNDER_WAY]:
        told = few(f"{name_of(node)} ({_state(node)})" for node in under_way)
        yield warning(f"being cut: {told}", "Wait; if it lasts, look at mig-manager's logs.")
    if silent := [name_of(node) for node in nodes if labels_of(node).get(_WANTED) and not _state(node)]:
        message = f"mig-manager has not answered the label {_WANTED} of {few(silent)}"
        yield warning(message, "See that mig-manager runs there.")
    mixed = [node for node in nodes if labels_of(node).get(_STRATEGY) == "mixed"]
    if empty := [name_of(node) for node in mixed if not any(_counts(node, "allocatable").values())]:
        message = f"strategy mixed and no partition, so that the device plugin fails: {few(empty)}"
        yield failed(message, f"Cut them by the label {_WANTED}, and restart the device plugin there.")


def _state(node: Obj) -> str:
    return labels_of(node).get(_STATE, "")
