"""The arithmetic of a Deployment: how large each of its ReplicaSets may be at this moment."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from antiphon_sandbox.controllers.int_or_percent import scaled
from antiphon_sandbox.objects import Obj, walk


@dataclass(frozen=True, slots=True)
class Limits:
    """Pods wanted, and how many more or fewer there may be on the way."""

    desired: int
    surge: int
    unavailable: int

    @property
    def most(self) -> int:
        """Pods at one time."""
        return self.desired + self.surge

    @property
    def least(self) -> int:
        """Available pods at any time."""
        return self.desired - self.unavailable


@dataclass(frozen=True, slots=True)
class Share:
    """One ReplicaSet's part. `most_then` is what `Limits.most` was when it was last sized, 0 when nobody wrote it down."""

    name: str
    replicas: int
    available: int
    most_then: int = 0


Sizes = Mapping[str, int]
"""Replicas by ReplicaSet; those that stay as they are may be missing."""


def limits_of(deployment: Obj) -> Limits:
    """Recreate knows neither surge nor unavailability; if both round to 0, one pod may be unavailable."""
    spec = deployment["spec"]
    desired = 1 if spec.get("replicas") is None else int(spec["replicas"])
    if walk(spec, "strategy", "type") == "Recreate":
        return Limits(desired, 0, 0)
    rolling = walk(spec, "strategy", "rollingUpdate") or {}
    surge = scaled(rolling.get("maxSurge", "25%"), desired, "up")
    unavailable = scaled(rolling.get("maxUnavailable", "25%"), desired, "down")
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Limits(desired, surge, min(unavailable, desired))


def new_size(limits: Limits, new: Share, old: Iterable[Share]) -> int:
    """The newest ReplicaSet grows into what room there is, and shrinks at once to what is wanted."""
    if new.replicas >= limits.desired:
        return limits.desired
    room = limits.most - new.replicas - sum(share.replicas for share in old)
    return new.replicas + max(0, min(room, limits.desired - new.replicas))


def old_sizes(limits: Limits, new: Share, old: Sequence[Share]) -> Sizes:
    """Old ReplicaSets, oldest first, give up the pods that serve nobody, then what can be spared of the others."""
    total = new.replicas + sum(share.replicas for share in old)
    spare = total - limits.least - (new.replicas - new.available)
    if spare <= 0:
        return {}
    sizes = {share.name: share.replicas for share in old}
    _take(sizes, {share.name: max(share.replicas - share.available, 0) for share in old}, spare)
    available = new.available + sum(share.available for share in old)
    _take(sizes, dict(sizes), available - limits.least)
    return sizes


def _take(sizes: dict[str, int], at_most: Sizes, count: int) -> None:
    """Takes `count` in all, in order, and of each at most that."""
    for name, most in at_most.items():
        taken = max(min(most, count), 0)
        sizes[name] -= taken
        count -= taken


def resized(limits: Limits, shares: Sequence[Share], pods: int) -> Sizes:
    """Several ReplicaSets at a change of scale: each keeps its part of the whole; what rounding leaves goes to the first.

    `shares` are in the order in which they are served; `pods` are how many there are now.
    """
    most = limits.most if limits.desired else 0
    to_add = most - sum(share.replicas for share in shares)
    sizes, added = {}, 0
    for share in shares:
        part = _clamped(_growth(limits, share, pods), to_add - added) if share.replicas else 0
        sizes[share.name] = share.replicas + part
        added += part
    if shares:
        sizes[shares[0].name] = max(sizes[shares[0].name] + to_add - added, 0)
    return sizes


def _growth(limits: Limits, share: Share, pods: int) -> int:
    """What the share gains, or loses when negative."""
    most_then = share.most_then or pods
    if limits.desired == 0 or most_then == 0:
        return -share.replicas
    return math.floor(share.replicas * limits.most / most_then + 0.5) - share.replicas


def _clamped(growth: int, left: int) -> int:
    """The growth, as far as what is left goes, in the direction of what is left."""
    return max(min(growth, left), 0) if left >= 0 else min(max(growth, left), 0)
