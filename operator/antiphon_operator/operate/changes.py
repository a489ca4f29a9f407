"""Which change of a status is worth a write now, and which may wait. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from antiphon_operator.objects import Obj
from antiphon_operator.operate.reasons import SLA_MET

_COUNTS = ("sessions", "capacity", "p95Ms")
"""They change with every call; people look at them, nothing waits for them."""
_FIGURES = ("observed", "samples", "attainment", "errorBudgetLeft")
"""The same, of an objective. Its state is news."""

_MAY_GO = ("stages", "groups", "tuning", "partition", "selector", "p95Ms", "objectives", "decisions", "control")


def same(before: Mapping[str, Any], after: Obj) -> bool:
    """Whether what we say is there already. What others say of the same status is theirs."""
    return all(before.get(name) == value for name, value in after.items()) and not _gone(before, after)


def _gone(before: Mapping[str, Any], after: Obj) -> set[str]:
    """Fields of ours that are no longer said. Empty lists are the API server's own: their default."""
    return {name for name in _MAY_GO if before.get(name)} - after.keys()


def only_counts(before: Mapping[str, Any], after: Obj) -> bool:
    """Whether nothing but counts of sessions, and figures of objectives, differs."""
    return same(_without_counts(before), _without_counts(after))


def _without_counts(status: Mapping[str, Any]) -> Obj:
    plain = {name: value for name, value in status.items() if name not in _COUNTS}
    for name, fleeting in (("groups", _COUNTS), ("objectives", _FIGURES)):
        if name in plain:
            plain[name] = [_without(each, fleeting) for each in plain[name]]
    if "conditions" in plain:
        plain["conditions"] = [
            _without(each, ("message",) if each["type"] == SLA_MET else ()) for each in plain["conditions"]
        ]
    return plain


def _without(each: Mapping[str, Any], fleeting: tuple[str, ...]) -> Obj:
    return {name: value for name, value in each.items() if name not in fleeting}
