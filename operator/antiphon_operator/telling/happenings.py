"""The Events that tell of an agent: those about itself and about what it became."""

from __future__ import annotations

import re
from collections.abc import Iterable

from antiphon_operator.names import child_name
from antiphon_operator.objects import Obj, name_of, uid_of

_TAIL = {"Deployment": "", "ReplicaSet": r"-[^-]+", "Pod": r"-[^-]+-[^-]+"}
"""What Kubernetes adds to the name of a Deployment in the names of what it makes."""


def events_of(agent: str, groups: Iterable[str], events: Iterable[Obj]) -> list[Obj]:
    """Those of the agent, the oldest first; one that both Event APIs list is there once."""
    children = [re.escape(child_name(agent, group)) for group in groups]
    found = {uid_of(event): event for event in events if _is_about(agent, children, regarded(event))}
    return sorted(found.values(), key=time_of)


def _is_about(agent: str, children: list[str], regarding: Obj) -> bool:
    kind, name = regarding.get("kind", ""), str(regarding.get("name", ""))
    if kind == "VoiceAgent":
        return name == agent
    return kind in _TAIL and any(re.fullmatch(child + _TAIL[kind], name) for child in children)


def regarded(event: Obj) -> Obj:
    """What it is about, in the form of either API."""
    return event.get("regarding") or event.get("involvedObject") or {}


def time_of(event: Obj) -> str:
    """When it was last seen, as RFC 3339 in UTC; such times sort as texts."""
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("deprecatedLastTimestamp"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    return str(next((time for time in times if time), ""))


def count_of(event: Obj) -> int:
    counts = ((event.get("series") or {}).get("count"), event.get("count"), event.get("deprecatedCount"))
    return int(next((count for count in counts if count), 1))


def text_of(event: Obj) -> str:
    return str(event.get("note") or event.get("message") or "").strip()


def object_of(event: Obj) -> str:
    regarding = regarded(event)
    return f"{regarding.get('kind', 'Object')}/{regarding.get('name') or name_of(event)}"
