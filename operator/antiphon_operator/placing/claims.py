"""Partitions as claims of resource.k8s.io/v1: what NVIDIA's driver publishes in ResourceSlices, and how a pod asks for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from antiphon_crds.durations import parse_quantity_bytes
from antiphon_operator.objects import Obj, is_going, name_of
from antiphon_operator.placing.offers import Offer, is_cordoned, is_ready, merged, partition, whole_gpu

DRIVER: Final = "gpu.nvidia.com"
MIG_CLASS: Final = "mig.nvidia.com"
GPU_CLASS: Final = "gpu.nvidia.com"
REQUEST: Final = "gpu"
"""Name of the only request in our claims."""


def claimable(slices: Iterable[Obj], nodes: Iterable[Obj]) -> list[Offer]:
    """What the driver offers on the ready ones of these nodes.

    Under DynamicMIG the devices of a GPU shut each other out. Counts are then of one kind alone, as if nothing else ran.
    """
    ready = {name_of(node): is_cordoned(node) for node in nodes if is_ready(node)}
    return merged(
        (node, ready[node], offer, 1)
        for found in _latest(slices)
        for node, offer in _offers_of_slice(found)
        if node in ready
    )


def device_profiles(slices: Iterable[Obj]) -> dict[tuple[str, str], str]:
    """Profile of each device, empty for a whole GPU, by the driver's pool and the device's name."""
    return {
        (_pool(found)[0], device["name"]): offer.profile or ""
        for found in _latest(slices)
        for device in found["spec"].get("devices") or ()
        if (offer := _offer(device)) is not None
    }


def claim_spec(offer: Offer, count: int) -> dict[str, Any]:
    """Spec of a ResourceClaim for `count` of it, or of what has the same profile and at least as much memory."""
    selectors = []
    if offer.profile is not None:
        selectors.append(f"device.attributes['{DRIVER}'].profile == '{offer.profile}'")
    if offer.memory_bytes is not None:
        least = f"quantity('{offer.memory_bytes}')"
        selectors.append(f"device.capacity['{DRIVER}'].memory.compareTo({least}) >= 0")
    exactly: dict[str, Any] = {
        "deviceClassName": GPU_CLASS if offer.is_whole else MIG_CLASS,
        "allocationMode": "ExactCount",
        "count": count,
    }
    if selectors:
        exactly["selectors"] = [{"cel": {"expression": expression}} for expression in selectors]
    return {"devices": {"requests": [{"name": REQUEST, "exactly": exactly}]}}


def answers_claim(offer: Offer, chosen: Offer) -> bool:
    """Whether a claim for the chosen one may be given this one."""
    if offer.profile != chosen.profile:
        return False
    return chosen.memory_bytes is None or (offer.memory_bytes or 0) >= chosen.memory_bytes


def _latest(slices: Iterable[Obj]) -> list[Obj]:
    """Slices of the newest generation of each pool: older ones are about to go."""
    ours = [found for found in slices if found["spec"].get("driver") == DRIVER and not is_going(found)]
    newest: dict[str, int] = {}
    for found in ours:
        name, generation = _pool(found)
        newest[name] = max(generation, newest.get(name, generation))
    return [found for found in ours if _pool(found)[1] == newest[_pool(found)[0]]]


def _pool(found: Obj) -> tuple[str, int]:
    pool = found["spec"].get("pool") or {}
    return str(pool.get("name") or ""), int(pool.get("generation") or 0)


def _offers_of_slice(found: Obj) -> Iterator[tuple[str, Offer]]:
    spec = found["spec"]
    for device in spec.get("devices") or ():
        node = str(device.get("nodeName") or spec.get("nodeName") or "")
        offer = _offer(device)
        if offer is not None and not _is_tainted(device):
            yield node, offer


def _offer(device: Obj) -> Offer | None:
    """None for a device of another type, such as one that is passed through to a virtual machine."""
    kind, product = _attribute(device, "type"), _attribute(device, "productName").replace(" ", "-")
    memory = _memory_bytes(device)
    profile = _attribute(device, "profile")
    if kind == "mig" and profile:
        return partition(product, profile, memory, None, None)
    return whole_gpu(product, memory, None) if kind == "gpu" else None


def _attribute(device: Obj, name: str) -> str:
    """Names of the driver's own domain may be written with or without it."""
    attributes = device.get("attributes") or {}
    value = attributes.get(name) or attributes.get(f"{DRIVER}/{name}") or {}
    return str(value.get("string") or "")


def _memory_bytes(device: Obj) -> int | None:
    capacity = device.get("capacity") or {}
    told = capacity.get("memory") or capacity.get(f"{DRIVER}/memory") or {}
    try:
        return parse_quantity_bytes(str(told.get("value") or ""))
    except ValueError:
        return None


def _is_tainted(device: Obj) -> bool:
    taints: Collection[Obj] = device.get("taints") or ()
    return any(taint.get("effect") in ("NoSchedule", "NoExecute") for taint in taints)
