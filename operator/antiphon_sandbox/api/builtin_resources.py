"""Checks of what containers request and are limited to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from antiphon_sandbox.api.builtin_checks import NOT_NEGATIVE, problem, required
from antiphon_sandbox.api.causes import Cause
from antiphon_sandbox.api.names import label_key_problem
from antiphon_sandbox.api.schema_checks import invalid
from antiphon_sandbox.objects import Obj
from antiphon_sandbox.quantities import amount_of

_STANDARD = frozenset({"cpu", "memory", "ephemeral-storage"})
_WHOLE_SAYS = "must be an integer"


def is_standard(name: str) -> bool:
    """A resource of every node, that may be shared out in parts."""
    return name in _STANDARD or name.startswith("hugepages-")


def is_extended(name: str) -> bool:
    """A resource that somebody else counts, such as a device: whole numbers, and never promised twice."""
    return "/" in name and not name.partition("/")[0].endswith("kubernetes.io") and not name.startswith("requests.")


def container_resources(resources: Obj, path: str) -> Iterator[Cause]:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, limit in limits.items():
        yield from _amount(name, limit, f"{path}.limits")
    for name, request in requests.items():
        yield from _amount(name, request, f"{path}.requests")
        if name in limits:
            yield from _within(name, request, limits[name], f"{path}.requests")
        elif is_extended(name):
            yield required(f"{path}.limits", "Limit must be set for non overcommitable resources")


def _amount(name: str, quantity: Any, path: str) -> Iterator[Cause]:
    field = f"{path}[{name}]"
    yield from problem(name, label_key_problem(name), field)
    if "/" not in name and not is_standard(name):
        yield invalid(name, "must be a standard resource for containers", field)
    yield from quantity_causes(quantity, field, whole=is_extended(name))


def quantity_causes(quantity: Any, field: str, whole: bool = False) -> Iterator[Cause]:
    """Zero or more, and whole where parts mean nothing."""
    try:
        amount = amount_of(quantity)
    except ValueError as error:
        yield invalid(quantity, str(error), field)
        return
    if amount < 0:
        yield invalid(quantity, NOT_NEGATIVE, field)
    if whole and amount.denominator != 1:
        yield invalid(quantity, _WHOLE_SAYS, field)


def _within(name: str, request: Any, limit: Any, field: str) -> Iterator[Cause]:
    wanted, most = _amount_or_none(request), _amount_or_none(limit)
    if wanted is None or most is None:
        return
    if is_extended(name) and wanted != most:
        yield invalid(request, f"must be equal to {name} limit of {limit}", field)
    elif wanted > most:
        yield invalid(request, f"must be less than or equal to {name} limit of {limit}", field)


def _amount_or_none(quantity: Any) -> Fraction | None:
    try:
        return amount_of(quantity)
    except ValueError:
        return None


def amounts(quantities: Mapping[str, Any] | None, path: str) -> Iterator[Cause]:
    """Quantities by any qualified names, as quotas and nodes have them."""
    for name, quantity in (quantities or {}).items():
        field = f"{path}[{name}]"
        yield from problem(name, label_key_problem(name), field)
        yield from quantity_causes(quantity, field)
