"""Places a group: which partition, whole GPUs or CPU its replicas run on.

What the scheduler can't choose is left to the runtime: which GPUs of a node (`topology.gpuIndices`), the NUMA node of each
(`numa`, `gpusWithin`), and a switch between them (`interconnect: PCIeSwitch`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from antiphon_crds.placement import PlacementGroup
from antiphon_crds.pool import GPUPool
from antiphon_crds.stages import Stage
from antiphon_operator.placing import partition_table as table
from antiphon_operator.placing.choice import Choice, Misfit
from antiphon_operator.placing.claims import answers_claim, claim_spec
from antiphon_operator.placing.needs import Needs, needs_of
from antiphon_operator.placing.offers import PRODUCT_LABEL, Offer
from antiphon_operator.placing.scope import GPU_TOLERATION, ClusterView, Scope, pool_of, scopes_of
from antiphon_operator.placing.telling import needs_a_gpu, no_node, no_partition
from antiphon_operator.placing.wish import Pick, Wish, best_pick, wish_of
from antiphon_policies.resolution import Resolution

__all__ = ["CPU_ONLY", "ClusterView", "place"]

CPU_ONLY: Final = "CPU only"


def place(group: PlacementGroup, resolution: Resolution, view: ClusterView) -> Choice | Misfit:
    """What one replica of the group runs on. The order of nodes, pools and slices does not matter."""
    pool = pool_of(group, view)
    if isinstance(pool, Misfit):
        return pool
    needs = needs_of(group, resolution)
    pools, rest = scopes_of(group, view, pool)
    if group.partition.profile == "none" or (group.partition.profile == "auto" and not needs.gpu):
        return _on_cpu(group, needs, rest)
    wish = wish_of(group, needs)
    pick = best_pick(wish, pools, rest)
    if pick is not None:
        return _choice(group, needs, wish, pick)
    if wish.auto and needs.without_gpu() is not None:
        return _on_cpu(group, needs, rest)
    return no_node(group, rest) or no_partition(wish, pools, rest)


def _on_cpu(group: PlacementGroup, needs: Needs, scope: Scope) -> Choice | Misfit:
    left = needs.without_gpu()
    if left is None:
        return needs_a_gpu(needs)
    narrowed = scope.pool is not None or bool(group.node_selector)
    if narrowed and not scope.nodes and (misfit := no_node(group, scope)):
        return misfit
    return Choice(
        CPU_ONLY,
        node_selector=_selector(scope.pool),
        hardware=scope.pool.spec.hardware if scope.pool else None,
        pool=group.pool,
        variants=_fewer(needs, left),
    )


def _choice(group: PlacementGroup, needs: Needs, wish: Wish, pick: Pick) -> Choice:
    offer, scope = pick.offer, pick.scope
    alike = _alike(wish, pick)
    product = _product(pick, alike)
    if product:
        alike = [offer]
    known = [one.memory_bytes for one in alike if one.memory_bytes is not None]
    return Choice(
        offer.profile or f"{pick.count} GPU{'s' if pick.count > 1 else ''}",
        resources={offer.resource: pick.count} if offer.resource else {},
        claim=claim_spec(offer, pick.count) if scope.by_claim else None,
        node_selector={**_selector(scope.pool), **({PRODUCT_LABEL: product} if product else {})},
        tolerations=_tolerations(group),
        hardware=_hardware(scope.pool, offer, alike),
        slots=sum(one.slots(pick.count) for one in alike),
        pool=scope.pool.metadata.name if scope.pool else None,
        memory_bytes=min(known, default=None),
        variants=_fewer(needs, pick.needs),
    )


def _alike(wish: Wish, pick: Pick) -> list[Offer]:
    """What the pods may get, and may as well get: it holds the same variants and is as quick."""
    if pick.scope.by_claim:
        return [offer for offer in pick.scope.offers if answers_claim(offer, pick.offer)]
    return [
        offer
        for offer in pick.scope.offers
        if (offer.resource, offer.hardware) == (pick.offer.resource, pick.offer.hardware)
        and (offer == pick.offer or wish.admits(offer))
        and pick.needs.fit(offer.memory_bytes, 0 if offer.profile else pick.count)
    ]


def _product(pick: Pick, alike: list[Offer]) -> str | None:
    """The GPU that nodes must have, where by the resource's name alone the pods could get one that is not alike.

    Without a pool it is always said, so that a node of another kind that joins later changes nothing. GPUs whose nodes have no
    label with their product can't be told from others: label them, or keep them in a pool of their own.
    """
    same_name = [offer for offer in pick.scope.offers if offer.resource == pick.offer.resource]
    if pick.scope.by_claim or (pick.scope.pool is not None and len(alike) == len(same_name)):
        return None
    return pick.offer.product or None


def _hardware(pool: GPUPool | None, offer: Offer, alike: list[Offer]) -> str | None:
    if pool is not None and pool.spec.hardware:
        named = pool.spec.hardware
        return named if offer.profile is None or "/" in named else f"{named}/{table.base_profile(offer.profile)}"
    names = {one.hardware for one in alike}
    return names.pop() if len(names) == 1 else None


def _selector(pool: GPUPool | None) -> dict[str, str]:
    return dict(pool.spec.node_selector) if pool else {}


def _tolerations(group: PlacementGroup) -> tuple[Mapping[str, Any], ...]:
    own = any((found.key, found.operator) == ("nvidia.com/gpu", "Exists") for found in group.tolerations)
    return () if own else (GPU_TOLERATION,)


def _fewer(needs: Needs, left: Needs) -> dict[Stage, tuple[str, ...]]:
    before = needs.names
    return {stage: names for stage, names in left.names.items() if names != before[stage]}
