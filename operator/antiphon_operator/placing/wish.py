"""What is asked for, what of it a scope has, and which of that is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from antiphon_crds.durations import parse_quantity_bytes
from antiphon_crds.placement import PlacementGroup
from antiphon_operator.placing import partition_table as table
from antiphon_operator.placing.needs import Needs
from antiphon_operator.placing.offers import Offer
from antiphon_operator.placing.scope import Scope


@dataclass(frozen=True)
class Wish:
    """What a group asks for: `auto`, or exactly one of profile, memory and gpus."""

    needs: Needs
    profile: str | None = None
    least_bytes: int = 0
    gpus: int = 0
    nvlink: bool = False
    """Whether several GPUs must be joined by NVLink."""

    @property
    def auto(self) -> bool:
        return not (self.profile or self.least_bytes or self.gpus)

    def admits(self, offer: Offer) -> bool:
        """Whether the offer is of the kind that is asked for, whatever the models need."""
        if self.profile:
            return not offer.is_whole and table.is_same_slice(offer.board, offer.profile or "", self.profile)
        if self.gpus:
            return offer.is_whole
        return offer.memory_bytes is not None and offer.memory_bytes >= self.least_bytes


@dataclass(frozen=True)
class Pick:
    """An offer that could be taken, how many of it, and for which variants."""

    scope: Scope
    offer: Offer
    count: int
    needs: Needs

    @property
    def price(self) -> float:
        """Of one replica for an hour: its share of the GPU, and of the node that it then shares."""
        if self.scope.pool is None:
            return 0.0
        prices, offer = self.scope.pool.spec.prices, self.offer
        share = 1.0 if offer.profile is None else table.share_of_gpu(offer.board, offer.profile)
        return prices.gpu_hour * share * self.count + prices.node_hour / max(1, offer.on_one_node // self.count)


def wish_of(group: PlacementGroup, needs: Needs) -> Wish:
    """Who says what it runs on has judged the headroom, and a pod admits no more sessions than it can serve: there the
    models themselves and one session must fit. Where `auto` chooses, all that is expected must, with headroom."""
    asked, nvlink = group.partition, group.topology.interconnect == "NVLink"
    if asked.profile == "auto":
        return Wish(needs, nvlink=nvlink)
    bare = replace(needs, sessions=1, headroom=0.0)
    if asked.memory:
        return Wish(bare, least_bytes=parse_quantity_bytes(asked.memory), nvlink=nvlink)
    return Wish(bare, profile=asked.profile, gpus=asked.gpus or 0, nvlink=nvlink)


def best_pick(wish: Wish, pools: Iterable[Scope], rest: Scope) -> Pick | None:
    """The smallest offer of the cheapest pool that holds all variants, else of any nodes; else the same for as many of
    the variants as fit anywhere. None: even the smallest variants fit nowhere."""
    pools = list(pools)
    found = _cheapest(wish, pools, rest)
    if found is not None:
        return found
    reduced = [pick for scope in (*pools, rest) for pick in _picks(wish, scope, reduce=True)]
    if not reduced:
        return None
    richest = max(reduced, key=lambda pick: pick.needs.total_bytes)
    return _cheapest(replace(wish, needs=richest.needs), pools, rest)


def _cheapest(wish: Wish, pools: Iterable[Scope], rest: Scope) -> Pick | None:
    picks = [pick for scope in pools for pick in _picks(wish, scope)] or list(_picks(wish, rest))
    return min(picks, key=lambda pick: (pick.price, pick.offer.size_order), default=None)


def _picks(wish: Wish, scope: Scope, *, reduce: bool = False) -> Iterator[Pick]:
    for offer in scope.offers:
        if not wish.admits(offer):
            continue
        gpus = 0 if offer.profile else wish.gpus or offer.most_open
        needs = wish.needs.reduced(offer.memory_bytes, gpus) if reduce else wish.needs
        if needs is None or not needs.fit(offer.memory_bytes, gpus):
            continue
        pick = Pick(scope, offer, wish.gpus or max(1, needs.spread), needs)
        if _can_be_had(wish, pick):
            yield pick


def _can_be_had(wish: Wish, pick: Pick) -> bool:
    """What is asked for by name may be on cordoned nodes only: it waits there, and moves nowhere else."""
    if wish.nvlink and pick.count > 1 and pick.scope.pool is not None and pick.scope.pool.spec.interconnect != "NVLink":
        return False
    if wish.auto:
        return pick.needs.gpu and pick.offer.slots(pick.count) > 0
    return pick.offer.on_one_node >= pick.count
