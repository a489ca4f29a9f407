"""What the cluster's nodes offer: partitions and whole GPUs, by what they really hold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from antiphon_operator.objects import Obj, labels_of, name_of
from antiphon_operator.placing import partition_table as table

GPU_RESOURCE: Final = "nvidia.com/gpu"
PRODUCT_LABEL: Final = "nvidia.com/gpu.product"
_MEMORY_LABEL: Final = "nvidia.com/gpu.memory"
_DOMAIN: Final = "nvidia.com/"
_MIG_RESOURCE = re.compile(r"nvidia\.com/mig-([1-7]g\.[0-9]+gb)(-me|\.me\.all|\.me|\.gfx)?")
_ONE_PROFILE = re.compile(r"-MIG-([1-7]g\.[0-9]+gb)(-me|[.+]me\.all|[.+]me|[.+]gfx)?$")
_STATE_TAINTS: Final = "node.kubernetes.io/"
"""Taints of these keys tell a node's state, which is read from its conditions."""


@dataclass(frozen=True)
class Offer:
    """Partitions of one kind, or whole GPUs, on all nodes that have that GPU."""

    profile: str | None
    """MIG profile, such as 1g.18gb. None: whole GPUs."""
    product: str
    """GPU product as the nodes' labels or the driver name it. Empty: not told."""
    memory_bytes: int | None
    """GPU memory that models can use. None: not told, and not in the table."""
    counts: Mapping[str, int] = field(default_factory=dict, hash=False)
    """How many each ready node has, by its name."""
    cordoned: frozenset[str] = frozenset()
    """Which of those nodes take nothing new."""
    resource: str | None = None
    """Extended resource by which pods ask for it. None: by a claim."""
    multiprocessors: int | None = None
    """Streaming multiprocessors of one, where known."""
    hardware: str | None = None
    """Name under which profiles of VoiceModels know it."""

    @property
    def is_whole(self) -> bool:
        return self.profile is None

    @property
    def kind(self) -> str:
        """In the user's words."""
        return self.profile or "whole GPU"

    @property
    def on_one_node(self) -> int:
        """Most that one node has."""
        return max(self.counts.values(), default=0)

    @property
    def most_open(self) -> int:
        """Most that one node has that is not cordoned."""
        return max((count for node, count in self.counts.items() if node not in self.cordoned), default=0)

    @property
    def board(self) -> str:
        """The product, without the profile that strategy `single` writes behind it."""
        return self.product.split("-MIG-")[0]

    def slots(self, each: int) -> int:
        """Replicas that nodes which are not cordoned hold, where one takes `each` on one node."""
        return sum(count // each for node, count in self.counts.items() if node not in self.cordoned)

    @property
    def size_order(self) -> tuple[bool, int, int, int, str, str]:
        """Partitions before whole GPUs, small before large, plain ones before those with media engines."""
        memory = self.memory_bytes if self.memory_bytes is not None else 2**62
        slices = table.compute_slices(self.profile or "") or 8
        return (self.is_whole, memory, slices, len(self.profile or ""), self.profile or "", self.product)


def is_ready(node: Obj) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(found.get("type") == "Ready" and found.get("status") == "True" for found in conditions)


def is_cordoned(node: Obj) -> bool:
    return bool((node.get("spec") or {}).get("unschedulable"))


def has_labels(node: Obj, wanted: Mapping[str, str]) -> bool:
    labels = labels_of(node)
    return all(labels.get(key) == value for key, value in wanted.items())


def is_tolerated(node: Obj, tolerations: Iterable[Mapping[str, str | None]]) -> bool:
    """Whether pods with these tolerations may come there, its state apart."""
    taints = (node.get("spec") or {}).get("taints")
    if not taints:
        return True
    hard = [taint for taint in taints if taint.get("effect") in ("NoSchedule", "NoExecute")]
    told = list(tolerations)
    return all(
        any(_tolerates(found, taint) for found in told)
        for taint in hard
        if not str(taint.get("key", "")).startswith(_STATE_TAINTS)
    )


def _tolerates(toleration: Mapping[str, str | None], taint: Mapping[str, str]) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("key") not in (None, "", taint.get("key")):
        return False
    exists = toleration.get("operator") == "Exists"
    return exists or (toleration.get("value") or "") == (taint.get("value") or "")


def offers_of(nodes: Iterable[Obj]) -> list[Offer]:
    """What ready nodes offer through the device plugin.

    GPUs shared by time slicing are left out: their parts have no memory of their own, so nothing can be promised on them.
    """
    found = ((node, _amounts(node)) for node in nodes)
    return merged(
        (name_of(node), is_cordoned(node), offer, count)
        for node, amounts in found
        if amounts and is_ready(node)
        for offer, count in _offers_of_shape(_told(node), amounts)
    )


def merged(found: Iterable[tuple[str, bool, Offer, int]]) -> list[Offer]:
    """One offer for each kind and product, in order of size, of nodes' names, whether each is cordoned, what it offers and
    how much. Where nodes measure differently, the least memory stands."""
    alike: dict[Offer, tuple[Counter[str], set[str]]] = {}
    for node, cordoned, offer, count in found:
        counts, closed = alike.setdefault(offer, (Counter(), set()))
        counts[node] += count
        if cordoned:
            closed.add(node)
    kinds: dict[tuple[str, str, str], list[Offer]] = {}
    for offer, (counts, closed) in alike.items():
        key = (offer.resource or "", offer.profile or "", offer.product)
        kinds.setdefault(key, []).append(replace(offer, counts=counts, cordoned=frozenset(closed)))
    return sorted((_merged(same) for same in kinds.values()), key=lambda offer: offer.size_order)


def _merged(alike: list[Offer]) -> Offer:
    known = [offer.memory_bytes for offer in alike if offer.memory_bytes is not None]
    return replace(
        alike[0],
        counts=dict(sorted(item for offer in alike for item in offer.counts.items())),
        cordoned=frozenset[str]().union(*(offer.cordoned for offer in alike)),
        memory_bytes=min(known) if len(known) == len(alike) else None,
        hardware=min((offer.hardware for offer in alike if offer.hardware), default=None),
    )


def _amounts(node: Obj) -> tuple[tuple[str, str], ...]:
    """Its GPU resources."""
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    return tuple(sorted((key, str(value)) for key, value in allocatable.items() if key.startswith(_DOMAIN)))


def _told(node: Obj) -> tuple[tuple[str, str], ...]:
    """What its labels say of its GPUs."""
    return tuple(sorted(item for item in labels_of(node).items() if item[0].startswith(_DOMAIN)))


@lru_cache(maxsize=1024)
def _offers_of_shape(
    told: tuple[tuple[str, str], ...], amounts: tuple[tuple[str, str], ...]
) -> list[tuple[Offer, int]]:
    """Nodes are many and of few kinds: each kind is looked at once."""
    labels = dict(told)
    found: list[tuple[Offer, int]] = []
    for resource, amount in amounts:
        count = whole_number(amount)
        if count < 1:
            continue
        if resource == GPU_RESOURCE:
            found += [(offer, count) for offer in _gpu_offers(labels)]
        elif match := _MIG_RESOURCE.fullmatch(resource):
            measured = mebibytes(labels.get(f"{resource}.memory"))
            found.append((_partition_offer(labels, resource, _profile(match), measured), count))
    return found


def _gpu_offers(labels: Mapping[str, str]) -> list[Offer]:
    """Whole GPUs, or with strategy `single` partitions that go by the name of whole ones."""
    product = labels.get(PRODUCT_LABEL, "")
    told = mebibytes(labels.get(_MEMORY_LABEL))
    if _says_time_sliced(labels):
        return []
    if "-MIG-" in product:
        match = _ONE_PROFILE.search(product)
        return [_partition_offer(labels, GPU_RESOURCE, _profile(match), told)] if match else []
    return [whole_gpu(product, told, GPU_RESOURCE)]


def _partition_offer(labels: Mapping[str, str], resource: str, profile: str, measured: int | None) -> Offer:
    product = labels.get(PRODUCT_LABEL, "")
    is_board = "-MIG-" not in product  # with strategy `single`, the memory label too is that of a partition
    board_bytes = mebibytes(labels.get(_MEMORY_LABEL)) if is_board else None
    found = partition(product.split("-MIG-")[0], profile, measured, board_bytes, resource)
    return replace(found, product=product)


def whole_gpu(product: str, measured: int | None, resource: str | None) -> Offer:
    memory = measured if measured is not None else table.whole_bytes(product)
    hardware = table.hardware_name(product, measured or table.board_bytes(product))
    return Offer(None, product, memory, resource=resource, hardware=hardware)


def partition(product: str, profile: str, measured: int | None, board_bytes: int | None, resource: str | None) -> Offer:
    """Its memory is what was measured, where that is less than the profile's name says; else what the table says."""
    named = table.named_bytes(profile)
    is_plausible = measured is not None and (named is None or measured < named)
    board = table.hardware_name(product, board_bytes or table.board_bytes(product))
    return Offer(
        profile,
        product,
        measured if is_plausible else table.usable_bytes(product, profile),
        resource=resource,
        multiprocessors=table.multiprocessors_of(product, profile),
        hardware=None if board is None else f"{board}/{table.base_profile(profile)}",
    )


def is_time_sliced(node: Obj) -> bool:
    """Whether several pods share a GPU without parts of their own."""
    return _says_time_sliced(labels_of(node))


def _says_time_sliced(labels: Mapping[str, str]) -> bool:
    shared = labels.get(PRODUCT_LABEL, "").endswith("-SHARED")
    return shared or whole_number(labels.get("nvidia.com/gpu.replicas", "1")) > 1


def _profile(match: re.Match[str]) -> str:
    """Resources and labels write a dot where the profile has a plus: `1g.10gb.me` is 1g.10gb+me."""
    extra = match[2] or ""
    return match[1] + (f"+{extra[1:]}" if extra.startswith(".") else extra)


def mebibytes(text: str | None) -> int | None:
    number = whole_number(text or "")
    return number * 2**20 if number else None


def whole_number(value: object) -> int:
    """0 where it is none."""
    text = str(value).strip()
    return int(text) if text.isdigit() else 0
