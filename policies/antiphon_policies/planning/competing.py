"""Who gets how much of the cluster's partitions, when not all can have what they want."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from antiphon_policies.facts import AgentKey


@dataclass(frozen=True, slots=True)
class Wish:
    """Of one agent, by kind of partition."""

    key: AgentKey
    priority: int
    floor: Mapping[str, int]
    """What it is to have before anybody gets more."""
    want: Mapping[str, int]
    ours: bool = True
    """Whether it can be given less. What others rule is taken off the stock first."""


@dataclass(frozen=True, slots=True)
class _Claim:
    place: int
    key: AgentKey
    priority: int
    floor: int
    want: int

    @property
    def weight(self) -> float:
        """Of its part of what is left."""
        return max(1, self.priority) * self.want


def over(wanted: Sequence[Mapping[str, int]], stock: Mapping[str, int]) -> bool:
    return any(sum(each.get(kind, 0) for each in wanted) > there for kind, there in stock.items())


def shares(wishes: Sequence[Wish], stock: Mapping[str, int]) -> list[dict[str, int]]:
    """Of each agent, for every kind in the stock; never more than it wants, and together never more than there is.

    Floors first; then the highest priority as much as it wants, then the next; those of one priority by water-fill.
    """
    found: list[dict[str, int]] = [{} for _ in wishes]
    for kind, there in stock.items():
        claims = [
            _Claim(
                place,
                wish.key,
                wish.priority,
                min(wish.floor.get(kind, 0), wish.want.get(kind, 0)),
                wish.want.get(kind, 0),
            )
            for place, wish in enumerate(wishes)
            if wish.ours
        ]
        for place, wish in enumerate(wishes):
            found[place][kind] = wish.want.get(kind, 0)
        ruled = sum(wish.want.get(kind, 0) for wish in wishes if not wish.ours)
        for claim, count in _split(claims, max(0, there - ruled)):
            found[claim.place][kind] = count
    return found


def _split(claims: Sequence[_Claim], there: int) -> list[tuple[_Claim, int]]:
    ordered = sorted(claims, key=lambda claim: (-claim.priority, claim.key))
    classes = [list(each) for _, each in groupby(ordered, key=lambda claim: claim.priority)]
    given = {claim.place: 0 for claim in ordered}
    for floors in (True, False):
        for members in classes:
            missing = [(claim.floor if floors else claim.want) - given[claim.place] for claim in members]
            parts = filled(min(there, sum(missing)), missing, [claim.weight for claim in members])
            for claim, part in zip(members, parts, strict=True):
                given[claim.place] += part
            there -= sum(parts)
    return [(claim, given[claim.place]) for claim in ordered]


def filled(amount: int, caps: Sequence[int], weights: Sequence[float]) -> list[int]:
    """The amount by weight, none above its cap; what one can't take goes to the others. Whole numbers; ties go to the first."""
    parts, open_ones = [0.0] * len(caps), {place for place, cap in enumerate(caps) if cap > 0}
    left = float(amount)
    while open_ones and left > 1e-9:
        total = sum(max(weights[place], 1e-9) for place in open_ones)
        rates = {place: left * max(weights[place], 1e-9) / total for place in sorted(open_ones)}
        full = [place for place, rate in rates.items() if parts[place] + rate >= caps[place] - 1e-9]
        for place in full or rates:
            rate = min(rates[place], caps[place] - parts[place])
            parts[place] += rate
            left -= rate
        open_ones -= set(full) if full else open_ones
    return _whole(amount, caps, parts)


def _whole(amount: int, caps: Sequence[int], parts: Sequence[float]) -> list[int]:
    """By the largest remainders."""
    whole = [min(cap, math.floor(part + 1e-9)) for cap, part in zip(caps, parts, strict=True)]
    order = sorted(range(len(parts)), key=lambda place: (whole[place] - parts[place], place))
    left = min(amount, sum(caps)) - sum(whole)
    while left > 0:
        for place in order:
            if left > 0 and whole[place] < caps[place]:
                whole[place] += 1
                left -= 1
    return whole
