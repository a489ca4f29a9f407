"""Who uses what: whether a partition is free for a rollout, and the status of a GPUPool."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from antiphon_crds.pool import GPUPool, GPUPoolStatus, NodeStatus, Placed
from antiphon_operator.names import AGENT_LABEL, GROUP_LABEL
from antiphon_operator.objects import Obj, labels_of, name_of, namespace_of
from antiphon_operator.placing.choice import Choice
from antiphon_operator.placing.claims import DRIVER, claimable, device_profiles
from antiphon_operator.placing.offers import PRODUCT_LABEL, Offer, has_labels, offers_of, whole_number

WHOLE = "whole"
"""In place of a profile: a whole GPU."""
_MOST_NODES = 500
_MOST_PLACED = 128
_DEVICE = re.compile(r"gpu-([0-9]+)(-mig-.*)?")


def surge(choice: Choice, wanted: int, others_wanted: int) -> bool:
    """Whether a partition is free for one replica more than all groups want.

    Wanted, not running: so the answer stays the same while a rollout runs. Pods that are not ours are not counted.
    """
    return choice.slots is None or wanted + others_wanted < choice.slots


@dataclass(frozen=True)
class _Used:
    """What one pod of ours has of its node."""

    profile: str
    gpu: int | None
    """Index of the GPU. None: the device plugin keeps it to itself."""
    count: int = 1


def pool_status(
    pool: GPUPool, nodes: Iterable[Obj], pods: Iterable[Obj], slices: Iterable[Obj] = (), claims: Iterable[Obj] = ()
) -> GPUPoolStatus:
    """What is placed where; conditions and generation are the caller's.

    `pods` are ours: what others use is not seen, and so not taken off what is free. With backend DRA pods are told apart by
    their ResourceClaims; without `claims` none counts as used. A pod is listed under `placed` where the index of its GPU is
    known: from its claim, on a node with one GPU, or where it has all of the node's. The rest is counted only.
    """
    members = sorted((node for node in nodes if has_labels(node, pool.spec.node_selector)), key=name_of)
    by_claim = pool.spec.backend == "DRA"
    slices, claims = list(slices), list(claims)
    offers = claimable(slices, members) if by_claim else offers_of(members)
    ours = _by_node(pods)
    uses = _uses_of_claims(slices, claims) if by_claim else _uses_of_requests(offers)
    told = [_node_status(node, offers, ours.get(name_of(node), []), uses) for node in members]
    total = sum(sum(offer.counts.values()) for offer in offers)
    return GPUPoolStatus(
        nodes=len(members),
        gpus=sum(found.gpus for found in told),
        partitions=total,
        partitions_used=total - sum(sum(found.free.values()) for found in told),
        node_status=told[:_MOST_NODES],
    )


class _Uses:
    """How to find out what a pod has."""

    def __init__(
        self, resources: Mapping[tuple[str, str], str], devices: Mapping[tuple[str, str], list[_Used]]
    ) -> None:
        self._resources = resources
        self._devices = devices

    def of(self, pod: Obj) -> Iterator[_Used]:
        node = pod["spec"]["nodeName"]
        for container in pod["spec"].get("containers") or ():
            limits = (container.get("resources") or {}).get("limits") or {}
            for resource, amount in sorted(limits.items()):
                profile = self._resources.get((node, resource))
                if profile is not None and (count := whole_number(amount)):
                    yield _Used(profile, None, count)
        for told in (pod.get("status") or {}).get("resourceClaimStatuses") or ():
            yield from self._devices.get((namespace_of(pod), told.get("resourceClaimName") or ""), ())


def _uses_of_requests(offers: Iterable[Offer]) -> _Uses:
    found = {(node, offer.resource or ""): offer.profile or WHOLE for offer in offers for node in offer.counts}
    return _Uses(found, {})


def _uses_of_claims(slices: Iterable[Obj], claims: Iterable[Obj]) -> _Uses:
    profiles = device_profiles(slices)
    devices: dict[tuple[str, str], list[_Used]] = {}
    for claim in claims:
        allocation = (claim.get("status") or {}).get("allocation") or {}
        for result in (allocation.get("devices") or {}).get("results") or ():
            profile = profiles.get((result.get("pool"), result.get("device")))
            if result.get("driver") != DRIVER or profile is None:
                continue
            match = _DEVICE.fullmatch(result["device"])
            used = _Used(profile or WHOLE, int(match[1]) if match else None)
            devices.setdefault((namespace_of(claim), name_of(claim)), []).append(used)
    return _Uses({}, devices)


def _by_node(pods: Iterable[Obj]) -> dict[str, list[Obj]]:
    """Pods of agents that hold something of a node; those that are going still do."""
    found: dict[str, list[Obj]] = {}
    for pod in sorted(pods, key=lambda one: (namespace_of(one), name_of(one))):
        node = pod["spec"].get("nodeName")
        over = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        if node and not over and AGENT_LABEL in labels_of(pod):
            found.setdefault(node, []).append(pod)
    return found


def _node_status(node: Obj, offers: Iterable[Offer], pods: list[Obj], uses: _Uses) -> NodeStatus:
    name, labels = name_of(node), labels_of(node)
    has = Counter[str]()
    for offer in offers:
        if count := offer.counts.get(name):
            has[offer.profile or WHOLE] += count
    used = [(pod, one) for pod in pods for one in uses.of(pod)]
    taken = Counter[str]()
    for _, one in used:
        taken[one.profile] += one.count
    gpus = _gpus_of(node)
    placed = [found for pod, one in used for found in _placed(pod, one, gpus)]
    return NodeStatus(
        name=name,
        product=labels.get(PRODUCT_LABEL, ""),
        gpus=gpus,
        layout=_layout(labels),
        free={profile: max(0, count - taken[profile]) for profile, count in sorted(has.items())},
        placed=placed[:_MOST_PLACED],
    )


def _placed(pod: Obj, used: _Used, gpus: int) -> Iterator[Placed]:
    indices = [used.gpu] if used.gpu is not None else []
    if used.gpu is None and (gpus == 1 or (used.profile == WHOLE and used.count == gpus)):
        indices = list(range(gpus))
    labels = labels_of(pod)
    agent = f"{namespace_of(pod)}/{labels[AGENT_LABEL]}"
    for index in indices:
        group = labels.get(GROUP_LABEL, "")
        yield Placed(gpu=index, profile=used.profile, agent=agent, group=group, pod=name_of(pod))


def _gpus_of(node: Obj) -> int:
    """0 where it is not told; with strategy `single` the label counts partitions, not GPUs."""
    labels = labels_of(node)
    if "-MIG-" in labels.get(PRODUCT_LABEL, ""):
        return 0
    return whole_number(labels.get("nvidia.com/gpu.count", ""))


def _layout(labels: Mapping[str, str]) -> str:
    """Empty while mig-manager has not said that what the label asks for is in force."""
    done = labels.get("nvidia.com/mig.config.state", "success") == "success"
    return labels.get("nvidia.com/mig.config", "") if done else ""
