"""Says why a group can't be placed: what was needed, what the nodes have, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from antiphon_crds.placement import PlacementGroup
from antiphon_crds.voicemodel import Variant
from antiphon_operator.placing import partition_table as table
from antiphon_operator.placing.choice import Misfit
from antiphon_operator.placing.needs import Needs, Resident, total_gpu_bytes
from antiphon_operator.placing.offers import Offer, is_cordoned, is_ready, is_time_sliced
from antiphon_operator.placing.scope import Scope
from antiphon_operator.placing.wish import Wish

_MOST_OFFERS: Final = 8
"""Offers named in a message; the rest is counted."""


def no_node(group: PlacementGroup, scope: Scope) -> Misfit | None:
    """None: there are nodes to look at, or nothing was asked of them."""
    labels = {**group.node_selector, **(scope.pool.spec.node_selector if scope.pool else {})}
    if not labels or any(is_ready(node) for node in scope.reachable):
        return None
    wanted = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
    of_pool = f" of pool {scope.pool.metadata.name}" if scope.pool else ""
    if not scope.nodes:
        return Misfit(
            "NoNodeMatches", f"no node{of_pool} has the labels {wanted}; label nodes so, or change nodeSelector"
        )
    message = f"no node{of_pool} with the labels {wanted} can be used: {_states(scope)}"
    return Misfit("NoNodeMatches", f"{message}; bring a node up, or tolerate its taints")


def no_partition(wish: Wish, pools: Iterable[Scope], rest: Scope) -> Misfit:
    pools = list(pools)
    parts = [f"it needs {_needed(wish)}", *_offered(pools, rest), *_could_be_cut([*pools, rest])]
    return Misfit("NoPartitionFits", f"{'; '.join(parts)}. {_advice(wish, rest)}")


def needs_a_gpu(needs: Needs) -> Misfit:
    stuck = [one for one in needs.residents if all(found.memory.gpu for found in one.variants)]
    told = ", ".join(_resident(one, 1) for one in stuck) or ", ".join(_resident(one, 1) for one in needs.residents)
    return Misfit(
        "NoPartitionFits",
        f"it needs GPU memory for {told}, and partition none has no GPU; allow variants that run on the CPU, or use"
        " partition auto",
    )


def _needed(wish: Wish) -> str:
    parts = [_asked(wish)]
    if wish.needs.gpu:
        parts.append(_memory(wish.needs, "for all allowed variants"))
        smallest = wish.needs.smallest()
        if smallest != wish.needs:
            parts.append(_memory(smallest, "for the smallest"))
    return ", ".join(part for part in parts if part)


def _asked(wish: Wish) -> str:
    joined = ", joined by NVLink" if wish.nvlink and (wish.gpus or wish.needs.spread) > 1 else ""
    if wish.profile:
        return f"a partition {wish.profile}"
    if wish.gpus:
        return f"{_gpus(wish.gpus)} on one node{joined}"
    if wish.least_bytes:
        return f"a partition of at least {_up(wish.least_bytes)}"
    return f"{_gpus(wish.needs.spread)} on one node{joined}" if wish.needs.spread else ""


def _gpus(count: int) -> str:
    return f"{count} whole GPU{'s' if count > 1 else ''}"


def _memory(needs: Needs, whose: str) -> str:
    models = ", ".join(_resident(one, needs.sessions) for one in needs.residents if one.each_gpu_bytes(1))
    each = " on each GPU" if needs.spread > 1 else " of GPU memory"
    headroom = f", and {needs.headroom:.0%} headroom" if needs.headroom else ""
    return f"{_up(needs.each_gpu_bytes)}{each} {whose} ({models}{headroom})"


def _resident(resident: Resident, sessions: int) -> str:
    def size(variant: Variant) -> int:
        return total_gpu_bytes(variant, sessions)

    largest = max(resident.variants, key=size)
    of_sessions = ""
    if largest.memory.per_session:
        of_sessions = f" with {sessions} session{'s' if sessions > 1 else ''}"
    over = f" over {largest.gpus} GPUs" if largest.gpus > 1 else ""
    return f"{resident.model} {largest.name} {_up(size(largest))}{of_sessions}{over}"


def _offered(pools: list[Scope], rest: Scope) -> Iterator[str]:
    for scope in [*(pool for pool in pools if pool.by_claim), rest]:
        if not scope.served:
            yield f"{scope.name} asks for claims (backend DRA), and this cluster does not serve resource.k8s.io/v1"
        elif scope.offers:
            yield f"{scope.name} offers {_list(scope.offers)}"
        elif scope is rest:
            yield f"{scope.name} offers no GPU ({_states(scope)})"


def _list(offers: tuple[Offer, ...]) -> str:
    told = [_offer(offer) for offer in offers[:_MOST_OFFERS]]
    more = len(offers) - len(told)
    return ", ".join([*told, f"and {more} kinds more"] if more > 0 else told)


def _offer(offer: Offer) -> str:
    memory = "unknown memory" if offer.memory_bytes is None else _down(offer.memory_bytes)
    most = f", at most {offer.on_one_node} on a node" if offer.is_whole and len(offer.counts) > 1 else ""
    closed = ", on cordoned nodes" if offer.slots(1) == 0 else ""
    return (
        f"{sum(offer.counts.values())} x {offer.kind} of {memory} ({offer.product or 'product unknown'}{most}{closed})"
    )


def _could_be_cut(scopes: Iterable[Scope]) -> Iterator[str]:
    """What pools could be cut into does not count as offered: nobody has cut it yet."""
    for scope in scopes:
        layouts = scope.pool.spec.partitioning.layouts if scope.pool and scope.nodes else []
        if layouts and scope.pool:
            told = ", ".join(layout.name for layout in layouts)
            yield f"pool {scope.pool.metadata.name} could be cut by layout {told}"


def _states(scope: Scope) -> str:
    """What is the matter with the nodes that have the labels."""
    if not scope.nodes:
        return "there are no nodes"
    reachable = {id(node) for node in scope.reachable}
    counts = {
        "not ready": sum(not is_ready(node) for node in scope.nodes),
        "cordoned": sum(is_cordoned(node) for node in scope.nodes),
        "with taints that the group does not tolerate": sum(id(node) not in reachable for node in scope.nodes),
        "with GPUs shared by time slicing": sum(is_time_sliced(node) for node in scope.nodes),
    }
    found = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    total = f"{len(scope.nodes)} node{'s' if len(scope.nodes) > 1 else ''}"
    return f"{total}, of which {found}" if found else f"{total}, none of which reports GPUs"


def _advice(wish: Wish, scope: Scope) -> str:
    if not scope.served:
        return "Use backend DevicePlugin, or a cluster with Kubernetes 1.34 or later."
    if wish.auto:
        return "Allow smaller variants, lower maxSessions, cut the GPUs into larger partitions, or add nodes."
    return "Ask for what is offered (`auto` chooses it), allow smaller variants, cut the GPUs otherwise, or add nodes."


def _up(amount: int) -> str:
    return _gib(amount, ROUND_CEILING)


def _down(amount: int) -> str:
    return _gib(amount, ROUND_FLOOR)


def _gib(amount: int, rounding: str) -> str:
    """What is needed is rounded up and what is there down, so that no message says that 16 do not fit into 16."""
    hundredths = (Decimal(amount) / table.GIB).quantize(Decimal("0.01"), rounding=rounding)
    return f"{hundredths.normalize():f}Gi"
