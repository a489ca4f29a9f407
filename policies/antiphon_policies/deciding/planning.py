"""All questions of a tick, of one agent or of many, put to the planner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from antiphon_policies.deciding.looking import Considered, Plans
from antiphon_policies.planning.asking import Ask, Plan, Stock
from antiphon_policies.planning.planner import plan


def planned(considered: Sequence[Considered], stock: Stock) -> list[Plans | None]:
    """None for those that ask nothing. What is asked for now holds its partitions already; what is wanted ahead competes for
    the stock, and what may come besides is asked for within that."""
    asking = [
        place
        for place, each in enumerate(considered)
        if each.now and each.ahead and each.surge and not _is_known(each, stock)
    ]
    asks = [_asked(getattr(considered[place], kind) for place in asking) for kind in ("now", "ahead", "surge")]
    now, ahead, surge = _at_once(asks) if not stock.partitions else [
        plan(asks[0]), plan(asks[1], stock), plan(asks[2], stock)
    ]  # fmt: skip
    found: list[Plans | None] = [each.known if _is_known(each, stock) else None for each in considered]
    for place, plans in zip(asking, zip(now, ahead, surge, strict=True), strict=True):
        found[place] = Plans(*plans)
    return found


def _is_known(considered: Considered, stock: Stock) -> bool:
    """Who competes for partitions is planned anew: the others may have changed."""
    groups = considered.facts.groups
    return considered.known is not None and not any(group.partition in stock.partitions for group in groups)


def _asked(asks: Iterable[Ask | None]) -> list[Ask]:
    return [ask for ask in asks if ask is not None]


def _at_once(asks: list[list[Ask]]) -> list[list[Plan]]:
    """The planner is quickest when it is asked everything in one go."""
    plans = iter(plan([ask for kind in asks for ask in kind]))
    return [[next(plans) for _ in kind] for kind in asks]
