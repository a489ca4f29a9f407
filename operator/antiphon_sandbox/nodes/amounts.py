"""What pods ask for and nodes have, as whole thousandths of a unit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache

from antiphon_sandbox.objects import Obj
from antiphon_sandbox.quantities import amount_of

Amounts = dict[str, int]


@lru_cache(maxsize=4096)
def thousandths(quantity: str | int | float) -> int:
    """Rounded up, as Kubernetes does."""
    return math.ceil(amount_of(quantity) * 1000)


def amounts(quantities: Mapping[str, str | int | float] | None) -> Amounts:
    return {name: thousandths(quantity) for name, quantity in (quantities or {}).items()}


def total(parts: Iterable[Amounts]) -> Amounts:
    found: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            found[name] = found.get(name, 0) + amount
    return found


def largest(parts: Iterable[Amounts]) -> Amounts:
    found: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            found[name] = max(found.get(name, 0), amount)
    return found


def requested(pod: Obj) -> Amounts:
    """By the scheduler's rule: all containers at once, or the largest step on the way there, and the overhead."""
    spec = pod["spec"]
    sidecars: list[Amounts] = []
    steps: list[Amounts] = []
    for container in spec.get("initContainers") or ():
        asked = _asked(container)
        if container.get("restartPolicy") == "Always":
            sidecars.append(asked)
            steps.append(total(sidecars))
        else:
            steps.append(total([*sidecars, asked]))
    running = total([*sidecars, *map(_asked, spec["containers"])])
    return {**total([largest([running, *steps]), amounts(spec.get("overhead"))]), "pods": 1000}


def _asked(container: Obj) -> Amounts:
    resources = container.get("resources") or {}
    return amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})})
