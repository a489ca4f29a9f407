"""Which change of a status is worth a write now, and which may wait. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from antiphon_operator.objects import Obj

_COUNTS = ("sessions", "capacity")
"""They change with every call; people look at them, nothing waits for them."""


def same(before: Mapping[str, Any], after: Obj) -> bool:
    """Whether what we say is there already. What others say of the same status is theirs."""
    return all(before.get(name) == value for name, value in after.items()) and not _gone(before, after)


def _gone(before: Mapping[str, Any], after: Obj) -> set[str]:
    """Fields of ours that are no longer said. Empty lists are the API server's own: their default."""
    return {name for name in ("stages", "groups", "tuning", "partition", "selector") if before.get(name)} - after.keys()


def only_counts(before: Mapping[str, Any], after: Obj) -> bool:
    """Whether nothing but counts of sessions differs."""
    return same(_without_counts(before), _without_counts(after))


def _without_counts(status: Mapping[str, Any]) -> Obj:
    plain = {name: value for name, value in status.items() if name not in _COUNTS}
    if "groups" in plain:
        plain["groups"] = [
            {name: value for name, value in group.items() if name not in _COUNTS} for group in plain["groups"]
        ]
    return plain
