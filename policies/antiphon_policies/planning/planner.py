"""The best settings that keep the promises, of one agent or of a thousand that compete for partitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from antiphon_policies.planning import foreseeing, knowing, predictions, preferring
from antiphon_policies.planning.alternatives import alternatives
from antiphon_policies.planning.asking import Ask, Plan, Stock
from antiphon_policies.planning.choices import NO_LIMITS, ours
from antiphon_policies.planning.competing import Wish, over, shares
from antiphon_policies.planning.preferring import preferred

__all__ = ["NO_STOCK", "alternatives", "forget", "plan", "plan_one"]

NO_STOCK = Stock()
_OFFERS = 4
"""How often what some agents can't use is offered to the others."""

_Counts = Mapping[str, int]


def plan_one(ask: Ask, stock: Stock = NO_STOCK) -> Plan:
    return plan([ask], stock)[0]


def plan(asks: Sequence[Ask], stock: Stock = NO_STOCK) -> list[Plan]:
    """In the order of the questions, which does not matter otherwise. Together the plans never take more than the stock,
    unless what is not ours to choose does by itself."""
    alone = preferred(asks, [NO_LIMITS] * len(asks))
    if not stock.partitions:
        return alone
    wished = [_taken(ask, each) for ask, each in zip(asks, alone, strict=True)]
    if not over(wished, stock.partitions):
        return alone
    return _within(asks, alone, wished, stock.partitions)


def forget() -> None:
    """All that is remembered of former questions, which otherwise are answered at once when they are asked again."""
    for memory in (preferring, predictions, knowing, foreseeing):
        memory.forget()


def _within(asks: Sequence[Ask], alone: list[Plan], wished: list[_Counts], stock: _Counts) -> list[Plan]:
    asked = wished
    for _ in range(_OFFERS):
        limits = shares([_wish(ask, each) for ask, each in zip(asks, asked, strict=True)], stock)
        short = [place for place, limit in enumerate(limits) if ours(asks[place]) and _less(limit, wished[place])]
        again = preferred([asks[place] for place in short], [limits[place] for place in short])
        plans = dict(zip(short, again, strict=True))
        taken = [_taken(asks[place], plans[place]) if place in plans else asked[place] for place in range(len(asks))]
        unused = [place for place in plans if _less(taken[place], limits[place])]
        before, asked = asked, [taken[place] if place in unused else each for place, each in enumerate(asked)]
        if asked == before:
            break
    return [
        _stinted(plans[place], limits[place], wished[place]) if place in plans else each
        for place, each in enumerate(alone)
    ]


def _wish(ask: Ask, asked: _Counts) -> Wish:
    floor: dict[str, int] = {}
    for group in ask.facts.groups:
        floor[group.partition] = floor.get(group.partition, 0) + max(1, group.min_replicas)
    return Wish(ask.facts.key, ask.facts.priority, floor if ours(ask) else asked, asked, ours(ask))


def _taken(ask: Ask, found: Plan) -> _Counts:
    counts: dict[str, int] = {}
    for group in ask.facts.groups:
        if group.partition:
            counts[group.partition] = counts.get(group.partition, 0) + found.setting.replicas[group.name]
    return counts


def _less(some: _Counts, others: _Counts) -> bool:
    return any(some.get(kind, count) < count for kind, count in others.items())


def _stinted(found: Plan, limit: _Counts, wished: _Counts) -> Plan:
    if not found.feasible:
        return found
    told = " and ".join(
        f"{limit[kind]} of the {count} {kind} that it would take"
        for kind, count in wished.items()
        if limit.get(kind, count) < count
    )
    return replace(found, binding="stock", message=f"the cluster has {told}")
